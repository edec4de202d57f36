/**
 * Every command in README and docs: it runs as it is written, or is listed here with the reason why it does
 * not run.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import t from 'tap';
import { readConfig } from '../lib/config/index.js';
import { warningsOf } from '../lib/config/warnings.js';
import { right } from './support/config.js';
import { blocksIn, headingsIn, anchorsIn } from './support/docs.js';
import { startPod } from './support/pod.js';
import { startRedis } from './support/redis.js';
import { ROOT } from './support/root.js';

const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const textOf = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

/** What stands for something else in it: run by another spec, or not to be run here. */
const NOT_RUN: readonly (readonly [command: RegExp, why: string])[] = [
  [/^npm (ci|install|prune|run build|pack)\b/, 'spec/install.spec.ts installs, builds and packs'],
  [/^NODE_ENV=production node dist\/main\.js$/, 'spec/process.spec.ts starts it'],
  [/^node --experimental-permission /, 'spec/permissions.spec.ts runs it'],
  [/^node (-p|--env-file=)/, 'the next test runs it'],
  [/^(docker|kubectl|k6|nginx|kill|systemctl)\b/, 'spec/deploy checks and runs its files'],
  [/^npm run (cluster|k6|workers|dashboards|image|rolling)\b/, 'spec/deploy runs a small form'],
  [/^WORKERS=auto npm start$/, 'spec/workers.spec.ts starts it'],
  [/^OTEL_EXPORTER_OTLP_ENDPOINT=\S+ npm start$/, 'spec/tracing.spec.ts starts it'],
  [/^npx chat-api token /, 'spec/cli runs it, and spec/demo as the page names it'],
  [/^npx wscat /, 'a package that is not ours, and it waits for a person'],
];

/** The lines of `sh` blocks, without their comments. */
const commandsIn = (text: string): readonly string[] =>
  blocksIn(text, 'sh').flatMap((block) =>
    block
      .split('\n')
      .map((line) => line.replace(/(^|\s+)# .*$/, '').trim())
      .filter((line) => line !== ''),
  );

const shell = (
  command: string,
): Promise<{ readonly code: number | null; readonly output: string }> =>
  new Promise((resolve) => {
    const child = spawn('sh', ['-c', command]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('close', (code) => resolve({ code, output }));
  });

t.test('when a command stands in a document, then it works', async (t) => {
  const redis = await startRedis({});
  t.teardown(redis.stop);
  const pod = await startPod(t, {
    broker: { redisUrl: `redis://127.0.0.1:${redis.port}` },
    access: { authEnabled: false },
  });
  let ran = 0;
  for (const name of DOCUMENTS)
    for (const command of commandsIn(textOf(name))) {
      if (NOT_RUN.some(([pattern]) => pattern.test(command))) continue;
      const here = command
        .replaceAll(':8000', `:${pod.port}`)
        .replace(/^curl /, 'curl -sS --fail-with-body ')
        .replace(/^redis-cli /, `redis-cli -e -p ${redis.port} `);
      t.match(command, /^(curl|redis-cli) /, `${name}: run by nobody: ${command}`);
      const { code, output } = await shell(here);
      t.equal(code, 0, `${name}: ${command}\n${output}`);
      ran++;
    }
  t.ok(ran >= 5, `${ran} were run`);
});

t.test('when the backend of the protocol runs, then it publishes and reads', async (t) => {
  const pod = await startPod(t, { access: { authEnabled: false } });
  const [program = ''] = blocksIn(textOf('docs/protocol.md'), 'python');
  const folder = t.testdir({ 'backend.py': program.replace(':8000', `:${pod.port}`) });
  const client = await pod.connect('/ws/general');
  const { code, output } = await shell(`/usr/bin/python3 ${folder}/backend.py`);
  t.equal(code, 0, output);
  t.equal(output, "True {'content': 'hi'}\n");
  await client.received({ type: 'chat', room: 'general', data: { content: 'hi' }, from: 'api' });

  const wrong = t.testdir({
    'wrong.py': program.replace(':8000', `:${pod.port}`).replace('"/messages"', '"/mesages"'),
  });
  t.match(await shell(`/usr/bin/python3 ${wrong}/wrong.py`), {
    code: 1,
    output: /did you mean|messages/,
  });
});

t.test(
  'when README makes a secret, a key and a token, then the service accepts them',
  async (t) => {
    const readme = textOf('README.md');
    const commandOf = (start: string): string =>
      commandsIn(readme).find((command) => command.startsWith(start)) ?? `no command ${start}`;
    const blockOf = (language: string, part: string): string =>
      blocksIn(readme, language).find((block) => block.includes(part)) ?? `no block ${part}`;
    const value = async (): Promise<string> => (await shell(commandOf('node -p '))).output.trim();
    const [secret, key] = [await value(), await value()];
    const dotEnv = blockOf('ini', 'JWT_SECRET')
      .replace('the first value', secret)
      .replace('the second value', key);
    const directory = t.testdir({ '.env': dotEnv, 'token.mjs': blockOf('js', 'createHmac') });
    const config = right(readConfig(parseEnv(dotEnv), undefined));
    t.strictSame(warningsOf(config), []);
    const { access } = config;
    t.match(access, { authEnabled: true, jwtSecret: secret, apiKeys: [key] });
    const pod = await startPod(t, { access });
    const { output } = await shell(`cd '${directory}' && ${commandOf('node --env-file=')}`);
    const client = await pod.connect(`/ws/general?token=${output.trim()}`);
    t.equal(client.userId, 'alice');
    const [, claims = ''] = output.split('.');
    const { exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as {
      readonly exp: number;
    };
    t.ok(Math.abs(exp - Date.now() / 1_000 - 3_600) < 60, 'for an hour');
    const curl = commandOf("curl -H 'X-API-Key: KEY'")
      .replace('X-API-Key: KEY', `X-API-Key: ${key}`)
      .replace(':8000', `:${pod.port}`)
      .replace(/^curl /, 'curl -sS --fail-with-body ');
    const sent = await shell(curl);
    t.equal(sent.code, 0, sent.output);
    await client.received({ type: 'chat', room: 'general', from: 'api' });
  },
);

t.test('when a client sends the messages of README, then the service accepts them', async (t) => {
  const pod = await startPod(t);
  const client = await pod.connect('/ws/general');
  const messages = blocksIn(textOf('README.md'), 'json')
    .flatMap((block) => block.split('\n'))
    .filter((line) => line.startsWith('{"type"'));
  t.equal(messages.length, 4);
  for (const message of messages) client.socket.send(message);
  await client.received({ data: { event: 'joined', room: 'other', ref: 'j1' } });
  await client.received({ type: 'chat', room: 'other', data: { content: 'hi' } });
  await client.received({ type: 'presence', room: 'general', data: { status: 'away' } });
  await client.received({ type: 'chat', room: undefined, data: { content: 'hi, everybody' } });
  t.strictSame(client.all({ type: 'error' }), []);
});

t.test('when a document links to a heading, then the heading exists', async (t) => {
  let seen = 0;
  for (const name of [...DOCUMENTS, 'CHANGELOG.md'])
    for (const [path, anchor] of anchorsIn(textOf(name))) {
      const target = path === '' ? name : join(dirname(name), path);
      t.ok(headingsIn(textOf(target)).includes(anchor), `${name}: ${path}#${anchor}`);
      seen++;
    }
  t.ok(seen >= 10, `${seen} links`);
});

t.test('when a rule stands in the protocol, then its heading has a number', async (t) => {
  const titles = [...textOf('docs/protocol.md').matchAll(/^##+ (.+)$/gm)];
  const numbers = titles.map(([, title = '']) => /^(\d+(?:\.\d+)?)\.? /.exec(title)?.[1] ?? title);
  let [section, part] = [0, 0];
  for (const number of numbers) {
    if (number.includes('.')) part++;
    else [section, part] = [section + 1, 0];
    t.equal(number, part === 0 ? `${section}` : `${section}.${part}`);
  }
});

/** Paths of sources in a text: a folder of the repository, or a file, from the repository or from lib. */
const SOURCES = /(?<![\w./*-])(?:(?:lib|spec|bench)\/[\w./-]*\w|[\w./-]+\.ts\b)/g;

t.test('when a document names a source file or folder, then it exists', async (t) => {
  let seen = 0;
  for (const name of DOCUMENTS)
    for (const [path] of textOf(name).matchAll(SOURCES)) {
      const exists = existsSync(join(ROOT, path)) || existsSync(join(ROOT, 'lib', path));
      t.ok(exists, `${name}: ${path}`);
      seen++;
    }
  t.ok(seen >= 50, `${seen} paths`);
});

t.test('when a comment in lib names a source file, then it exists', async (t) => {
  const sources = ['lib', 'spec'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(
      (path) => `/${folder}/${path}`,
    ),
  );
  let seen = 0;
  for (const file of sources.filter((path) => /^\/lib\/.*\.ts$/.test(path)))
    for (const [path] of textOf(file).matchAll(/(?<![\w./-])[\w./-]+\.ts\b/g)) {
      t.ok(
        sources.some((source) => source.endsWith(`/${path}`)),
        `${file}: ${path}`,
      );
      seen++;
    }
  t.ok(seen >= 20, `${seen} names`);
});

t.test('when a script is named, then package.json has it', async (t) => {
  const { scripts } = JSON.parse(textOf('package.json')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  for (const name of DOCUMENTS)
    for (const [, script = ''] of textOf(name).matchAll(/npm run (?:--silent )?([\w:-]+)/g))
      t.ok(Object.hasOwn(scripts, script), `${name}: npm run ${script}`);
});

t.test('when there is no demo page, then the page at / names the endpoints', async (t) => {
  const { get } = await startPod(t, { server: { basePath: '/chat', demoPage: false } });
  const { status, headers, body } = await get('/');
  t.equal(status, 200);
  t.match(headers['content-type'], 'text/html');
  for (const [, link = ''] of body.matchAll(/href="(\/[^"]*)"/g))
    t.equal((await get(link)).status, 200, link);
  t.match(body, '/chat/ws/{room}');
});
