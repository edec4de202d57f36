/**
 * Compiles lib, spec, demo, bench and examples once, into a tree like that of the project, and prints its path. A spec of
 * that tree needs no TypeScript loader, which takes longer to start than most specs take to run.
 */
import { readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const INTO = 'node_modules/.cache/chat-api/compiled';
const COMPILED = ['bench', 'demo', 'examples', 'lib', 'spec'];
/** What lib reads beside itself. By `package.json` a spec finds the folder of the project (`spec/support/root.ts`). */
const LINKED = ['config', 'dist', 'package.json'];

const filesOf = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((name) => !name.includes('node_modules'));
const isSource = (name) => name.endsWith('.ts') && !name.endsWith('.d.ts');

rmSync(INTO, { recursive: true, force: true });
const files = COMPILED.flatMap(filesOf);
await build({
  entryPoints: files.filter(isSource),
  outbase: '.',
  outdir: INTO,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'inline',
  logLevel: 'warning',
});
for (const name of LINKED) symlinkSync(resolve(name), join(INTO, name));
process.stdout.write(`${INTO}\n`);
