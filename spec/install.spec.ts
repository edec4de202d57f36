/** The package as its users get it: a clone without development dependencies, and a tarball in an empty project. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import t, { type Test } from 'tap';
import { linksIn } from './support/docs.js';
import { build, doorsOf, run } from './support/pod.js';
import { ROOT } from './support/root.js';

const QUIET = ['--no-audit', '--no-fund', '--prefer-offline'];

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly output: string;
}

/** Not with tap's NODE_OPTIONS, and not as a script of npm: both would change what npm does. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_(?!config_cache|config_registry)|NODE_|TAP|INIT_CWD)/.test(name),
  ),
);

const command = (
  name: string,
  args: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(name, args, { cwd, env: { ...environment, ...env } });
    let stdout = '';
    let output = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      output += chunk.toString();
    });
    child.once('error', reject).once('close', (code) => resolve({ code, stdout, stderr, output }));
  });

const folder = (t: Test): string => {
  const path = mkdtempSync(join(tmpdir(), 'chat-api-install-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

const quietly = async (
  t: Test,
  name: string,
  args: readonly string[],
  options: Parameters<typeof command>[2],
): Promise<Ended> => {
  const ended = await command(name, args, options);
  const report = `${name} ${args.join(' ')}\n${ended.output}`;
  t.equal(ended.code, 0, report);
  t.notMatch(ended.stderr, /\b(warn|error|not found)\b/i, report);
  return ended;
};

t.test(
  'when a clone has production dependencies only, then `npm start` says how to build it',
  async (t) => {
    const clone = folder(t);
    const files = await command('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT });
    const names = files.stdout.split('\n').filter((name) => existsSync(join(ROOT, name)));
    for (const name of names.filter((name) => !/^(spec|bench)\//.test(name) && name !== '')) {
      mkdirSync(join(clone, dirname(name)), { recursive: true });
      writeFileSync(join(clone, name), readFileSync(join(ROOT, name)));
    }
    const env = { NODE_ENV: 'production' };
    await quietly(t, 'npm', ['ci', ...QUIET], { cwd: clone, env });
    t.notOk(existsSync(join(clone, 'node_modules/typescript')), 'no development dependency');
    const unbuilt = await command('npm', ['start', '--silent'], { cwd: clone, env });
    t.equal(unbuilt.code, 1);
    t.match(unbuilt.output, 'npm ci --include=dev && npm run build && npm prune --omit=dev');
    t.equal((await command('npm', ['run', 'build'], { cwd: clone })).code, 1);

    // what an image's build leaves: dist, and no compiler
    await build();
    const built = await command('node', ['build.mjs'], { cwd: ROOT });
    t.match([built.code, built.output], [0, /^dist\/client\/client\.js: \d+ bytes, \d+ gzipped/]);
    await command('cp', ['-r', join(ROOT, 'dist'), clone], { cwd: ROOT });
    const again = await command('node', ['build.mjs', '--before-start'], { cwd: clone });
    t.strictSame([again.code, again.output], [0, '']);
  },
);

t.test(
  'when the tarball is installed into an empty project, then its imports and its command work',
  async (t) => {
    await build();
    const project = folder(t);
    const packed = await quietly(
      t,
      'npm',
      ['pack', '--json', '--ignore-scripts', '--pack-destination', project],
      { cwd: ROOT },
    );
    const [{ filename, files }] = JSON.parse(packed.stdout) as readonly [
      { readonly filename: string; readonly files: readonly { readonly path: string }[] },
    ];
    const names = new Set(files.map(({ path }) => path));

    t.test(
      'when the package is packed, then it contains the files that its users need',
      async (t) => {
        t.strictSame([...names].filter((name) => !/^dist\/.*\.(js|d\.ts)$/.test(name)).toSorted(), [
          '.env.example',
          'CHANGELOG.md',
          'LICENSE',
          'README.md',
          'config/default.json',
          'config/production.json',
          'dist/demo/demo.css',
          'dist/demo/icon.svg',
          'dist/demo/index.html',
          'docs/cli.md',
          'docs/client.md',
          'docs/dashboards.md',
          'docs/demo.png',
          'docs/deployment.md',
          'docs/operations.md',
          'docs/protocol.md',
          'docs/security.md',
          'docs/tracing.md',
          'docs/workers.md',
          'package.json',
        ]);
        for (const name of names) {
          const source = name
            .replace(/^dist\/(?=demo\/)/, '')
            .replace(/^dist/, 'lib')
            // the bundles of the client
            .replace(/client\/client[a-z-]*(?=\.)/, 'client/index')
            .replace(/(\.d\.ts|\.js)$/, '.ts');
          if (name.startsWith('dist/'))
            t.ok(existsSync(join(ROOT, source)), `${source} for ${name}`);
        }
      },
    );

    t.test(
      'when a document of the package links to a file, then the file is in the package',
      async (t) => {
        for (const name of [...names].filter((name) => name.endsWith('.md')))
          for (const link of linksIn(readFileSync(join(ROOT, name), 'utf8'))) {
            const path = normalize(join(dirname(name), link));
            t.ok(names.has(path), `${name}: ${link}`);
          }
      },
    );

    writeFileSync(join(project, 'package.json'), '{"private":true}');
    await quietly(t, 'npm', ['install', ...QUIET, `./${filename}`], { cwd: project });

    t.test('when the package is imported by ESM or CommonJS, then it runs', async (t) => {
      const program = `
      const config = configOf({ server: { port: 0 } });
      const chat = app({ config: config.right });
      chat.start().then(({ port }) => chat.stop().then(() => console.log(version, port > 0)));`;
      writeFileSync(
        join(project, 'module.mjs'),
        `import { createRequire } from 'node:module';
      import { app, configOf } from 'chat-api';
      const { version } = createRequire(import.meta.url)('chat-api/package.json');${program}`,
      );
      writeFileSync(
        join(project, 'common.cjs'),
        `const { app, configOf } = require('chat-api');
      const { version } = require('chat-api/package.json');${program}`,
      );
      for (const file of ['module.mjs', 'common.cjs']) {
        const { output } = await quietly(t, process.execPath, [file], { cwd: project });
        t.equal(output, '0.1.0 true\n', file);
      }
    });

    t.test(
      'when the client of the package is imported, then it works with the server in memory',
      async (t) => {
        for (const entry of ['chat-api/client', 'chat-api/client/rxjs']) {
          writeFileSync(
            join(project, 'client.mjs'),
            `import { connect } from '${entry}';
        import { scriptedServer, virtualClock } from 'chat-api/testing';
        const clock = virtualClock();
        const server = scriptedServer({ clock });
        const chat = connect({ url: 'ws://any/ws', WebSocket: server.WebSocket, clock });
        chat.room('general').message$.subscribe(({ data }) => console.log(data));
        clock.advance(100);
        server.cut();
        server.publish('general', 'missed');
        clock.advance(1000);`,
          );
          const { output } = await quietly(t, process.execPath, ['client.mjs'], { cwd: project });
          t.equal(output, 'missed\n', entry);
        }
      },
    );

    t.test(
      'when a TypeScript project has no types of Node, then it compiles against the package',
      async (t) => {
        writeFileSync(
          join(project, 'program.mts'),
          `import { app, configOf, type Hooks, reject } from 'chat-api';
      import { createServer } from 'node:http';
      const hooks: Hooks = { onMessage: (m) => (m.data === 'spam' ? reject('no') : m) };
      const config = configOf();
      if (config._tag === 'Left') throw new Error(config.left.map(({ key }) => key).join());
      const chat = app({ config: config.right, hooks, server: createServer() });
      const { id }: { readonly id: string } = await chat.publish({ room: 'general', data: 1 });
      console.log(id, chat.readiness());`,
        );
        for (const [module, moduleResolution, types] of [
          ['node16', 'node16', undefined],
          ['esnext', 'bundler', []],
        ] as const) {
          const compilerOptions = {
            ...{ module, moduleResolution, types, strict: true, skipLibCheck: false },
            ...{ target: 'es2022', noEmit: true },
          };
          const file = 'tsconfig.json';
          writeFileSync(
            join(project, file),
            JSON.stringify({ compilerOptions, files: ['program.mts'] }),
          );
          const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
          await quietly(t, process.execPath, [tsc, '-p', file], { cwd: project });
        }
      },
    );

    t.test('when the command of the package is run, then the service starts', async (t) => {
      const bin = join(project, 'node_modules/.bin/chat-api');
      const running = run(t, [bin], { PORT: '0' }, /"port":(\d+),"msg":"listening"/);
      const { get } = doorsOf(t, await running.port());
      t.equal((await get('/health')).status, 200);
      running.signal('SIGTERM');
      t.equal(await running.ended(), 0);
    });
  },
);
