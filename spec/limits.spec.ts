/**
 * The contract's sections 3 and 4, and bad-input rows H and W, byte for byte on real sockets. After each case a second
 * client must still receive, and the pod must have as many connections as before.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Client, type Message, offsetOf } from './support/client.js';
import { BASE, type Pod, startPod, startProcess } from './support/pod.js';
import {
  BINARY,
  CLOSING,
  CONTINUATION,
  closeFrame,
  frame,
  handshakeOf,
  KEY,
  PING,
  PONG,
  type RawClient,
  TEXT,
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
/** A chat message of exactly so many bytes. */
const chatOf = (bytes: number): string => {
  const around = chat('').length;
  return chat('x'.repeat(bytes - around));
};
const fragments = (parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(
    parts.map((part, i) =>
      frame(i === 0 ? TEXT : CONTINUATION, part, { fin: i === parts.length - 1 }),
    ),
  );
const halves = (text: string): readonly string[] => [
  text.slice(0, text.length / 2),
  text.slice(text.length / 2),
];
const parts = (text: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => (i < count - 1 ? text.slice(i, i + 1) : text.slice(i)));

// what closes

t.test('frames that close a connection, each with its code', async (t) => {
  const { pod, healthy } = await podWith(t);
  const hi = chat('hi');
  const rows: readonly (readonly [what: string, bytes: Buffer, code: number])[] = [
    ['one byte too many', frame(TEXT, chatOf(65_537)), 1009],
    ['one byte too many in two fragments', fragments(halves(chatOf(65_537))), 1009],
    ['one byte too many in 64 fragments', fragments(parts(chatOf(65_537), 64)), 1009],
    ['a header that claims 2^40 bytes', frame(TEXT, '', { claims: 2n ** 40n }), 1009],
    ['a header that claims 2^63 bytes', frame(TEXT, '', { claims: 2n ** 63n }), 1009],
    ['65 fragments', fragments(parts(hi.padEnd(70), 65)), 1008],
    [
      '65 fragments, the last ones empty',
      fragments([hi, ...Array.from({ length: 64 }, () => '')]),
      1008,
    ],
    ['binary', frame(BINARY, hi), 1003],
    ['binary, empty', frame(BINARY), 1003],
    [
      'binary, fragmented',
      Buffer.concat([frame(BINARY, hi, { fin: false }), frame(CONTINUATION)]),
      1003,
    ],
    ['UTF-8 that is overlong', frame(TEXT, Buffer.from([0xc0, 0x80])), 1007],
    ['UTF-8 of a surrogate', frame(TEXT, Buffer.from([0xed, 0xa0, 0x80])), 1007],
    ['UTF-8 cut off', frame(TEXT, Buffer.from([0xf0, 0x9f, 0x91])), 1007],
    ['a close reason that is not UTF-8', closeFrame(1000, Buffer.from([0xff])), 1007],
    ['unmasked', frame(TEXT, hi, { masked: false }), 1002],
    ...[1, 2, 4, 7].map((rsv) => [`RSV ${rsv}`, frame(TEXT, hi, { rsv }), 1002] as const),
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
      (opcode) => [`opcode ${opcode}`, frame(opcode, hi), 1002] as const,
    ),
    ['a continuation of nothing', frame(CONTINUATION, hi), 1002],
    [
      'a text within a text',
      Buffer.concat([frame(TEXT, hi, { fin: false }), frame(TEXT, hi)]),
      1002,
    ],
    ['a ping of 126 bytes', frame(PING, 'x'.repeat(126)), 1002],
    ['a ping in fragments', frame(PING, 'x', { fin: false }), 1002],
    ['a compressed ping', frame(PING, 'x', { rsv: 4 }), 1002],
    ['a close of one byte', frame(CLOSING, 'x'), 1002],
    ['a close reason of 124 bytes', closeFrame(1000, 'x'.repeat(124)), 1002],
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(
      (code) => [`a close of ${code}`, closeFrame(code), 1002] as const,
    ),
  ];
  for (const [what, bytes, code] of rows) {
    const before = await pod.metric(`realtime_closes{code="${code}"}`);
    const client = await member(pod);
    client.write(bytes);
    await until(`${what}: a close frame`, () => client.closeCode() !== undefined);
    t.equal(client.closeCode(), code, what);
    client.write(closeFrame(code));
    client.destroy();
    await isUnharmed(t, pod, healthy, what);
    t.equal(await pod.metric(`realtime_closes{code="${code}"}`), before + 1, `${what}: counted`);
  }
  t.equal(healthy.all({ type: 'chat' }).length, 0, 'none of it was passed on');
});

t.test('a close of the peer is echoed, and what follows it is ignored', async (t) => {
  const { pod, healthy } = await podWith(t);
  for (const code of [1000, 1001, 1012, 1014, 3000, 4999]) {
    const client = await member(pod);
    client.write(
      Buffer.concat([closeFrame(code, 'bye'), frame(TEXT, chat('late')), frame(TEXT, 'nonsense')]),
    );
    await client.ended();
    t.equal(client.closeCode(), code);
    await isUnharmed(t, pod, healthy, `${code}`);
  }
  const client = await member(pod);
  client.write(frame(CLOSING));
  await client.ended();
  t.equal(client.frames().at(-1)?.opcode, CLOSING);
  t.equal(client.frames().at(-1)?.payload.length, 0, 'one without a code is answered without one');
  await isUnharmed(t, pod, healthy, 'no code');
  t.equal(healthy.all({ type: 'chat' }).length, 0);
  t.equal(await pod.metric('realtime_rejected{code="invalid_json"}'), 0);
  t.equal(await pod.metric('realtime_closes{code="1000"}'), 0, 'the server closed nobody');
});

t.test('frames that are well, however they come', async (t) => {
  const { pod, healthy } = await podWith(t);
  const smile = Buffer.from(chat('👩'));
  const cut = smile.indexOf(Buffer.from('👩')) + 2;
  const rows: readonly (readonly [what: string, bytes: Buffer, text: string])[] = [
    ['exactly 65,536 bytes', frame(TEXT, chatOf(65_536)), chatOf(65_536)],
    ['exactly 65,536 bytes in two fragments', fragments(halves(chatOf(65_536))), chatOf(65_536)],
    ['exactly 65,536 bytes in 64 fragments', fragments(parts(chatOf(65_536), 64)), chatOf(65_536)],
    [
      '64 fragments, all but one empty',
      fragments([chat('e'), ...Array.from({ length: 63 }, () => '')]),
      chat('e'),
    ],
    [
      'a code point over two fragments',
      fragments([smile.subarray(0, cut), smile.subarray(cut)]),
      smile.toString(),
    ],
    [
      'a ping and a pong between fragments',
      Buffer.concat([
        frame(TEXT, '{"type":"chat",', { fin: false }),
        frame(PING, 'between'),
        frame(PONG, 'unasked'),
        frame(CONTINUATION, '"data":1}'),
      ]),
      chat(1),
    ],
    [
      'a pong that nobody asked for',
      Buffer.concat([frame(PONG, 'x'), frame(TEXT, chat(2))]),
      chat(2),
    ],
  ];
  for (const [what, bytes, text] of rows) {
    const client = await member(pod);
    client.write(bytes);
    const { data } = JSON.parse(text) as Message;
    t.equal((await healthy.heard({ type: 'chat' })).data, data, what);
    if (what.includes('ping')) {
      await until('a pong', () => client.frames().some(({ opcode }) => opcode === PONG));
      t.equal(
        client
          .frames()
          .find(({ opcode }) => opcode === PONG)
          ?.payload.toString(),
        'between',
        what,
      );
    }
    t.equal(client.closeCode(), undefined, what);
    client.destroy();
    await isUnharmed(t, pod, healthy, what);
  }
  const slow = await member(pod);
  for (const byte of frame(TEXT, chat('byte by byte'))) {
    slow.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  await healthy.heard({ data: 'byte by byte' });
  slow.write(frame(PING, 'x'.repeat(125)));
  await until('a pong', () => slow.frames().at(-1)?.opcode === PONG);
  t.equal(slow.frames().at(-1)?.payload.length, 125);
  slow.destroy();
  await isUnharmed(t, pod, healthy, 'byte by byte');
});

t.test('a flood of pings costs the flooder its connection, and nobody else', async (t) => {
  const { pod, healthy } = await podWith(t);
  const client = await member(pod);
  client.write(Buffer.concat(Array.from({ length: 10_000 }, () => frame(PING, 'x'))));
  await client.ended();
  t.equal(client.closeCode(), undefined);
  await isUnharmed(t, pod, healthy, 'pings');
});

t.test('a peer that does not answer a close is cut after two seconds', async (t) => {
  const { pod, healthy } = await podWith(t);
  const client = await member(pod);
  const started = performance.now();
  client.write(frame(BINARY));
  await until('a close frame', () => client.closeCode() !== undefined);
  t.equal(client.isEnded(), false);
  await client.ended();
  const took = performance.now() - started;
  t.ok(took > 1_500 && took < 3_500, `after ${took} ms`);
  await isUnharmed(t, pod, healthy, 'unanswered');
});

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

t.test('a thousand messages in one write come in order, as far as the rate allows', async (t) => {
  const { pod, healthy } = await podWith(t, { limits: { rateLimitBurst: 2_000 } });
  const client = await member(pod);
  client.write(Buffer.concat(Array.from({ length: 1_000 }, (_, i) => frame(TEXT, chat(i)))));
  await healthy.heard({ type: 'chat', data: 999 });
  t.strictSame(
    healthy.all({ type: 'chat' }).map(({ data }) => data),
    Array.from({ length: 1_000 }, (_, i) => i),
  );
  client.destroy();
  await isUnharmed(t, pod, healthy, 'a thousand');
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
        const all = (): readonly Message[] => reader.all({ type: 'chat', from: sender.id });
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

t.test('handshakes that are refused by us, as problems, and counted', async (t) => {
  const { pod, healthy } = await podWith(t, {
    server: { allowedOrigins: ['https://app.example.com'] },
  });
  const path = `${BASE}/ws/general`;
  const room = (name: string): string => handshakeOf(`${BASE}/ws/${name}`);
  const rows: readonly (readonly [
    what: string,
    bytes: string,
    status: number | readonly number[],
  ])[] = [
    ['version 12', handshakeOf(path, { 'Sec-WebSocket-Version': '12' }), [400, 426]],
    ['version 8', handshakeOf(path, { 'Sec-WebSocket-Version': '8' }), [400, 426]],
    ['no version', handshakeOf(path, { 'Sec-WebSocket-Version': undefined }), [400, 426]],
    ['no key', handshakeOf(path, { 'Sec-WebSocket-Key': undefined }), 400],
    [
      'a key of 15 bytes',
      handshakeOf(path, { 'Sec-WebSocket-Key': Buffer.alloc(15).toString('base64') }),
      400,
    ],
    [
      'a key of 17 bytes',
      handshakeOf(path, { 'Sec-WebSocket-Key': Buffer.alloc(17).toString('base64') }),
      400,
    ],
    [
      'a key that is not base64',
      handshakeOf(path, { 'Sec-WebSocket-Key': '~~~~~~~~~~~~~~~~~~~~~~==' }),
      400,
    ],
    ['two keys', handshakeOf(path, { 'sec-websocket-key': KEY }), 400],
    ['Upgrade: h2c', handshakeOf(path, { Upgrade: 'h2c' }), 400],
    ['POST', handshakeOf(path, { 'Content-Length': '0' }, `POST ${path} HTTP/1.1`), 405],
    ['PUT', handshakeOf(path, {}, `PUT ${path} HTTP/1.1`), 405],
    ['HTTP/1.0', handshakeOf(path, {}, `GET ${path} HTTP/1.0`), 400],
    ['no Host', handshakeOf(path, { Host: undefined }), 400],
    ['an empty Host', handshakeOf(path, { Host: '' }), 400],
    ['protocols with a hole', handshakeOf(path, { 'Sec-WebSocket-Protocol': 'a,,b' }), 400],
    ['an origin that is not allowed', handshakeOf(path, { Origin: 'https://evil.example' }), 403],
    ['Origin: null', handshakeOf(path, { Origin: 'null' }), 403],
    [
      'an origin that begins like ours',
      handshakeOf(path, { Origin: 'https://app.example.com.evil' }),
      403,
    ],
    [
      'an origin that ends like ours',
      handshakeOf(path, { Origin: 'https://evil-app.example.com' }),
      403,
    ],
    ['ours with another port', handshakeOf(path, { Origin: 'https://app.example.com:444' }), 403],
    ['ours with another scheme', handshakeOf(path, { Origin: 'http://app.example.com' }), 403],
    ['no room after the slash', room(''), 400],
    ['a room of spaces', room('%20%20'), 400],
    ['a room of 129 characters', room('x'.repeat(129)), 400],
    ['NUL', room('%00'), 400],
    ['CR LF', room('a%0d%0aSet-Cookie:x'), 400],
    ['U+202E', room('%E2%80%AE'), 400],
    ['U+200B', room('a%E2%80%8B'), 400],
    ['a surrogate', room('%ED%A0%80'), 400],
    ['UTF-8 cut off', room('%E0%A4%A'), 400],
    ['half an escape', room('%'), 400],
    ['a letter beyond ASCII', room('caf%C3%A9'), 400],
    ['__proto__', room('__proto__'), 400],
    ['..', room('..'), 400],
    ['%2e%2e', room('%2e%2e'), 400],
    ['%2e%2e/admin', room('%2e%2e/admin'), 400],
    ['a slash', room('a/b'), 400],
    ['an escaped slash', room('a%2Fb'), 400],
    ...['*', 'a*', '%3F', '[ab]', '%5C', '{a}', '-a', '.a', 'a,b', 'a%20b'].map(
      (name) => [`room ${name}`, room(name), 400] as const,
    ),
    ['stats', room('stats'), 400],
    ['stats by query', handshakeOf(`${BASE}/ws?room=stats`), 400],
    ['a pattern by query', handshakeOf(`${BASE}/ws?room=*`), 400],
    ['two rooms', handshakeOf(`${path}?room=other`), 400],
    ['junk for last_id', handshakeOf(`${path}?last_id=junk`), 400],
    ['junk for the second last_id', handshakeOf(`${path}?last_id=,junk`), 400],
    ['three last_ids', handshakeOf(`${path}?last_id=null,null,null`), 400],
    ['last_id given twice', handshakeOf(`${path}?last_id=&last_id=`), 400],
    ['an absolute URL with a bad room', handshakeOf(`http://chat.example${BASE}/ws/*`), 400],
  ];
  for (const [what, bytes, expected] of rows) {
    const client = await pod.raw();
    client.write(bytes);
    const { status, headers, body } = await client.answer();
    t.ok([expected].flat().includes(status), `${what}: ${status}`);
    t.match(headers.get('content-type'), 'application/problem+json', what);
    if (headers.get('content-type')?.startsWith('application/problem+json') === true)
      t.match(JSON.parse(body), { status, title: /./, detail: /./ }, what);
    t.equal(headers.get('x-content-type-options'), 'nosniff', what);
    t.notMatch(body, /evil|Set-Cookie|junk/, `${what}: nothing is echoed`);
    if (what.includes('version')) t.match(headers.get('sec-websocket-version'), /\b13\b/, what);
    if (status === 405) t.equal(headers.get('allow'), 'GET', what);
    await client.ended();
    t.ok((await pod.metric(`realtime_rejected{code="${status}"}`)) > 0, `${what}: counted`);
    await isUnharmed(t, pod, healthy, what);
  }
  let counted = 0;
  for (const status of [400, 403, 405, 426])
    counted += await pod.metric(`realtime_rejected{code="${status}"}`);
  t.equal(counted, rows.length);
});

t.test('handshakes that are no HTTP, no upgrade, or not for us', async (t) => {
  const { pod, healthy } = await podWith(t);
  const path = `${BASE}/ws/general`;
  const long = 'x'.repeat(17_000);
  const tiny = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`x${i}`, '1']));
  const rows: readonly (readonly [
    what: string,
    bytes: string | Buffer,
    status: readonly number[],
  ])[] = [
    ['a header of 17 kB', handshakeOf(path, { X: long }), [431]],
    ['a URL of 17 kB', handshakeOf(`${path}?x=${long}`), [414, 431]],
    ['2,000 tiny headers', handshakeOf(path, tiny), [101, 400, 431]],
    ['a NUL in a header', handshakeOf(path, { X: 'a\0b' }), [400]],
    ['a bare LF in a header', handshakeOf(path, { X: 'a\nb' }), [400]],
    ['a folded header', handshakeOf(path, { X: 'a\r\n b' }), [400]],
    ['a space before the colon', handshakeOf(path, { 'X ': 'a' }), [400]],
    [
      'Transfer-Encoding and Content-Length',
      handshakeOf(path, { 'Transfer-Encoding': 'chunked', 'Content-Length': '3' }),
      [400],
    ],
    ['garbage', 'hello\r\n\r\n', [400]],
    ['a TLS hello', Buffer.from('16030100c8010000c40303', 'hex'), [400]],
    ['an unknown path', handshakeOf(`${BASE}/nowhere`), [404]],
    ['another path that begins like ours', handshakeOf(`${BASE}/wsx`), [404]],
    ['two slashes', handshakeOf('//'), [404]],
    ['an absolute URL', handshakeOf('http://evil/'), [400, 404]],
    ['Connection without upgrade', handshakeOf(path, { Connection: 'keep-alive' }), [426]],
    ['no Upgrade', handshakeOf(path, { Upgrade: undefined }), [426]],
  ];
  let notFound = 0;
  for (const [what, bytes, expected] of rows) {
    const client = await pod.raw();
    client.write(bytes);
    const { status, headers } = await client.answer();
    t.ok(expected.includes(status), `${what}: ${status}`);
    if (status === 404) notFound++;
    if (status === 426) t.match(headers.get('upgrade'), 'websocket', what);
    client.destroy();
    await isUnharmed(t, pod, healthy, what);
  }
  t.equal(
    await pod.metric('realtime_rejected{code="404"}'),
    notFound,
    'who asks for a WebSocket where there is none is counted',
  );
});

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
    t.equal(await pod.metric('realtime_rejected{code="404"}'), 0, 'curl --http2 is no handshake');
    await isUnharmed(t, pod, healthy, 'half-open');
  },
);

t.test('requests that no route sees are answered with problems', async (t) => {
  const { pod, healthy } = await podWith(t);
  const json = 'Content-Type: application/json\r\n';
  const rows: readonly (readonly [
    what: string,
    line: string,
    headers: string,
    status: number,
    body?: string,
  ])[] = [
    ['no Host', 'GET /health', '', 400],
    ['no Host, as HTTP/1.0', 'GET /health HTTP/1.0', '', 200],
    ['Expect', 'GET /health', 'Host: x\r\nExpect: x\r\n', 417],
    [
      'a body to what only GETs',
      'POST /health',
      `Host: x\r\n${json}Content-Length: 3\r\n`,
      405,
      '{a}',
    ],
    [
      'a strange type',
      'POST /health',
      'Host: x\r\nContent-Type: a/b\r\nContent-Length: 3\r\n',
      405,
      '{a}',
    ],
    ['an empty body', 'POST /nowhere', `Host: x\r\n${json}Content-Length: 0\r\n`, 404],
    ['too large', `POST ${BASE}/ws/stats`, `Host: x\r\n${json}Content-Length: 99999999\r\n`, 405],
    ['chunks', 'POST /health', `Host: x\r\n${json}Transfer-Encoding: chunked\r\n`, 405],
    ['a slash in a room', `GET ${BASE}/ws/a/b`, 'Host: x\r\n', 400],
    ['no room behind the slash', `GET ${BASE}/ws/`, 'Host: x\r\n', 400],
    ['no Upgrade, and to be closed', `GET ${BASE}/ws/a`, 'Host: x\r\nConnection: close\r\n', 426],
  ];
  for (const [what, line, headers, status, text = ''] of rows) {
    const client = await pod.raw();
    client.write(`${line}${line.includes(' HTTP/') ? '' : ' HTTP/1.1'}\r\n${headers}\r\n${text}`);
    const answer = await client.answer();
    t.equal(answer.status, status, what);
    t.equal(answer.headers.get('x-content-type-options'), 'nosniff', what);
    if (status === 200) continue;
    t.match(answer.headers.get('content-type'), 'application/problem+json', what);
    t.match(JSON.parse(answer.body), { status, title: /./, detail: /./ }, what);
    if (status === 405) t.equal(answer.headers.get('allow'), 'GET, HEAD', what);
    if (status === 426) t.equal(answer.headers.get('connection'), 'Upgrade, close', what);
    if (headers.includes('Length') || headers.includes('close') || headers.includes('chunked'))
      await client.ended();
    client.destroy();
    await isUnharmed(t, pod, healthy, what);
  }
});

t.test('handshakes that are let in: our own origin, no Origin, odd offers', async (t) => {
  const { pod, healthy } = await podWith(t, {
    server: { allowedOrigins: ['https://app.example.com'] },
  });
  const path = `${BASE}/ws/general`;
  const rows: readonly (readonly [what: string, bytes: string, protocol?: string])[] = [
    ['no Origin', handshakeOf(path)],
    ['an origin that is allowed', handshakeOf(path, { Origin: 'https://app.example.com' })],
    [
      'our own origin',
      handshakeOf(path, { Host: 'chat.example:8000', Origin: 'http://chat.example:8000' }),
    ],
    [
      'our own origin behind TLS',
      handshakeOf(path, { Host: 'chat.example', Origin: 'https://chat.example' }),
    ],
    [
      'Upgrade in capitals',
      handshakeOf(path, { Upgrade: 'WebSocket', Connection: 'keep-alive, UPGRADE' }),
    ],
    [
      'a protocol that we do not know',
      handshakeOf(path, { 'Sec-WebSocket-Protocol': 'mqtt, soap' }),
    ],
    [
      'ours among others',
      handshakeOf(path, { 'Sec-WebSocket-Protocol': 'mqtt, realtime.v1' }),
      'realtime.v1',
    ],
    [
      'deflate',
      handshakeOf(path, {
        'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
      }),
    ],
    [
      'extensions called constructor and __proto__',
      handshakeOf(path, { 'Sec-WebSocket-Extensions': 'constructor, __proto__; x=1' }),
    ],
    ['extensions that cannot be read', handshakeOf(path, { 'Sec-WebSocket-Extensions': ';;,=' })],
    ['an absolute URL', handshakeOf(`http://chat.example:8000${path}?last_id=null,`)],
    ['an absolute URL in capitals', handshakeOf(`HTTPS://chat.example${path}`)],
    ['a room called constructor', handshakeOf(`${BASE}/ws/constructor`)],
    ['a room called toString', handshakeOf(`${BASE}/ws/toString`)],
    ['128 characters', handshakeOf(`${BASE}/ws/${'x'.repeat(128)}`)],
  ];
  for (const [what, bytes, protocol] of rows) {
    const client = await pod.raw();
    client.write(bytes);
    const { status, headers } = await client.answer();
    t.equal(status, 101, what);
    // RFC 6455 §1.3, of the key above
    t.equal(headers.get('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', what);
    t.equal(headers.get('sec-websocket-protocol'), protocol, what);
    t.equal(headers.get('sec-websocket-extensions'), undefined, what);
    await until(`${what}: joined`, () =>
      client.texts().some((text) => text.includes('"joined","room"')),
    );
    client.destroy();
    await isUnharmed(t, pod, healthy, what);
  }
});

t.test('frames in the same packet as the handshake are taken, once', async (t) => {
  const { pod, healthy } = await podWith(t);
  const client = await pod.raw();
  const [whole, split] = [frame(TEXT, chat('whole')), frame(TEXT, chat('split'))];
  client.write(
    Buffer.concat([Buffer.from(handshakeOf(`${BASE}/ws/general`)), whole, split.subarray(0, 9)]),
  );
  await healthy.heard({ data: 'whole' });
  client.write(split.subarray(9));
  await healthy.heard({ data: 'split' });
  await until(
    'its own too',
    () => client.texts().filter((text) => text.includes('"type":"chat"')).length === 2,
  );
  t.strictSame(
    client
      .texts()
      .map((text) => (JSON.parse(text) as Message).data)
      .map((data) => (data as { readonly event?: string }).event ?? data),
    ['welcome', 'joined', 'joined', 'whole', 'split'],
  );
  const refused = await pod.raw();
  refused.write(
    Buffer.concat([Buffer.from(handshakeOf(`${BASE}/ws/*`)), frame(TEXT, chat('refused'))]),
  );
  t.equal((await refused.answer()).status, 400);
  await refused.ended();
  client.destroy();
  await isUnharmed(t, pod, healthy, 'head');
  t.strictSame(
    healthy.all({ type: 'chat' }).map(({ data }) => data),
    ['whole', 'split'],
  );
});

t.test('a hundred requests in one write are answered in order', async (t) => {
  const { pod, healthy } = await podWith(t);
  const client = await pod.raw();
  const request = (i: number): string =>
    `GET ${BASE}/ws/stats?room=r${i} HTTP/1.1\r\nHost: x\r\n\r\n`;
  client.write(Array.from({ length: 100 }, (_, i) => request(i)).join(''));
  await until('all of them', () => (client.text().match(/"name":"r\d+"/g) ?? []).length === 100);
  t.strictSame(
    client.text().match(/"name":"r\d+"/g),
    Array.from({ length: 100 }, (_, i) => `"name":"r${i}"`),
  );
  client.destroy();
  await isUnharmed(t, pod, healthy, 'pipelined');
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
