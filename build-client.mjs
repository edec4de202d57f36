/**
 * Bundles the client for applications: one file with rxjs inside, one that imports rxjs. Prints their sizes
 * beside the limits; a size above its limit fails the build.
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
 * rxjs, of the wire or of an application's options may be in this list.
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
  'isTokenRefused',
  'last',
  'lastId',
  'liveAt',
  'nowMs',
  'out',
  'outbox',
  'outside',
  'ownIds',
  'pageState',
  'presences',
  'refreshAt',
  'result',
  'retryInMs',
  'rooms',
  'send\\$',
  'sentOn',
  'session',
  'shown',
  'silentAt',
  'socket',
  'state\\$',
  'token\\$',
  'tokens',
  'tokensAt',
  'until',
  'uses',
  'wakeAt',
];

const BUNDLES = [
  { file: 'client.js', external: [], limit: 14_000 },
  { file: 'client-without-rxjs.js', external: ['rxjs'], limit: 6_000 },
];

/** @type {import('terser').MinifyOptions} */
const TERSER = { module: true, ecma: 2022, compress: { passes: 3, unsafe_arrows: true } };

/** Returns whether all bundles are within their limits. */
export const bundleClient = async ({ isQuiet }) => {
  let isWithin = true;
  for (const { file, external, limit } of BUNDLES) {
    const outfile = join(ROOT, 'dist/client', file);
    await build({
      entryPoints: [join(ROOT, 'lib/client/index.ts')],
      outfile,
      external,
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      // rxjs has its code for newer platforms under this condition: 1.7 kB less
      conditions: ['es2015'],
      mangleProps: new RegExp(`^(${INTERNAL.join('|')})$`),
      legalComments: 'none',
      logLevel: 'warning',
    });
    const { code } = await minify(readFileSync(outfile, 'utf8'), TERSER);
    writeFileSync(outfile, code);
    const gzipped = gzipSync(readFileSync(outfile), { level: 9 }).length;
    const sizes = `${statSync(outfile).size} bytes, ${gzipped} gzipped`;
    if (!isQuiet) process.stdout.write(`dist/client/${file}: ${sizes} (limit ${limit})\n`);
    if (gzipped > limit) isWithin = false;
    writeFileSync(outfile.replace(/\.js$/, '.d.ts'), "export * from './index.js';\n");
  }
  return isWithin;
};
