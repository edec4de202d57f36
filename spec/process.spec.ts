/**
 * The service as its users start it, `node dist/main.js`: exit codes, signals, and its output at the start
 * and the end.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { SAME_SIGNAL_MS } from '../lib/signals.js';
import type { Client, Message } from './support/client.js';
import { BASE, build, doorsOf, run, type Running, runMain, startProcess } from './support/pod.js';
import { handshakeOf } from './support/raw-client.js';
import { freePort, until } from './support/redis.js';
import { ROOT } from './support/root.js';

interface Line {
  readonly level: number;
  readonly msg: string;
}
const WARN = 40;
const FATAL = 60;

const MAIN = join(ROOT, 'dist/main.js');

/** What it logged. Each line must be JSON. */
const lines = ({ stdout }: Running): readonly Line[] =>
  stdout()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

const loud = (running: Running): readonly Line[] =>
  lines(running).filter(({ level }) => level >= WARN);

const reconnectIn = ({ data }: Message): number =>
  Number((data as { readonly reconnect_in_ms?: number }).reconnect_in_ms);

t.test(
  'when settings are invalid, then the start ends with 78 and a line for each, secrets masked',
  async (t) => {
    const running = await runMain(t, {
      PORT: 'http',
      LOG_LEVEL: 'loud',
      PING_INTERVAL_MS: '70000',
      REDIS_URL: 'http://user:hunter2@h',
      API_KEYS: 'hunter2,,x',
    });
    t.equal(await running.ended(), 78);
    t.equal(lines(running).length, 5, 'standard output is a log here: it has them too');
    for (const { level, msg } of lines(running)) {
      t.equal(level, FATAL);
      t.match(msg, /^configuration: \w+=.*: expected /);
    }
    t.notMatch(running.stdout(), /hunter2/);
    const faults = running.stderr().split('\n');
    t.equal(faults.pop(), '', 'it ends with a line feed');
    t.equal(faults.length, 5);
    for (const key of [
      'PORT=http',
      'LOG_LEVEL=loud',
      'PING_INTERVAL_MS=70000',
      'REDIS_URL=',
      'API_KEYS=',
    ])
      t.equal(
        faults.filter((line) => line.startsWith(key) && line.includes(': expected ')).length,
        1,
        key,
      );
    t.notMatch(running.stderr(), /hunter2/);
  },
);

t.test(
  'when NODE_ENV is unknown, then the pod starts; when it is malformed, then it ends with 78',
  async (t) => {
    const running = await runMain(t, { NODE_ENV: '../secrets' });
    t.equal(await running.ended(), 78);
    t.match(running.stderr(), /^NODE_ENV=.*expected .*\n$/);
  },
);

t.test('when the port is in use, then the start ends with 1 and names the port', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const address = other.address();
  const port = typeof address === 'object' ? `${address?.port ?? 0}` : '';
  const running = await runMain(t, { PORT: port });
  t.equal(await running.ended(), 1);
  const logged = lines(running);
  t.match(loud(running), [{ msg: /another program has the port.*PORT=/ }]);
  t.match(logged.at(-1)?.msg, `could not listen on 127.0.0.1:${port}`, 'the last line');
  t.notMatch(running.stdout() + running.stderr(), /node:net|\bat /, 'no stack');
  t.notMatch(running.stdout(), /broker: up|"listening"/);
});

t.test(
  'when SIGTERM comes, then messages go on until each close, new clients are refused, and it exits 0',
  async (t) => {
    const DRAIN_MS = 2_000;
    const pod = await startProcess(t, { DRAIN_MS: `${DRAIN_MS}` });
    t.strictSame(loud(pod), [], 'nothing to warn of on a loopback address');
    const clients = await Promise.all(
      Array.from({ length: 8 }, () => pod.doors.connect('/ws/general')),
    );
    // a socket that was opened before the signal and sends nothing must not delay the exit
    await pod.doors.raw();

    const started = performance.now();
    pod.signal('SIGTERM');
    const partings = await Promise.all(
      clients.map(async (client) => ({
        client,
        inMs: reconnectIn(await client.received({ data: { event: 'draining' } })),
      })),
    );
    partings.sort((a, b) => a.inMs - b.inMs);
    t.ok(
      partings.every(({ inMs }) => inMs >= 0 && inMs <= 0.7 * DRAIN_MS),
      'within 70 % of the drain',
    );
    t.ok(partings.at(-1)!.inMs - partings[0]!.inMs > 0.3 * DRAIN_MS, 'spread');

    const ready = await pod.doors.get('/ready');
    t.equal(ready.status, 503);
    t.strictSame(JSON.parse(ready.body), { status: 'draining' });
    t.equal((await pod.doors.get('/health')).status, 200);
    t.equal((await pod.doors.get(`${BASE}/ws/stats`)).status, 200);
    for (const path of ['/ws/general', '/ws']) {
      const late = await pod.doors.raw();
      late.write(handshakeOf(BASE + path));
      const { status, headers } = await late.answer();
      t.equal(status, 503, path);
      t.match(headers.get('retry-after'), /^[1-9]\d*$/);
      t.match(headers.get('content-type'), 'application/problem+json');
    }

    const speaker = partings.at(-1)!.client;
    let sent = 0;
    const speaking = setInterval(() => speaker.send({ type: 'chat', data: ++sent }), 20);
    t.teardown(() => clearInterval(speaking));
    for (const { client, inMs } of partings) {
      t.equal(await client.closed(), 1001);
      const took = performance.now() - started;
      t.ok(
        took > inMs - 20 && took < inMs + 400,
        `told ${inMs} ms, closed after ${Math.round(took)}`,
      );
      if (client === speaker) clearInterval(speaking);
      else if (inMs > 500) {
        const last = client.all({ type: 'chat' }).at(-1);
        t.ok(
          sent - Number(last?.data) < 15,
          `${String(last?.data)} of ${sent} had come when it was closed`,
        );
      }
    }
    t.ok(sent > 5, `${sent} were said meanwhile`);
    t.equal(await pod.ended(), 0);
    const took = performance.now() - started;
    t.ok(took < DRAIN_MS, `ended after ${took} ms`);
    t.equal(pod.stderr(), '', 'no unhandled rejection, no warning');
    t.strictSame(loud(pod), []);
  },
);

t.test(
  'when SIGTERM comes without clients, then the process ends at once; a silent peer delays it for a moment',
  async (t) => {
    const empty = await startProcess(t, { DRAIN_MS: '10000' });
    const started = performance.now();
    empty.signal('SIGTERM');
    t.equal(await empty.ended(2_000), 0);
    t.ok(performance.now() - started < 2_000);

    const pod = await startProcess(t, { DRAIN_MS: '1000' });
    const mute = await pod.doors.raw();
    mute.write(handshakeOf(`${BASE}/ws/general`));
    await until('welcome', () => mute.texts().length > 0);
    mute.pause();
    const signalled = performance.now();
    pod.signal('SIGTERM');
    t.equal(await pod.ended(), 0);
    const took = performance.now() - signalled;
    t.ok(took < 1_200, `ended after ${took} ms`);
    t.equal(pod.stderr() + empty.stderr(), '');
  },
);

t.test(
  'when the last client has closed in a drain, then open requests are answered and the process ends',
  async (t) => {
    const pod = await startProcess(t, { DRAIN_MS: '20000' });
    const clients = [await pod.doors.connect('/ws/a'), await pod.doors.connect('/ws/a')];
    const poster = await pod.doors.raw();
    const body = '{"room":"a","data":1}';
    const head = `POST ${BASE}/messages HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n`;
    poster.write(`${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`);
    await setTimeout(200);
    const started = performance.now();
    pod.signal('SIGTERM');
    for (const client of clients) await client.received({ data: { event: 'draining' } });
    for (const client of clients) await client.close();
    await setTimeout(300);
    t.equal(pod.hasEnded(), false, 'a request is under way');
    poster.write(body.slice(5));
    const { status, headers } = await poster.answer();
    t.equal(status, 202);
    t.equal(headers.get('connection'), 'close');
    t.equal(await pod.ended(5_000), 0);
    t.ok(performance.now() - started < 5_000, 'long before the drain would be over');
  },
);

t.test('when a second signal comes, then the process ends at once', async (t) => {
  for (const [first, second, code] of [
    ['SIGTERM', 'SIGTERM', 143],
    ['SIGINT', 'SIGINT', 130],
    ['SIGINT', 'SIGTERM', 143],
  ] as const) {
    const pod = await startProcess(t, { DRAIN_MS: '20000' });
    const clients: readonly Client[] = await Promise.all(
      Array.from({ length: 20 }, () => pod.doors.connect('/ws')),
    );
    pod.signal(first);
    await clients[0]!.received({ data: { event: 'draining' } });
    if (first === second) {
      pod.signal(second);
      await setTimeout(SAME_SIGNAL_MS);
    }
    t.equal(pod.hasEnded(), false, 'the same one at once is the first one, said twice');
    const started = performance.now();
    pod.signal(second);
    t.equal(await pod.ended(2_000), code, 'and not as if all were well');
    t.ok(performance.now() - started < 1_000, `after ${performance.now() - started} ms`);
  }
});

/** Says when the handlers stand, and ends the process' group of namespaces with it. */
const LOADED =
  "data:text/javascript,process.on('newListener',(n)=>n==='SIGINT'&&console.log('ready'))";

t.test(
  'when SIGTERM comes while modules are loaded, then the process ends in order and never listens',
  async (t) => {
    await build();
    const args = ['--import', LOADED, 'dist/main.js'];
    for (const [what, flags] of [
      ['as any process', []],
      ['as process 1', ['--pid', '--fork', '--mount-proc', '--kill-child', process.execPath]],
    ] as const) {
      if (what === 'as process 1' && process.getuid?.() !== 0) {
        t.comment('only root may make a process 1');
        continue;
      }
      const [command = '', ...rest] =
        flags.length === 0 ? [process.execPath] : ['unshare', ...flags];
      const child = spawn('env', ['-u', 'NODE_OPTIONS', command, ...rest, ...args], {
        env: { PATH: process.env['PATH'], PORT: '0' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      t.teardown(() => child.kill('SIGKILL'));
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const closed = once(child, 'close');
      await until('the handlers stand', () => output.includes('ready'), 10_000);
      const pid = flags.length === 0 ? child.pid : childOf(child.pid);
      process.kill(pid ?? 0, 'SIGTERM');
      t.strictSame(await closed, [0, null], what);
      t.match(output, /"draining"[\s\S]*"ended"/, what);
      t.notMatch(output, /listening/, what);
    }
  },
);

/** The one process that another has started. */
const childOf = (pid: number | undefined): number =>
  Number(readFileSync(`/proc/${pid ?? 0}/task/${pid ?? 0}/children`, 'utf8').trim());

t.test('when the process starts, then it reads `.env` and logs what it starts', async (t) => {
  await build();
  const folder = t.testdir({ '.env': 'PORT 1\nSERVER_ID=from-file\nLOG_FORMAT=json\nPORT=1\n' });
  const running = run(
    t,
    ['-e', `process.chdir(${JSON.stringify(folder)});import(${JSON.stringify(MAIN)})`],
    {
      PORT: '0',
      REDIS_URL: `redis://user:hunter2@127.0.0.1:${await freePort()}/0`,
      DATABASE_URL: `postgres://user:hunter2@127.0.0.1:${await freePort()}/chat`,
    },
    /"port":(\d+),"msg":"listening"/,
  );
  const port = await running.port();
  t.match(lines(running)[0], {
    msg: 'starting',
    server_id: 'from-file',
    version: '0.1.0',
    node: process.version,
    broker: /^redis:\/\/127\.0\.0\.1:\d+\/0$/,
    archive: /^postgres:\/\/127\.0\.0\.1:\d+\/chat$/,
    auth: false,
  });
  t.match(lines(running)[1], { level: 40, msg: /^\.env, line 1: write NAME=value/ });
  t.match(running.stdout(), `"url":"http://127.0.0.1:${port}"`);
  running.signal('SIGTERM');
  t.equal(await running.ended(), 0);

  const people = await runMain(t, { LOG_FORMAT: 'pretty', PORT: `${await freePort()}` });
  await until('it listens', () => people.stdout().includes('listening url=http://127.0.0.1:'));
  t.match(people.stdout(), /^\d\d:\d\d:\d\d\.\d{3} INFO {2}starting version=.*broker=local/);
  t.notMatch(people.stdout(), /broker: up/, 'there is none');
  people.signal('SIGTERM');
  t.equal(await people.ended(), 0);
});

t.test(
  'when a pod without auth listens beyond loopback, then the start logs a warning',
  async (t) => {
    const running = await runMain(t, { HOST: '0.0.0.0', AUTH_ENABLED: 'false' });
    await running.port();
    await until('the warning', () => loud(running).length > 0);
    t.match(loud(running), [{ msg: /AUTH_ENABLED/ }]);
    running.signal('SIGTERM');
    t.equal(await running.ended(), 0);
  },
);

/** A thread pool of one that has other work when the end begins: what is written then does not come out before it. */
const BUSY =
  "data:text/javascript,import{pbkdf2}from'node:crypto';process.prependListener('SIGTERM',()=>pbkdf2('a','b',200000,64,'sha512',()=>{}))";

for (const [what, stdout] of [
  ['has no reader any more', 'pipe'],
  ['is a full disk', '/dev/full'],
] as const) {
  t.test(
    `when the log output ${what}, then clients are served and the end is not delayed`,
    async (t) => {
      await build();
      const port = await freePort();
      const out = stdout === 'pipe' ? stdout : openSync(stdout, 'w');
      const child = spawn(process.execPath, ['--import', BUSY, 'dist/main.js'], {
        env: { PATH: process.env['PATH'], PORT: String(port), UV_THREADPOOL_SIZE: '1' },
        stdio: ['ignore', out, 'inherit'],
      });
      if (typeof out === 'number') closeSync(out);
      let code: number | string | null | undefined;
      child.once('exit', (status, signal) => (code = status ?? signal));
      t.teardown(() => child.kill('SIGKILL'));
      const pod = doorsOf(t, port);
      const isUp = (): Promise<boolean> =>
        pod.get('/health').then(
          ({ status }) => status === 200,
          () => false,
        );
      await until('it serves', isUp, 10_000);
      child.stdout?.destroy();
      child.kill('SIGTERM');
      await until('it has ended', () => code !== undefined, 5_000);
      t.equal(code, 0);
    },
  );
}

t.test('when clients do everything wrong, then the process goes on working', async (t) => {
  const pod = await startProcess(t, {});
  for (let i = 0; i < 50; i++) {
    const raw = await pod.doors.raw();
    raw.write(handshakeOf(`${BASE}/ws/room-${i}`));
    if (i % 5 === 0)
      raw.write(Buffer.from(Array.from({ length: 200 }, (_, at) => (i * 31 + at * 17) % 256)));
    if (i % 5 === 1) await raw.answer();
    raw.destroy();
  }
  const client = await pod.doors.connect('/ws/general');
  client.send({ type: 'chat', data: 'still here' });
  await client.received({ data: 'still here' });
  const connections = async (): Promise<number> =>
    (JSON.parse((await pod.doors.get(`${BASE}/ws/stats`)).body) as { readonly connections: number })
      .connections;
  await until('the others have gone', async () => (await connections()) === 1);
  t.equal(pod.hasEnded(), false);
  await client.close();
  await until('this one too', async () => (await connections()) === 0);
  pod.signal('SIGINT');
  t.equal(await pod.ended(), 0);
  t.equal(pod.stderr(), '');
  t.strictSame(loud(pod), []);
});
