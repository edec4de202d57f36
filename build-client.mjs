/**
 * Bundles the client for applications: one file with rxjs inside, one that imports rxjs, and the part that both
 * load for `share`. Prints their sizes beside the limits; a size above its limit fails the build.
 *
 * esbuild bundles, terser makes the result smaller: 0.4 kB gzipped of the 6 kB.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { minify } from 'terser';

const ROOT = import.meta.dirname;

/**
 * Properties of the client's own state, which nobody sees: their names are shortened. No name of a platform, of
 * rxjs, of the wire or of an application's options may be in this list, nor one that the part for `share` has in
 * common with the client (`RunnerDeps`): that file keeps its names.
 */
const INTERNAL = [
  'again',
  'chance',
  'connections',
  'counter',
  'dispatch',
  'effects',
  'failures',
  'final',
  'hasToken',
  'isAsking',
  'isDegraded',
  'isDraining',
  'isHidden',
  'isPinged',
  'isSent',
  'isTokenRefused',
  'lasts',
  'lastId',
  'liveAt',
  'nowMs',
  'out',
  'outbox',
  'outside',
  'ownIds',
  'pageState',
  'perSecond',
  'presences',
  'refreshAt',
  'rooms',
  'sentOn',
  'session',
  'setBack',
  'shown',
  'silentAt',
  'socket',
  'state\\$',
  'text',
  'to',
  'tokens',
  'tokensAt',
  'until',
  'uses',
  'wakeAt',
  'what',
];

const MANGLED = new RegExp(`^(${INTERNAL.join('|')})$`);

const BUNDLES = [
  { file: 'client.js', entry: 'index.ts', external: [], limit: 14_000, mangleProps: MANGLED },
  {
    file: 'client-without-rxjs.js',
    entry: 'index.ts',
    external: ['rxjs'],
    limit: 6_000,
    mangleProps: MANGLED,
  },
  // nothing of rxjs is in it. Its names stay, as tabs with another build get its messages
  { file: 'client-share.js', entry: 'share/share.ts', external: [], limit: 9_000 },
];

/** The part for `share` is a file beside the bundle, which is loaded when it is used. */
const sharePart = {
  name: 'share part',
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/share\.js$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './client-share.js', external: true } : undefined,
    ),
};

/**
 * Short lines, as Node prints the whole line of an uncaught error: line breaks in place of semicolons cost 6 bytes.
 *
 * @type {import('terser').MinifyOptions}
 */
const TERSER = {
  module: true,
  ecma: 2022,
  compress: { passes: 8, unsafe_arrows: true, pure_getters: true },
  format: { semicolons: false, max_line_len: 500 },
};

/** Returns whether all bundles are within their limits. */
export const bundleClient = async ({ isQuiet }) => {
  let isWithin = true;
  for (const { file, entry, external, limit, mangleProps } of BUNDLES) {
    const outfile = join(ROOT, 'dist/client', file);
    await build({
      entryPoints: [join(ROOT, 'lib/client', entry)],
      outfile,
      external,
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      // rxjs has its code for newer platforms under this condition: 1.7 kB less
      conditions: ['es2015'],
      mangleProps,
      plugins: [sharePart],
      legalComments: 'none',
      logLevel: 'warning',
    });
    const { code } = await minify(readFileSync(outfile, 'utf8'), TERSER);
    writeFileSync(outfile, code);
    const gzipped = gzipSync(readFileSync(outfile), { level: 9 }).length;
    const sizes = `${statSync(outfile).size} bytes, ${gzipped} gzipped`;
    if (!isQuiet) process.stdout.write(`dist/client/${file}: ${sizes} (limit ${limit})\n`);
    if (gzipped > limit) isWithin = false;
    const types = entry.replace(/ts$/, 'js');
    writeFileSync(outfile.replace(/\.js$/, '.d.ts'), `export * from './${types}';\n`);
  }
  return isWithin;
};
