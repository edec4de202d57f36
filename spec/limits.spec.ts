/**
 * The contract's sections 3 and 4 on real sockets: what is bounded, and what happens at the bound. After each case a second
 * client must still receive, and the pod must have as many connections as before. Single frames and handshakes that are
 * wrong are `bad-input.spec.ts`'s.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Client, type Message, offsetOf } from './support/client.js';
import { asProgram } from './support/credentials.js';
import { BASE, type Pod, startPod, startProcess } from './support/pod.js';
import {
  closeFrame,
  frame,
  handshakeOf,
  linesOf,
  PING,
  PONG,
  TEXT,
  type RawClient,
} from './support/raw-client.js';
import { until } from './support/redis.js';

/** A pod with a healthy client in the room `general`. */
const podWith = async (
  t: Test,
  overrides: Parameters<typeof startPod>[1] = {},
): Promise<{ readonly pod: Pod; readonly healthy: Client }> => {
  const pod = await startPod(t, overrides);
  return { pod, healthy: await pod.connect('/ws/general') };
};

/** Nothing was harmed and nothing is left: the healthy client receives, and is alone. */
const isUnharmed = async (t: Test, pod: Pod, healthy: Client, what: string): Promise<void> => {
  const mark = randomUUID();
  await pod.app.publish({ room: 'general', data: mark });
  t.equal(
    (await healthy.heard({ type: 'notification', data: mark })).data,
    mark,
    `${what}: others receive`,
  );
  await until(`${what}: nobody else is left`, () => pod.connections() === 1);
};

/** A raw socket that has shaken hands and was told that it is in the room. */
const member = async (pod: Pod): Promise<RawClient> => {
  const client = await pod.raw();
  client.write(handshakeOf(`${BASE}/ws/general`));
  await until('joined', () => client.texts().some((text) => text.includes('"joined","room"')));
  return client;
};

const chat = (data: unknown): string => JSON.stringify({ type: 'chat', data });

// what closes

t.test('twenty refused messages close with 1008, nineteen do not', async (t) => {
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
});

// pace

t.test('rate: a burst, then rate_limited with the time to wait, which is true', async (t) => {
  const { pod, healthy } = await podWith(t, {
    limits: { rateLimitPerSecond: 5, rateLimitBurst: 20 },
  });
  const client = await pod.connect('/ws/general');
  for (let i = 0; i < 30; i++) client.send({ type: 'chat', id: `m${i}`, data: i });
  const error = await client.heard({ data: { code: 'rate_limited', ref: 'm29' } });
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
  await healthy.heard({ data: 'again' });
  t.equal(healthy.all({ type: 'chat' }).length, 21);
  t.equal(await pod.metric('realtime_rejected{code="rate_limited"}'), 10);
  for (let i = 0; i < 20; i++) client.send({ type: 'ping' });
  t.equal(await client.closed(), 1008, 'who goes on is closed');
  await isUnharmed(t, pod, healthy, 'rate');
});

t.test('rate: bytes count too', async (t) => {
  const { pod, healthy } = await podWith(t, { limits: { rateLimitBytes: 100_000 } });
  const client = await pod.connect('/ws/general');
  for (const id of ['a', 'b'])
    client.send(JSON.stringify({ type: 'chat', id, data: 'x'.repeat(60_000) }));
  await client.heard({ data: { event: 'ack', ref: 'a' } });
  const { retry_in_ms: wait } = (await client.heard({ data: { code: 'rate_limited', ref: 'b' } }))
    .data as { readonly retry_in_ms: number };
  t.ok(wait > 0 && wait <= 250, `${wait} ms`);
  await client.close();
  await isUnharmed(t, pod, healthy, 'bytes');
});

t.test("rooms: a hundred, the URL's included", async (t) => {
  const { pod, healthy } = await podWith(t);
  const client = await pod.connect('/ws/general');
  for (let i = 1; i < 100; i++) client.send({ type: 'join', room: `r${i}` });
  await client.heard({ data: { event: 'joined', room: 'r99' } });
  client.send({ type: 'join', room: 'r100', id: 'j' });
  t.match(await client.heard({ type: 'error' }), { data: { code: 'too_many_rooms', ref: 'j' } });
  client.send({ type: 'join', room: 'r5', id: 'again' });
  await client.heard({ data: { event: 'joined', ref: 'again' } });
  client.send({ type: 'leave', room: 'general' });
  client.send({ type: 'join', room: 'r100', id: 'now' });
  await client.heard({ data: { event: 'joined', ref: 'now' } });
  t.equal(pod.app.stats().rooms, 101);
  await client.close();
  await isUnharmed(t, pod, healthy, 'rooms');
  await until('the rooms are gone', () => pod.app.stats().rooms === 1);
});

t.test(
  'a full pod answers 503 with Retry-After, and takes the next when one has gone',
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
  'silence: pinged at least every PING_INTERVAL_MS, cut without a word after PONG_TIMEOUT_MS',
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

t.test('a handshake that does not end is closed; a connection that is open is not', async (t) => {
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
});

// readers that stop

/** The offsets of the notifications that it got. */
const offsetsOf = (client: RawClient): readonly number[] =>
  client.texts().flatMap((text) => {
    const message = JSON.parse(text) as Message;
    return message.type === 'notification' ? [offsetOf(message)] : [];
  });

/** Publishes, no faster than the healthy client reads, until that one hears that somebody has gone; answers how many it took. */
const publishUntilGone = async (pod: Pod, healthy: Client, bytes: number): Promise<number> => {
  const text = 'x'.repeat(bytes);
  for (let count = 20; count <= 20_000; count += 20) {
    for (let i = count - 19; i <= count; i++)
      void pod.app.publish({ room: 'general', data: [i, text] });
    await healthy.heard({ type: 'notification', data: [count] });
    if (healthy.all({ type: 'presence', data: { status: 'offline' } }).length > 0) return count;
  }
  throw new Error('the stalled reader is still there');
};

for (const [what, bytes] of [
  ['by bytes', 30_000],
  ['by messages', 1_500],
] as const) {
  t.test(
    `a reader that stops in a busy room is closed with 1013, ${what}, and the others get everything`,
    async (t) => {
      const { pod, healthy } = await podWith(t, {
        limits: { rateLimitPerSecond: 100_000, rateLimitBurst: 100_000 },
      });
      const stalled = await member(pod);
      stalled.pause();
      const count = await publishUntilGone(pod, healthy, bytes);
      stalled.resume();
      await until('a close frame', () => stalled.closeCode() !== undefined);
      t.equal(stalled.closeCode(), 1013);
      stalled.write(closeFrame(1013));
      await stalled.ended();
      const offsets = offsetsOf(stalled);
      t.ok(offsets.length > 0 && offsets.length < count);
      t.strictSame(
        offsets,
        Array.from(offsets, (_, i) => i + 1),
        'no hole in what it got: a last_id resumes',
      );
      t.strictSame(
        healthy.all({ type: 'notification' }).map(offsetOf),
        Array.from({ length: count }, (_, i) => i + 1),
      );
      await isUnharmed(t, pod, healthy, what);
      t.equal(await pod.metric('realtime_closes{code="1013"}'), 1);
    },
  );
}

t.test('a reader that never reads again is cut after two seconds', async (t) => {
  const { pod, healthy } = await podWith(t, {
    limits: { rateLimitPerSecond: 100_000, rateLimitBurst: 100_000 },
  });
  const stalled = await member(pod);
  stalled.pause();
  await publishUntilGone(pod, healthy, 30_000);
  t.equal(pod.connections(), 2, 'its close is under way');
  await until('cut', () => pod.connections() === 1, 4_000);
  await isUnharmed(t, pod, healthy, 'never again');
});

t.test('a burst to readers that keep up cuts none of them', async (t) => {
  for (const [count, bytes] of [
    [5_000, 100],
    [400, 60_000],
  ] as const) {
    const { pod, healthy } = await podWith(t);
    const others = await Promise.all(Array.from({ length: 5 }, () => pod.connect('/ws/general')));
    const text = 'x'.repeat(bytes);
    await Promise.all(
      Array.from({ length: count }, () => pod.app.publish({ room: 'general', data: text })),
    );
    for (const client of [healthy, ...others]) {
      await until(
        'all of it',
        () =>
          client.all({ type: 'notification' }).length >= count || client.socket.readyState !== 1,
        20_000,
      );
      t.strictSame(
        client.all({ type: 'notification' }).map(offsetOf),
        Array.from({ length: count }, (_, i) => i + 1),
        `${count} messages of ${bytes} bytes`,
      );
    }
    t.equal(pod.connections(), 6);
    for (const client of others) await client.close();
    await isUnharmed(t, pod, healthy, 'burst');
    t.equal(await pod.metric('realtime_gaps'), 0);
  }
});

t.test('a burst of one member reaches the others and comes with all its acks', async (t) => {
  const { pod, healthy } = await podWith(t, {
    limits: { rateLimitPerSecond: 100_000, rateLimitBurst: 100_000 },
  });
  const client = await pod.connect('/ws/general');
  for (let i = 0; i < 5_000; i++) client.send({ type: 'chat', id: `${i}`, data: i });
  await until('all of it', () => healthy.all({ type: 'chat' }).length >= 5_000, 20_000);
  await until('all acks', () => client.all({ data: { event: 'ack' } }).length >= 5_000, 20_000);
  t.strictSame(
    healthy.all({ type: 'chat' }).map(({ data }) => data),
    Array.from({ length: 5_000 }, (_, i) => i),
  );
  t.equal(client.all({ type: 'chat' }).length, 5_000);
  await client.close();
  await isUnharmed(t, pod, healthy, 'one sender');
});

t.test(
  'a burst from a pod in a process of its own cuts nobody who reads as fast as it can',
  async (t) => {
    const pod = await startProcess(t, {
      RATE_LIMIT_PER_SECOND: '100000',
      RATE_LIMIT_BURST: '100000',
      RATE_LIMIT_BYTES: '1000000000',
    });
    const readers = await Promise.all(
      Array.from({ length: 8 }, () => pod.doors.connect('/ws/general')),
    );
    for (const [count, bytes] of [
      [5_000, 100],
      [400, 60_000],
    ] as const) {
      const sender = await pod.doors.connect('/ws/general');
      const text = 'x'.repeat(bytes);
      for (let i = 0; i < count; i++) sender.send({ type: 'chat', data: [i, text] });
      for (const reader of [sender, ...readers]) {
        const all = (): readonly Message[] => reader.all({ type: 'chat', from: sender.name });
        await until(
          'all of it',
          () => all().length >= count || reader.socket.readyState !== 1,
          20_000,
        );
        t.equal(
          reader.socket.readyState,
          1,
          `still there after ${all().length} of ${count} messages of ${bytes} bytes`,
        );
        t.strictSame(
          all().map(({ data }) => (data as readonly unknown[])[0]),
          Array.from({ length: count }, (_, i) => i),
        );
      }
      await sender.close();
    }
    t.equal(pod.stderr(), '');
  },
);

// handshakes

t.test(
  'an upgrade that is answered as a request leaves no socket, whatever the peer does',
  async (t) => {
    const { pod, healthy } = await podWith(t);
    const refused: Socket[] = [];
    for (const path of ['/health', '/nowhere', '/metrics']) {
      // it never ends its side, and says a byte now and then
      const socket = connect({ port: pod.port, host: '127.0.0.1', allowHalfOpen: true });
      t.teardown(() => socket.destroy());
      socket.on('error', () => refused.push(socket));
      socket.write(handshakeOf(path, { Upgrade: 'h2c' }));
      socket.resume();
      await once(socket, 'end');
      const trickle = setInterval(() => socket.write('x'), 200);
      t.teardown(() => clearInterval(trickle));
    }
    await until('the server has let them go', () => refused.length === 3, 5_000);
    t.equal(
      await pod.metric('realtime_rejected{code="404"}'),
      1,
      'curl --http2 is a request, and counted once',
    );
    await isUnharmed(t, pod, healthy, 'half-open');
  },
);

t.test('an offer to upgrade that nobody takes changes nothing of a request', async (t) => {
  const { pod, healthy } = await podWith(t);
  const post = (offer: string, headers: readonly string[]): string =>
    [
      `POST ${BASE}/messages HTTP/1.1`,
      linesOf(asProgram({ Host: 'x' })).trimEnd(),
      // as curl --http2 says it
      'Connection: Upgrade, HTTP2-Settings',
      `Upgrade: ${offer}`,
      'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
      'Content-Type: application/json',
      ...headers,
      '',
      '',
    ].join('\r\n');
  for (const offer of ['h2c', 'websocket'])
    for (const [what, due, headers, ...pieces] of [
      ['at once', '202', ['Content-Length: LENGTH'], 'BODY'],
      ['chunked', '202', ['Transfer-Encoding: chunked'], 'SIZE\r\nBODY\r\n', '0\r\n\r\n'],
      ['when asked', '100, 202', ['Content-Length: LENGTH', 'Expect: 100-continue'], '', 'BODY'],
      ['later', '202', ['Content-Length: LENGTH'], '', 'BODY'],
      ['too large', '413', ['Content-Length: 99999999']],
      ['none', '415', ['Content-Length: 0', 'Content-Encoding: gzip']],
    ] as const) {
      const data = `${offer} ${what}`;
      const body = JSON.stringify({ room: 'general', data });
      const filled = (text: string): string =>
        text
          .replace('LENGTH', String(body.length))
          .replace('SIZE', body.length.toString(16))
          .replace('BODY', body);
      const client = await pod.raw();
      const [first = '', ...more] = pieces;
      client.write(filled(post(offer, headers) + first));
      for (const piece of more) {
        await sleep(30);
        client.write(filled(piece));
      }
      await client.ended();
      const statuses = [...client.text().matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, code]) => code);
      t.equal(statuses.join(', '), due, data);
      if (due.endsWith('202')) await healthy.heard({ data });
    }
  await isUnharmed(t, pod, healthy, 'offers');
  t.equal(healthy.all({ type: 'chat' }).length, 8);
  t.equal(await pod.metric('realtime_rejected{code="413"}'), 2, 'counted once');
});

t.test('peers that vanish in the middle of everything leave nothing', async (t) => {
  const { pod, healthy } = await podWith(t);
  const bytes = Buffer.concat([
    Buffer.from(handshakeOf(`${BASE}/ws/general`)),
    frame(TEXT, chat('x'.repeat(1000))),
  ]);
  for (let cut = 1; cut < bytes.length; cut += 37) {
    const client = await pod.raw();
    client.write(bytes.subarray(0, cut));
    client.destroy();
  }
  await isUnharmed(t, pod, healthy, 'vanished');
  await until('the room too', () => pod.app.stats('general').room?.connections === 1);
});
