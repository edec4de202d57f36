/**
 * Builds the demo page (`demo/`) into `dist/demo`. It is not minified, so that the code which a browser shows can
 * be read. The client library stays a file of its own, as in the page of an application.
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = import.meta.dirname;
const COPIED = ['index.html', 'demo.css', 'icon.svg'];

const clientBeside = {
  name: 'client beside',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^chat-api\/client$/ }, () => ({ path: './client.js', external: true })),
};

export const buildDemo = async () => {
  const out = join(ROOT, 'dist/demo');
  mkdirSync(out, { recursive: true });
  for (const name of COPIED) copyFileSync(join(ROOT, 'demo', name), join(out, name));
  await build({
    entryPoints: [join(ROOT, 'demo/demo.ts')],
    outfile: join(out, 'demo.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    plugins: [clientBeside],
    logLevel: 'warning',
  });
};
