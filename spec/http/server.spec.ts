/**
 * How long the server waits for a socket, and how many answers it may wait for: in virtual time, on real
 * sockets.
 */
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { isLeft } from 'fp-ts/lib/Either.js';
import t, { type Test } from 'tap';
import type { HubEvent } from '../../lib/hub-event.js';
import { httpServer } from '../../lib/http/server.js';
import { configOf } from '../../lib/index.js';
import { type RawClient, type RawOptions, raw } from '../support/raw-client.js';
import { until } from '../support/redis.js';
import { virtualClock } from '../support/virtual-clock.js';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

/**
 * `/big` is more than a kernel buffers for a peer that reads nothing; `/wait` is answered when the spec says
 * so.
 */
type Overrides = NonNullable<Parameters<typeof configOf>[0]>;

const serverWith = async (t: Test, overrides: Overrides = {}) => {
  const config = configOf(overrides);
  if (isLeft(config)) throw new Error(JSON.stringify(config.left));
  const clock = virtualClock();
  const events: HubEvent[] = [];
  const { http, requests, leave, sockets, stopListening } = httpServer(
    config.right,
    clock,
    (event) => events.push(event),
  );
  const waiting: (() => void)[] = [];
  http.get('/big', () => Buffer.alloc(32_000_000));
  http.post('/body', () => 'done');
  http.get('/wait', () => new Promise((resolve) => waiting.push(() => resolve('done'))));
  await http.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => http.close());
  const { port } = http.server.address() as AddressInfo;
  return {
    clock,
    events,
    waiting,
    requests,
    leave,
    openSockets: sockets,
    stopListening,
    open: async (options?: RawOptions): Promise<RawClient> => {
      const client = await raw(port, options);
      t.teardown(client.destroy);
      return client;
    },
    sockets: () =>
      new Promise<number>((resolve) => http.server.getConnections((_, count) => resolve(count))),
  };
};

const answersIn = (client: RawClient): number => (client.text().match(/HTTP\/1\.1 /g) ?? []).length;

t.test(
  'when a request was refused and its peer goes on sending, then the socket is closed after 2 s',
  async (t) => {
    const { clock, events, open, sockets } = await serverWith(t);
    const client = await open({ allowHalfOpen: true });
    client.write('nonsense\r\n\r\n');
    t.equal((await client.answer()).status, 400);
    await client.ended();
    for (let s = 0; s < 2; s++) {
      clock.advance(999);
      client.write('more');
      t.equal(await sockets(), 1, 'its answer has time to arrive');
    }
    clock.advance(2);
    const isLetGo = async (): Promise<boolean> => {
      client.write('more');
      return client.isClosed() && (await sockets()) === 0;
    };
    await until('it is let go, and its peer hears of it', isLetGo);
    t.match(events, [{ _tag: 'RequestRefused', status: 400 }]);
    t.equal(events.length, 1, 'counted once');
  },
);

t.test('when a client has not read an answer within 30 s, then the socket is cut', async (t) => {
  const { clock, events, open, sockets } = await serverWith(t);
  const client = await open();
  client.write(get('/big'));
  await until('some of it has come', () => client.text().length > 0);
  client.pause();
  clock.advance(29_999);
  t.equal(await sockets(), 1);
  clock.advance(1);
  await until('it is cut', async () => (await sockets()) === 0);
  client.resume();
  await client.ended();
  t.ok(client.text().length < 32_000_000, 'the rest never comes');
  t.strictSame(events, []);
});

t.test(
  'when an answer was read, then the next one has 30 s of its own; an idle connection has no limit',
  async (t) => {
    const { clock, open, sockets, waiting } = await serverWith(t);
    const client = await open();
    client.write(get('/wait').repeat(3));
    for (let i = 0; i < 3; i++) {
      await until('it is asked', () => waiting.length === 3);
      clock.advance(29_000);
      waiting[i]?.();
      await until('it is answered', () => answersIn(client) === i + 1);
    }
    clock.advance(600_000);
    t.equal(await sockets(), 1);
    client.write(get('/wait'));
    await until('it is asked', () => waiting.length === 4);
    clock.advance(29_999);
    t.equal(await sockets(), 1);
    clock.advance(1);
    await client.ended();
    t.equal(answersIn(client), 3);
    t.equal(clock.pending(), 0, 'and nothing is left to come');
  },
);

t.test('when a body is slow, then its answer still has 30 s', async (t) => {
  const { clock, open, sockets } = await serverWith(t);
  const [slow, late] = [await open(), await open()];
  const head =
    'POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\na';
  for (const client of [slow, late]) client.write(head);
  await until('both have begun', async () => clock.pending() === 2);
  clock.advance(39_999);
  slow.write('b');
  await until('it is answered', () => answersIn(slow) === 1);
  clock.advance(1);
  await late.ended();
  t.equal(answersIn(late), 0);
  t.equal(await sockets(), 1);
});

t.test(
  'when requests follow one with `Connection: close`, then only that one is answered',
  async (t) => {
    const { events, open, waiting } = await serverWith(t);
    const client = await open();
    const last = get('/wait').replace('Host', 'Connection: close\r\nHost');
    client.write(`${last}${get('/wait')}nonsense`);
    await until('it is asked', () => waiting.length > 0);
    waiting[0]?.();
    await client.ended();
    t.match(client.text(), /^HTTP\/1\.1 200 /);
    t.strictSame([answersIn(client), waiting.length, events.length], [1, 1, 0]);
  },
);

t.test(
  'when 128 requests are ahead of their answers, then one more closes the connection',
  async (t) => {
    const { clock, events, open, waiting } = await serverWith(t);
    const [patient, hasty] = [await open(), await open()];
    patient.write(get('/wait').repeat(128));
    await until('they are taken', () => waiting.length === 128);
    for (const answer of waiting.splice(0)) answer();
    await until('they are answered', () => answersIn(patient) === 128);
    hasty.write(get('/wait').repeat(129));
    await hasty.ended();
    t.equal(answersIn(hasty), 0);
    t.match(events, [{ _tag: 'RequestRefused', status: 429 }]);
    t.equal(events.length, 1);
    patient.write(get('/wait'));
    await until('it is taken', () => waiting.length >= 129);
    waiting.at(-1)?.();
    await until('others are answered', () => answersIn(patient) === 129);
    t.equal(clock.pending(), 0);
  },
);

t.test(
  'when a connection is idle for longer than a handshake may take, then it stays open',
  async (t) => {
    const { open } = await serverWith(t, {
      server: { httpKeepAliveMs: 3_000 },
      limits: { handshakeTimeoutMs: 500 },
    });
    const client = await open();
    client.write(get('/wait-not'));
    t.match((await client.answer()).headers.get('keep-alive'), 'timeout=3');
    await setTimeout(2_100);
    client.write(get('/wait-not'));
    await until('it is answered again', () => answersIn(client) === 2);
    await client.ended(8_000);
  },
);

t.test('when the pod leaves, then the last answer on each socket closes it', async (t) => {
  const { open, waiting, requests, leave, sockets } = await serverWith(t);
  const [slow, pipelined, idle] = [await open(), await open(), await open()];
  idle.write(get('/none'));
  await idle.answer();
  slow.write(get('/wait'));
  pipelined.write(get('/wait') + get('/wait'));
  await until('all are under way', () => waiting.length === 3);
  leave();
  t.equal(requests(), 3);
  pipelined.write(get('/wait'));
  await until('one more', () => waiting.length === 4);
  t.notOk(idle.isEnded(), 'a proxy may be sending on it');
  for (const answer of waiting) answer();
  t.equal((await slow.answer()).headers.get('connection'), 'close');
  await pipelined.ended();
  t.equal(answersIn(pipelined), 3, 'all of them are answered');
  t.equal(pipelined.text().match(/connection: close/gi)?.length, 1, 'the last one says so');
  idle.write(get('/none'));
  await idle.ended();
  t.equal(answersIn(idle), 2);
  t.match(idle.text(), /connection: close/i);
  await until('no socket is left', async () => (await sockets()) === 0);
  t.equal(requests(), 0);
});

t.test('when the pod stops listening, then open sockets are still answered', async (t) => {
  const { open, leave, openSockets, stopListening } = await serverWith(t);
  const [used, fresh] = [await open(), await open()];
  used.write(get('/none'));
  await used.answer();
  leave();
  stopListening();
  await t.rejects(open(), { code: 'ECONNREFUSED' });
  t.equal(openSockets(), 2);
  for (const client of [used, fresh]) client.write(get('/none'));
  await Promise.all([used.ended(), fresh.ended()]);
  t.same([answersIn(used), answersIn(fresh)], [2, 1]);
  await until('no socket is left', () => openSockets() === 0);
});
