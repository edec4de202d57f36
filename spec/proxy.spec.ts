/** The proxy of the failure specs does to TCP what its faults name, and nothing else. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import t from 'tap';
import { STALLED, LOST, OPEN, type Proxy, proxy } from './support/proxy.js';
import { startRedis, until } from './support/redis.js';
import { framesOf } from './support/resp.js';

interface Test {
  readonly teardown: (work: () => unknown) => void;
}

interface End {
  readonly socket: Socket;
  readonly text: () => string;
  /** How it ended, for this side. */
  readonly end: () => 'fin' | 'reset' | undefined;
}

const end = (socket: Socket): End => {
  let text = '';
  let how: 'fin' | 'reset' | undefined;
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.on('end', () => (how ??= 'fin'));
  socket.on('error', () => (how = 'reset'));
  return { socket, text: () => text, end: () => how };
};

/** A client, the proxy, and the server's side of the link. */
const linked = async (t: Test): Promise<{ client: End; target: End; between: Proxy }> => {
  const targets: End[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => targets.push(end(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const between = await proxy({ to: () => (typeof address === 'object' ? address!.port : 0) });
  const socket = connect({ port: between.port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  await until('the link', () => targets.length === 1);
  const [target] = targets;
  t.teardown(async () => {
    await between.stop();
    socket.destroy();
    target!.socket.destroy();
    server.close();
  });
  return { client: end(socket), target: target!, between };
};

const both = async ({ client, target }: { client: End; target: End }, text: string) => {
  client.socket.write(text);
  await until(`up: ${text}`, () => target.text().endsWith(text));
  target.socket.write(text);
  await until(`down: ${text}`, () => client.text().endsWith(text));
};

t.test('when the proxy is open, then all bytes pass', async (t) => {
  const link = await linked(t);
  await both(link, 'hello');
  link.client.socket.end('bye');
  await until('the end comes behind the bytes', () => link.target.end() === 'fin');
  t.equal(link.target.text(), 'hellobye');
  link.target.socket.write('still here');
  await until('half closed only', () => link.client.text().endsWith('still here'));
  link.target.socket.end();
  await until('gone', () => link.between.links().length === 0);
});

t.test(
  'when a direction is stalled, then no byte and no end passes; afterwards all of it comes in order',
  async (t) => {
    const { client, target, between } = await linked(t);
    between.set({ up: STALLED });
    client.socket.write('1');
    client.socket.write('2');
    client.socket.end();
    target.socket.write('the other way is open');
    await until('down', () => client.text() === 'the other way is open');
    await sleep(50);
    t.equal(target.text(), '');
    t.equal(target.end(), undefined);
    between.heal();
    await until('the end', () => target.end() === 'fin');
    t.equal(target.text(), '12');
  },
);

t.test(
  'when a direction is stalled, then new links are stalled too, and the buffer is bounded',
  async (t) => {
    const { client, target, between } = await linked(t);
    between.set({ up: STALLED, down: STALLED });
    const late = connect({ port: between.port, host: '127.0.0.1' });
    await once(late, 'connect');
    await until('two links', () => between.links().length === 2);
    const flood = Buffer.alloc(65_536, 'x');
    for (let i = 0; i < 400; i++) client.socket.write(flood);
    await sleep(200);
    t.ok(client.socket.writableLength > 5_000_000, 'the sender is left with what nobody takes');
    between.heal();
    await until('all of it', () => target.text().length === 400 * flood.length);
    late.destroy();
  },
);

t.test('when a direction has a delay, then bytes come late and in order', async (t) => {
  const { client, target, between } = await linked(t);
  between.set({ up: { _tag: 'Delayed', ms: 150 } });
  const at = performance.now();
  client.socket.write('slow ');
  await sleep(20);
  between.set({ up: OPEN });
  client.socket.write('fast');
  await until('both', () => target.text() === 'slow fast');
  t.ok(performance.now() - at >= 145);
});

t.test('when bytes are lost, then they never come, and later ones do', async (t) => {
  const { client, target, between } = await linked(t);
  const [link] = between.links();
  link!.set({ up: LOST });
  client.socket.write('never');
  await sleep(50);
  link!.set({ up: OPEN });
  client.socket.write('after');
  await until('after', () => target.text() === 'after');
  t.end();
});

t.test('when a direction trickles, then a few bytes come at a time', async (t) => {
  const { client, target, between } = await linked(t);
  between.set({ up: { _tag: 'Trickle', bytesPerSecond: 1_000 } });
  client.socket.write('x'.repeat(10_000));
  await sleep(300);
  const come = target.text().length;
  t.ok(come > 50 && come < 1_000, `${come} bytes in 0.3 s`);
  between.heal();
  await until('the rest', () => target.text().length === 10_000);
});

t.test('when a link is cut after so many bytes, then both ends see a reset', async (t) => {
  const { client, target, between } = await linked(t);
  await both({ client, target }, 'hello');
  between.set({ up: { _tag: 'Cut', afterBytes: 3 } });
  client.socket.write('abcdef');
  // when bytes and a reset wait, libuv reports the bytes, then an end
  await until('both', () => client.end() === 'reset' && target.end() !== undefined);
  t.ok('helloabc'.startsWith(target.text()), 'no byte beyond');
  t.equal(between.links().length, 0);
});

t.test('when the proxy half-closes or resets a link, then both ends see it', async (t) => {
  const { client, target, between } = await linked(t);
  const [link] = between.links();
  link!.halfClose();
  await until('the target hears the end', () => target.end() === 'fin');
  target.socket.write('and goes on');
  await until('down', () => client.text() === 'and goes on');
  between.reset();
  await until('reset', () => client.end() === 'reset');
});

t.test(
  'when the proxy stops listening, then clients are refused until it listens again on the same port',
  async (t) => {
    const link = await linked(t);
    const { between } = link;
    await between.refuse();
    await both(link, 'the links there are stay');
    const refused = connect({ port: between.port, host: '127.0.0.1' });
    t.match(await once(refused, 'error'), [{ code: 'ECONNREFUSED' }]);
    await between.accept();
    const welcome = connect({ port: between.port, host: '127.0.0.1' });
    await once(welcome, 'connect');
    welcome.destroy();
  },
);

t.test('when nothing listens at the target, then the client sees a reset', async (t) => {
  const between = await proxy({ to: () => 1 });
  t.teardown(between.stop);
  const client = end(connect({ port: between.port, host: '127.0.0.1' }));
  await until('reset', () => client.end() === 'reset');
  t.end();
});

t.test('when pushes of Redis are dropped or doubled, then answers still pass', async (t) => {
  const redis = await startRedis();
  t.teardown(redis.stop);
  const between = await proxy({ to: () => redis.port, redis: true });
  t.teardown(between.stop);
  for (const protocol of [2, 3] as const) {
    const subscriber = new Redis({ host: '127.0.0.1', port: between.port, protocol });
    t.teardown(() => subscriber.disconnect());
    const received: string[] = [];
    subscriber.on('message', (_, text: string) => received.push(text));
    await subscriber.subscribe('news');
    const publish = (text: string) => redis.command('PUBLISH', 'news', text);
    await publish('1');
    await until('1', () => received.includes('1'));
    between.set({ down: { _tag: 'PushesLost' } });
    await publish('2');
    await subscriber.subscribe('more');
    between.set({ down: { _tag: 'PushesTwice', ms: 30 } });
    await publish('3');
    await publish('4');
    await until('twice', () => received.length === 5);
    t.strictSame(received.slice(0, 3), ['1', '3', '4'], `RESP${protocol}`);
    between.heal();
  }
});

t.test(
  'when bytes of Redis come in any pieces, then they are split at the ends of answers and pushes',
  async (t) => {
    const values = [
      '+OK\r\n',
      '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\na\r\nb\r\n',
      '$-1\r\n',
      '*2\r\n*1\r\n:1\r\n%1\r\n+k\r\n_\r\n',
      '>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n',
      '*3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$0\r\n\r\n',
    ];
    for (const size of [1, 7, 1_000]) {
      const split = framesOf();
      const bytes = Buffer.from(values.join(''));
      const frames = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        split(bytes.subarray(i * size, (i + 1) * size)),
      ).flat();
      t.strictSame(
        frames.map(({ bytes }) => bytes.toString()),
        values,
      );
      t.strictSame(
        frames.map(({ isPush }) => isPush),
        [false, true, false, false, false, true],
      );
    }
  },
);

t.test(
  'when a long value comes in many pieces, then splitting takes time in proportion to its length',
  async (t) => {
    const long = Buffer.from(`$10000000\r\n${'x'.repeat(10_000_000)}\r\n+OK\r\n`);
    const split = framesOf();
    const began = performance.now();
    const frames: Buffer[] = [];
    for (let at = 0; at < long.length; at += 4_096)
      frames.push(...split(long.subarray(at, at + 4_096)).map(({ bytes }) => bytes));
    // copied anew with each piece it takes several seconds: what is behind it, a probe, comes too late
    t.ok(performance.now() - began < 1_000, `${performance.now() - began} ms`);
    t.strictSame(
      frames.map(({ length }) => length),
      [long.length - 5, 5],
    );
    t.ok(Buffer.concat(frames).equals(long));
  },
);
