/**
 * The packed client in an application of ten lines: through Vite, esbuild and webpack, as a module of Node, and in
 * a page without a bundler. Each result talks to a real pod, with the globals of a page and none of the package's
 * folders beside it.
 */
import { build as esbuild } from 'esbuild';
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { build as vite } from 'vite';
import webpack from 'webpack';
import { BASE, build, startPod } from './support/pod.js';
import { ROOT } from './support/root.js';

t.setTimeout(600_000);

const run = promisify(execFile);
/** What an application with the client may weigh, gzipped: with all of rxjs that it needs. */
const LIMIT = 16_000;

const application = (entry: string): string => `
import { connect } from '${entry}';

const chat = connect({ url: globalThis.CHAT_URL, share: globalThis.SHARE });
const room = chat.room('general');
room.message$.subscribe(({ data }) => {
  console.log(data + globalThis.LOCKED);
  chat.close();
});
room.publish('hello').catch(console.error);
`;

/** The globals of a page that the client, or what a bundler adds, looks for. */
const page = (url: string): string => `
import { WebSocket } from '${pathToFileURL(join(ROOT, 'node_modules/ws/wrapper.mjs')).href}';
const target = new EventTarget();
const events = {
  addEventListener: target.addEventListener.bind(target),
  removeEventListener: target.removeEventListener.bind(target),
};
const link = { relList: { supports: () => true } };
const document = { ...events, visibilityState: 'visible', createElement: () => link };
Object.assign(globalThis, { ...events, WebSocket, document, self: globalThis, window: globalThis });
Object.assign(globalThis, { CHAT_URL: '${url}', SHARE: process.argv[3] === 'share', LOCKED: '' });
// the first tab gets each lock
const request = async (name, options, granted) => {
  globalThis.LOCKED = ' to all tabs';
  return granted({ name });
};
Object.defineProperty(globalThis, 'navigator', { value: { locks: { request } } });
await import(process.argv[2]);
`;

type Bundle = (folder: string, outdir: string) => Promise<unknown>;

const BUNDLERS: Readonly<Record<string, Bundle>> = {
  esbuild: (folder, outdir) =>
    esbuild({
      entryPoints: [join(folder, 'main.js')],
      outdir,
      ...{ bundle: true, minify: true, splitting: true, format: 'esm', logLevel: 'silent' },
    }),
  vite: (root, outDir) => vite({ root, logLevel: 'silent', build: { outDir } }),
  webpack: (folder, path) =>
    new Promise((resolve, reject) =>
      webpack(
        {
          ...{ mode: 'production', target: ['web', 'es2022'], context: folder },
          entry: './main.js',
          output: { path, module: true },
          experiments: { outputModule: true },
        },
        (error, stats) => {
          if (error) reject(error);
          else if (stats?.hasErrors() ?? true) reject(new Error(stats?.toString()));
          else resolve(stats);
        },
      ),
    ),
};

/** Outside of the project: nothing can be imported from its node_modules. */
const elsewhere = (t: Test): string => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-api-bundle-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

const scriptsIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.m?js$/.test(name))
    .map((name) => join(folder, name));

t.test('when the packed client is bundled, then the application runs and is small', async (t) => {
  await build();
  const project = t.testdir({ node_modules: {} });
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', project];
  const { stdout: tarball } = await run('npm', pack, { cwd: ROOT });
  const installed = join(project, 'node_modules/chat-api');
  mkdirSync(installed);
  await run('tar', ['xzf', join(project, tarball.trim()), '-C', installed, '--strip-components=1']);
  for (const name of ['rxjs', 'tslib', 'ws'])
    symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));

  const pod = await startPod(t, { access: { authEnabled: false } });
  writeFileSync(join(project, 'page.mjs'), page(`ws://127.0.0.1:${pod.port}${BASE}/ws`));
  const runs = async (script: string, ...more: readonly string[]): Promise<string> => {
    const args = [join(project, 'page.mjs'), pathToFileURL(script).href, ...more];
    const env = { PATH: process.env['PATH'] };
    const { stdout, stderr } = await run(process.execPath, args, { env, timeout: 60_000 });
    return stdout + stderr;
  };
  /** With a socket of its own, then with the part that is loaded for `share`. */
  const works = async (what: string, script: string): Promise<void> => {
    t.equal(await runs(script), 'hello\n', what);
    t.equal(await runs(script, 'share'), 'hello to all tabs\n', `${what}, share`);
  };

  for (const entry of ['chat-api/client', 'chat-api/client/rxjs']) {
    const folder = join(project, entry.replaceAll('/', '-'));
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'main.js'), application(entry));
    writeFileSync(
      join(folder, 'index.html'),
      '<!doctype html><script type="module" src="./main.js"></script>',
    );
    await works(`${entry} in Node`, join(folder, 'main.js'));
    for (const [name, bundle] of Object.entries(BUNDLERS)) {
      const out = elsewhere(t);
      await bundle(folder, out);
      writeFileSync(join(out, 'package.json'), '{"type":"module"}');
      const scripts = scriptsIn(out);
      const [main = ''] = scripts.filter((script) => /(main|index)[^/]*$/.test(script));
      const sizes = scripts.map((script) => gzipSync(readFileSync(script), { level: 9 }).length);
      t.comment(`${entry}, ${name}: ${sizes.join(' + ')} bytes gzipped`);
      t.ok(Math.max(...sizes) < LIMIT, `${name}: ${sizes.join()}`);
      await works(`${entry} through ${name}`, main);
    }
  }

  // <script type="module">: the file of the package, and those beside it
  const site = elsewhere(t);
  for (const name of readdirSync(join(installed, 'dist/client')))
    if (/^client.*\.js$/.test(name)) cpSync(join(installed, 'dist/client', name), join(site, name));
  writeFileSync(join(site, 'package.json'), '{"type":"module"}');
  writeFileSync(join(site, 'main.js'), application('./client.js'));
  await works('without a bundler', join(site, 'main.js'));
});
