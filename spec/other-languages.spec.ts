/**
 * The clients in `examples/go` and `examples/python` against two pods, each behind a proxy that breaks its
 * connections. The waits before a reconnect are made shorter in copies of the two programs.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { BASE, type Pod, startPod } from './support/pod.js';
import { type Proxy, proxy, STALLED } from './support/proxy.js';
import { startRedis, until } from './support/redis.js';
import { SECRET, tokenOf } from './support/tokens.js';
import { ROOT } from './support/root.js';

// without a cache, Go compiles its standard library first
t.setTimeout(300_000);

const EXAMPLES = join(ROOT, 'examples');
/** Where Debian puts the library of the client in Go. */
const GORILLA = '/usr/share/gocode/src/github.com/gorilla/websocket';
const QUIET_S = 2;
const CUTS = 16;
const LOG_MESSAGES = 60;

/** The client in Python with a token, as a program that imports it. */
const WITH_TOKEN = `
import asyncio, json, sys, chat
async def token():
    return sys.argv[1]
async def main():
    show = lambda what: print(json.dumps(what), flush=True)
    room = chat.Chat(sys.argv[2], [sys.argv[3]], show, show, token)
    running = asyncio.create_task(room.run())
    show(await room.publish(sys.argv[3], (await asyncio.to_thread(sys.stdin.readline)).strip()))
    await running
asyncio.run(main())
`;

interface Printed {
  readonly message?: { readonly id: string; readonly from: string; readonly text: string };
  readonly gap?: string;
  /** `ack`, or the code of an error. */
  readonly answer?: string;
}

interface Peer {
  readonly publish: (text: string) => void;
  readonly messages: () => readonly NonNullable<Printed['message']>[];
  readonly gaps: () => readonly string[];
  readonly answers: () => readonly string[];
  readonly ended: () => boolean;
  readonly output: () => string;
  readonly proxy: Proxy;
}

interface Line {
  readonly type?: string;
  readonly id?: string;
  readonly from?: string;
  readonly gap?: string;
  readonly event?: string;
  readonly code?: string;
  readonly data?: unknown;
}

/** Python prints a gap and an answer by itself, Go the whole frame. */
const printed = (text: string): Printed => {
  const line = JSON.parse(text) as Line;
  const { type, id = '', from = '', data } = line;
  if (type === 'chat') return { message: { id, from, text: String(data) } };
  const { gap, event, code, reason } = {
    reason: '',
    ...(type === undefined ? line : (data as Line)),
  };
  if (gap !== undefined || event === 'gap') return { gap: gap ?? reason };
  return { answer: event ?? code ?? '' };
};

/** A copy in which the client waits a thirtieth of the time. */
const hurried = (source: string, from: string, to: string): string => {
  const copy = source.replace(from, to);
  t.not(copy, source, from);
  return copy;
};

const run = (command: string, args: readonly string[], cwd: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, GOFLAGS: '-mod=mod', GOPROXY: 'off', GOTOOLCHAIN: 'local' };
    const child = spawn(command, args, { cwd, env: { ...env, CGO_ENABLED: '0' } });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child
      .once('error', reject)
      .once('close', (code) => (code === 0 ? resolve(output) : reject(new Error(output))));
  });

/** Commands that run the clients: the address and the seconds of silence come after these arguments. */
const clients = async (t: Test): Promise<Readonly<Record<string, readonly string[]>>> => {
  const folder = t.testdir({});
  const python = readFileSync(join(EXAMPLES, 'python/chat.py'), 'utf8');
  writeFileSync(join(folder, 'chat.py'), hurried(python, 'min(30, 0.5 *', 'min(1, 0.02 *'));
  const go = join(folder, 'go');
  mkdirSync(go);
  writeFileSync(
    join(go, 'go.mod'),
    `module chat\ngo 1.19\nrequire github.com/gorilla/websocket v1.5.0\n` +
      `replace github.com/gorilla/websocket => ${GORILLA}\n`,
  );
  for (const name of readdirSync(join(EXAMPLES, 'go'))) {
    const source = readFileSync(join(EXAMPLES, 'go', name), 'utf8');
    const copy = name === 'chat.go' ? hurried(source, '30 * time.Second', 'time.Second') : source;
    writeFileSync(join(go, name), copy);
  }
  await run('go', ['build', '-o', 'chat', '.'], go);
  const interpreter = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
  return { go: [join(go, 'chat')], python: [interpreter, join(folder, 'chat.py')] };
};

const start = async (
  t: Test,
  name: string,
  [command = '', ...args]: readonly string[],
  to: () => number,
): Promise<Peer> => {
  const between = await proxy({ to });
  t.teardown(between.stop);
  const url = `ws://127.0.0.1:${between.port}${BASE}/ws`;
  const rooms = name === 'go' ? [`${url}/general`] : [url, 'general'];
  const child = spawn(command, [...args, ...rooms, `${QUIET_S}`]);
  t.teardown(() => child.kill('SIGKILL'));
  let [stdout, stderr, ended] = ['', '', false];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.once('close', () => (ended = true));
  const lines = (): readonly Printed[] => stdout.split('\n').slice(0, -1).map(printed);
  return {
    publish: (text) => void child.stdin.write(`${text}\n`),
    messages: () => lines().flatMap(({ message }) => message ?? []),
    gaps: () => lines().flatMap(({ gap }) => gap ?? []),
    answers: () => lines().flatMap(({ answer }) => answer ?? []),
    ended: () => ended,
    output: () => `${name}\n${stdout.slice(-2_000)}\n${stderr}`,
    proxy: between,
  };
};

t.test('when a client is in the examples, then it has under 100 lines', async (t) => {
  for (const name of ['go/chat.go', 'python/chat.py'])
    t.ok(readFileSync(join(EXAMPLES, name), 'utf8').trimEnd().split('\n').length < 100, name);
});

t.test('when connections break, then both clients resume as the protocol says', async (t) => {
  const commands = await clients(t);
  const redis = await startRedis({});
  t.teardown(redis.stop);
  const pods: Pod[] = [];
  for (const serverId of ['p1', 'p2'])
    pods.push(
      await startPod(t, {
        server: { serverId, drainMs: 500 },
        broker: { redisUrl: `redis://127.0.0.1:${redis.port}` },
        log: { logMessages: LOG_MESSAGES },
        access: { authEnabled: false },
      }),
    );
  let opened = 0;
  const up = [...pods];
  // each connection goes to the next pod, as a load balancer may do it
  const to = (): number => up[opened++ % up.length]?.port ?? 0;
  const peers: Peer[] = [];
  for (const [name, command] of Object.entries(commands))
    peers.push(await start(t, name, command, to));
  const outputs = (): string => peers.map(({ output }) => output()).join('\n');
  const all = async (what: string, is: (peer: Peer) => boolean, ms = 30_000): Promise<void> =>
    until(what, () => peers.every(is), ms).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${outputs()}`);
    });
  const witness = await pods[1]!.connect('/ws/general');
  const texts = (peer: Peer): readonly string[] => peer.messages().map(({ text }) => text);

  // who has not joined yet gets nothing of what is published before
  for (const [at, peer] of peers.entries()) peer.publish(`here ${at}`);
  await all('joined', (peer) => texts(peer).some((text) => text.startsWith('here')));
  await all('answered', (peer) => peer.answers().length === 1);

  await t.test('when links are reset, then each message comes once, in order', async (t) => {
    const sent = peers.map((): string[] => []);
    for (let cut = 0; cut < CUTS; cut++) {
      for (const [at, peer] of peers.entries())
        for (const half of ['a', 'b']) {
          const text = `${at} ${cut} ${half}`;
          peer.publish(text);
          sent[at]?.push(text);
          if (half === 'a') peers[cut % peers.length]?.proxy.reset();
          await setTimeout(60);
        }
    }
    const total = sent.flat().length;
    await all('all answered', (peer) => peer.answers().length === total / peers.length + 1);
    const marks = new Set(sent.flat());
    const inRoom = (peer: Peer): readonly string[] => texts(peer).filter((text) => marks.has(text));
    await all('all received', (peer) => inRoom(peer).length >= total);
    await witness.caughtUp();
    const published = witness
      .all({ type: 'chat' })
      .map(({ data }) => String(data))
      .filter((text) => marks.has(text));
    t.same(published.toSorted(), sent.flat().toSorted(), 'each was published once');
    for (const [at, peer] of peers.entries()) {
      t.same(inRoom(peer), published, 'the order of the log, each once');
      t.equal(new Set(peer.messages().map(({ id }) => id)).size, peer.messages().length);
      const own = published.filter((text) => text.startsWith(`${at} `));
      t.same(own, sent[at], 'in the order of the publisher');
      t.same(peer.gaps(), []);
      t.same(new Set(peer.answers()), new Set(['ack']));
    }
    t.ok(opened >= CUTS, `${opened} connections`);
  });

  await t.test('when a link is silent, then the client leaves it', async (t) => {
    const before = peers.map((peer) => peer.proxy.links().map(({ from }) => from));
    for (const peer of peers)
      for (const link of peer.proxy.links()) link.set({ down: STALLED, up: STALLED });
    const began = performance.now();
    await all('connected again', (peer) =>
      peer.proxy.links().some(({ from }) => !before.flat().includes(from)),
    );
    t.ok(performance.now() - began > QUIET_S * 1_000, 'not before it has asked');
    for (const peer of peers) peer.publish('after silence');
    await all(
      'they talk',
      (peer) => texts(peer).filter((text) => text === 'after silence').length === peers.length,
    );
  });

  await t.test('when the log is too short, then the gap is reported', async (t) => {
    for (const peer of peers) {
      await peer.proxy.refuse();
      peer.proxy.reset();
    }
    await until('nobody is connected', () =>
      peers.every((peer) => peer.proxy.links().length === 0),
    );
    for (let n = 0; n < LOG_MESSAGES + 20; n++) witness.send({ type: 'chat', data: `missed ${n}` });
    await witness.caughtUp();
    for (const peer of peers) await peer.proxy.accept();
    const kept = Array.from({ length: LOG_MESSAGES }, (_, n) => `missed ${n + 20}`);
    await all('resumed', (peer) => texts(peer).includes(kept.at(-1) ?? ''));
    for (const peer of peers) {
      t.same(peer.gaps(), ['expired']);
      t.same(
        texts(peer).filter((text) => text.startsWith('missed')),
        kept,
      );
    }
  });

  await t.test(
    'when a pod drains, then the client connects to the other one at once',
    async (t) => {
      up.splice(0, 1);
      await pods[0]?.app.stop();
      for (const peer of peers) peer.publish('after the drain');
      await all(
        'they talk',
        (peer) => texts(peer).filter((text) => text === 'after the drain').length === peers.length,
      );
      t.equal(pods[1]?.connections(), peers.length + 1);
    },
  );

  await t.test('when an operator disconnects a client, then it does not come back', async (t) => {
    const names = new Set(
      witness.all({ type: 'chat', data: 'after the drain' }).map(({ from }) => from),
    );
    t.equal(names.size, peers.length);
    for (const name of names) await pods[1]?.get(`${BASE}/connections/${name}`, 'DELETE');
    await all('they have ended', (peer) => peer.ended());
    for (const peer of peers) t.match(peer.output(), /4503/);
    t.ok(peers.every((peer) => peer.answers().every((answer) => answer === 'ack')));
  });

  await t.test(
    'when the service requires a token, then the client sends one, or ends',
    async (t) => {
      const pod = await startPod(t, { access: { authEnabled: true, jwtSecret: SECRET } });
      const toPod = (): number => pod.port;
      const alice = tokenOf({ sub: 'alice' });
      const [interpreter = '', script = ''] = commands['python'] ?? [];
      const importing = [
        'env',
        `PYTHONPATH=${dirname(script)}`,
        interpreter,
        '-c',
        WITH_TOKEN,
        alice,
      ];
      for (const [name, command] of [
        ['go', ['env', `CHAT_TOKEN=${alice}`, ...(commands['go'] ?? [])]],
        ['python', importing],
      ] as const) {
        const peer = await start(t, name, command, toPod);
        peer.publish('who am I');
        await until(`${name} talks`, () => peer.messages().length > 0, 30_000);
        t.match(peer.messages(), [{ from: 'alice', text: 'who am I' }]);
      }
      for (const [name, command] of Object.entries(commands)) {
        const refused = await start(t, name, command, toPod);
        await until(`${name} has ended`, refused.ended, 30_000);
        t.match(refused.output(), /\b401\b/);
      }
    },
  );
});
