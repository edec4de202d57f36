/**
 * Builds `dist` with TypeScript, and with esbuild the client's bundles (`build-client.mjs`) and the demo page
 * (`build-demo.mjs`): both are there with the development dependencies alone.
 *
 *   node build.mjs                   builds; without TypeScript it fails
 *   node build.mjs --after-install   without TypeScript there is nothing to build with, and that is no error
 *   node build.mjs --before-start    without TypeScript the `dist` that is there is started
 *
 * After an install npm calls it as `postprepare`, not as `prepare`: of a package with a script of that name npm 11 warns
 * everybody who installs the tarball, though it never runs it there.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = import.meta.dirname;
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const DIST = join(ROOT, 'dist');
/** The bundles, and the demo page, have no source in `lib`. */
const isBundle = (name) => name.startsWith('client/client') || name.startsWith('demo/');
const mode = process.argv[2];

const build = async () => {
  // standard output is the log of the service that starts next
  if (mode === '--before-start') process.stderr.write('building dist ...\n');
  const { status } = spawnSync(process.execPath, [TSC, '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) return status ?? 1;
  removeStale();
  const { bundleClient } = await import('./build-client.mjs');
  const { buildDemo } = await import('./build-demo.mjs');
  await buildDemo();
  // a build tells the sizes; a start or an install is not ended by them
  const isWithin = await bundleClient({ isQuiet: mode !== undefined });
  return isWithin || mode !== undefined ? 0 : 1;
};

/** What was built of a file that is gone would go into the package. */
const removeStale = () => {
  for (const name of readdirSync(DIST, { recursive: true, encoding: 'utf8' })) {
    const source = name.replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts');
    if (isBundle(name)) continue;
    if (name.endsWith('.map') || (source !== name && !existsSync(join(ROOT, 'lib', source))))
      rmSync(join(DIST, name));
  }
};

const withoutTypeScript = () => {
  if (mode === '--after-install') return 0;
  if (mode === '--before-start' && existsSync(join(DIST, 'main.js'))) return 0;
  process.stderr.write(
    'dist is not built, and TypeScript is not installed to build it with.\n' +
      'Run: npm ci --include=dev && npm run build && npm prune --omit=dev\n',
  );
  return 1;
};

process.exitCode = existsSync(TSC) ? await build() : withoutTypeScript();
// npx runs it, and tsc makes no program of it
if (existsSync(join(DIST, 'main.js'))) chmodSync(join(DIST, 'main.js'), 0o755);
