/**
 * The limits on real sockets: what is bounded, and what happens beyond the bound. After each case a second
 * client must still receive messages, and the pod must have as many connections as before. Single wrong
 * frames and handshakes are in `bad-input.spec.ts`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { isUnharmed, member, podWith } from './support/limited-pod.js';
import { BASE } from './support/pod.js';
import { frame, handshakeOf, PING, PONG, type RawClient, TEXT } from './support/raw-client.js';
import { until } from './support/redis.js';

// what closes

t.test(
  'when twenty messages are refused, then the connection is closed with 1008; after nineteen it is not',
  async (t) => {
    const { pod, healthy } = await podWith(t);
    const [patient, hasty] = [await pod.connect('/ws'), await pod.connect('/ws')];
    for (let i = 0; i < 19; i++) patient.send('nonsense');
    await patient.caughtUp();
    t.equal(patient.all({ type: 'error' }).length, 19);
    for (let i = 0; i < 30; i++) hasty.send('nonsense');
    t.equal(await hasty.closed(), 1008);
    t.equal(hasty.all({ type: 'error' }).length, 20, 'each of them is told');
    t.equal(await patient.close(), 1000);
    await isUnharmed(t, pod, healthy, 'refused');
    t.equal(await pod.metric('realtime_closes{code="1008"}'), 1);
  },
);

// pace

t.test(
  'when a client sends more than its burst, then it gets rate_limited with the true time to wait',
  async (t) => {
    const { pod, healthy } = await podWith(t, {
      limits: { rateLimitPerSecond: 5, rateLimitBurst: 20 },
    });
    const client = await pod.connect('/ws/general');
    for (let i = 0; i < 30; i++) client.send({ type: 'chat', id: `m${i}`, data: i });
    const error = await client.received({ data: { code: 'rate_limited', ref: 'm29' } });
    t.equal(client.all({ type: 'error' }).length, 10, 'those beyond the burst');
    t.strictSame(client.all({ data: { event: 'ack' } }).length, 20);
    const { retry_in_ms: wait, message } = error.data as {
      readonly retry_in_ms: number;
      readonly message: string;
    };
    t.ok(
      Number.isInteger(wait) && wait > 0 && wait <= 200,
      `${wait} ms for one message at 5 a second`,
    );
    t.match(message, /5/);
    await sleep(wait);
    client.send({ type: 'chat', data: 'again' });
    await healthy.received({ data: 'again' });
    t.equal(healthy.all({ type: 'chat' }).length, 21);
    t.equal(await pod.metric('realtime_rejected{code="rate_limited"}'), 10);
    for (let i = 0; i < 20; i++) client.send({ type: 'ping' });
    t.equal(await client.closed(), 1008, 'who goes on is closed');
    await isUnharmed(t, pod, healthy, 'rate');
  },
);

t.test('when a client sends more bytes than its rate, then it gets rate_limited', async (t) => {
  const { pod, healthy } = await podWith(t, { limits: { rateLimitBytes: 100_000 } });
  const client = await pod.connect('/ws/general');
  for (const id of ['a', 'b'])
    client.send(JSON.stringify({ type: 'chat', id, data: 'x'.repeat(60_000) }));
  await client.received({ data: { event: 'ack', ref: 'a' } });
  const { retry_in_ms: wait } = (
    await client.received({ data: { code: 'rate_limited', ref: 'b' } })
  ).data as { readonly retry_in_ms: number };
  t.ok(wait > 0 && wait <= 250, `${wait} ms`);
  await client.close();
  await isUnharmed(t, pod, healthy, 'bytes');
});

t.test(
  "when a connection is in a hundred rooms, the URL's included, then the next join is refused",
  async (t) => {
    const { pod, healthy } = await podWith(t);
    const client = await pod.connect('/ws/general');
    for (let i = 1; i < 100; i++) client.send({ type: 'join', room: `r${i}` });
    await client.received({ data: { event: 'joined', room: 'r99' } });
    client.send({ type: 'join', room: 'r100', id: 'j' });
    t.match(await client.received({ type: 'error' }), {
      data: { code: 'too_many_rooms', ref: 'j' },
    });
    client.send({ type: 'join', room: 'r5', id: 'again' });
    await client.received({ data: { event: 'joined', ref: 'again' } });
    client.send({ type: 'leave', room: 'general' });
    client.send({ type: 'join', room: 'r100', id: 'now' });
    await client.received({ data: { event: 'joined', ref: 'now' } });
    t.equal(pod.app.stats().rooms, 101);
    await client.close();
    await isUnharmed(t, pod, healthy, 'rooms');
    await until('the rooms are gone', () => pod.app.stats().rooms === 1);
  },
);

t.test(
  'when a pod is full, then a handshake gets 503 with Retry-After until another connection has closed',
  async (t) => {
    const { pod, healthy } = await podWith(t, { server: { maxConnections: 2 } });
    const second = await pod.connect('/ws/general');
    const third = await pod.raw();
    third.write(handshakeOf(`${BASE}/ws/general`));
    const { status, headers, body } = await third.answer();
    t.equal(status, 503);
    t.match(headers.get('retry-after'), /^[1-9]\d*$/);
    t.match(headers.get('content-type'), 'application/problem+json');
    t.match(JSON.parse(body), { status: 503, title: 'Service Unavailable', detail: /2/ });
    await third.ended();
    t.equal(await pod.metric('realtime_rejected{code="503"}'), 1);
    t.equal((await pod.get('/ready')).status, 200);
    await second.close();
    await isUnharmed(t, pod, healthy, 'full');
    await (await pod.connect('/ws/general')).close();
    await isUnharmed(t, pod, healthy, 'room again');
  },
);

// time

t.test(
  'when a client is silent, then it is pinged, and terminated after PONG_TIMEOUT_MS',
  async (t) => {
    const { pod, healthy } = await podWith(t, {
      limits: { pingIntervalMs: 150, pongTimeoutMs: 500 },
    });
    const [silent, busy, ponging] = [await member(pod), await member(pod), await member(pod)];
    const pings = (client: RawClient): number =>
      client.frames().filter(({ opcode }) => opcode === PING).length;
    const started = performance.now();
    let at = 0;
    let lag = 0;
    // any frame is a sign of life: one client never answers a ping but talks, one answers with what nobody asked for
    const talk = setInterval(() => {
      lag = Math.max(lag, performance.now() - (at || performance.now()) - 50);
      at = performance.now();
      busy.write(frame(TEXT, '{"type":"ping"}'));
      ponging.write(frame(PONG, 'another'));
    }, 50);
    t.teardown(() => clearInterval(talk));
    await silent.ended();
    const took = performance.now() - started;
    t.ok(took > 400 && took < 900 + lag, `cut after ${took} ms`);
    t.equal(silent.closeCode(), undefined, 'no close frame');
    t.ok(pings(silent) >= 2, `${pings(silent)} pings`);
    await until('a second later', () => performance.now() - started > 1_200);
    t.ok(pings(busy) >= 1_200 / 150 - 2, `${pings(busy)} pings`);
    t.equal(busy.isEnded() || ponging.isEnded(), false);
    t.equal(pod.connections(), 3);
    clearInterval(talk);
    await Promise.all([busy.ended(), ponging.ended()]);
    await isUnharmed(t, pod, healthy, 'silence');
  },
);

t.test(
  'when a handshake does not end, then its socket is closed; an open connection is not',
  async (t) => {
    const { pod, healthy } = await podWith(t, { limits: { handshakeTimeoutMs: 300 } });
    const started = performance.now();
    const [mute, half, slow] = [await pod.raw(), await pod.raw(), await pod.raw()];
    half.write(handshakeOf(`${BASE}/ws/general`).slice(0, 40));
    slow.write(`GET ${BASE}/ws HTTP/1.1\r\n`);
    const drip = setInterval(() => slow.write('X-Slow: 1\r\n'), 100);
    t.teardown(() => clearInterval(drip));
    await Promise.all([mute.ended(), half.ended(), slow.ended()]);
    const took = performance.now() - started;
    t.ok(took > 200 && took < 2_500, `all three after ${took} ms`);
    await isUnharmed(t, pod, healthy, 'slow handshakes');
  },
);
