/** What a program publishes: which messages are refused, and with which errors. */
import t from 'tap';
import { type Notice } from '../lib/index.js';
import { startPod } from './support/pod.js';

t.test(
  'when a program publishes an invalid message, then it is refused with a reason, also without types',
  async (t) => {
    const pod = await startPod(t);
    const a = await pod.connect('/ws/r');
    const wrong: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
      [{ type: 'error', data: 1 }, /^type: send chat, notification or system/],
      [{ type: 'presence', data: { status: 'online' } }, /^type: /],
      [{ type: 'toString', data: 1 }, /^type: /],
      [{ type: 5, data: 1 }, /^type: /],
      [{ from: 7, data: 1 }, /^from: expected a text, got a number/],
      [{ from: '', data: 1 }, /^from: /],
      [{ from: 'a\u0000', data: 1 }, /^from: /],
      [{ from: null, data: 1 }, /^from: /],
      [{ room: 5, data: 1 }, /^room: /],
      [{ room: 'stats', data: 1 }, /^room: /],
      [{ key: 5, data: 1 }, /^key: expected a text, got a number/],
      [{ key: '', data: 1 }, /^key: /],
      [{ key: 'k'.repeat(256), data: 1 }, /^key: expected at most 255 characters, got 256/],
      [{}, /^data: /],
      [{ type: 'system', data: { event: 'ack' } }, /^data\.event: /],
    ];
    for (const [notice, why] of wrong)
      await t.rejects(pod.app.publish({ room: 'r', ...notice } as unknown as Notice), {
        name: 'TypeError',
        message: why,
      });
    for (const [notice, message] of [
      [{ data: 1 }, 'room: name the room, or null for everybody'],
      [{ room: undefined, data: 1 }, 'room: name the room, or null for everybody'],
      [
        { romm: 'r', data: 1 },
        'romm: no field of a message; there are room, type, from, data, key',
      ],
      [{ room: 'r', data: 1, kye: 'k' }, 'kye: no field of a message; there are'],
      [{ room: 'r', data: [1n] }, 'data'],
    ] as const)
      await t.rejects(pod.app.publish(notice as unknown as Notice), {
        name: 'TypeError',
        message: new RegExp(`^${message}`),
      });
    for (const [notice, kind] of [
      [null, 'null'],
      [undefined, 'nothing'],
      ['x', 'a string'],
      [5, 'a number'],
      [[], 'an array'],
    ] as const)
      await t.rejects(pod.app.publish(notice as unknown as Notice), {
        name: 'TypeError',
        message: `expected a message, such as { room: 'general', data: 'hello' }, got ${kind}`,
      });
    for (const room of [null, ''])
      t.match(await pod.app.publish({ room, data: 'to all' }), { scope: 'cluster' });
    t.match(await pod.app.publish({ room: 'r', data: 'well' }), { scope: 'cluster' });
    await a.received({ type: 'notification', from: 'server', data: 'well' });
    t.equal(a.all({ type: 'notification' }).length, 3, 'and nothing else came through');
  },
);

t.test('when JSON cannot represent the data, then a TypeError names the path', async (t) => {
  class Order {
    readonly total = 1;
    get id(): string {
      return 'o-17';
    }
  }
  const pod = await startPod(t);
  const alice = await pod.connect('/ws/r');
  const wrong: readonly (readonly [unknown, string])[] = [
    [new Map([['a', 1]]), 'data: expected a plain object or an array, got an instance of Map; '],
    [
      { lines: [1, new Set([1])] },
      'data.lines[1]: expected a plain object or an array, got an instance of Set; ',
    ],
    [
      { order: new Order() },
      'data.order: expected a plain object or an array, got an instance of Order; ',
    ],
    [
      { 'a b': /x/ },
      'data["a b"]: expected a plain object or an array, got an instance of RegExp; ',
    ],
    [
      { error: new Error('x') },
      'data.error: expected a plain object or an array, got an instance of Error; ',
    ],
    [
      new Uint8Array(2),
      'data: expected a plain object or an array, got an instance of Uint8Array; ',
    ],
    [{ f: () => 1 }, 'data.f: expected a JSON value, got a function; leave it out'],
    [[1n], 'data: a bigint is no JSON value; send it as a string'],
    [{ list: [1, undefined] }, 'data.list[1]: expected a JSON value, got nothing; '],
    [{ own: { toJSON: () => ({ deep: new Map() }) } }, 'data.own.deep: expected a plain object'],
    [{ own: { toJSON: () => '\u0000' } }, 'data.own: remove the character U+0000'],
  ];
  for (const [data, text] of wrong)
    await t.rejects(pod.app.publish({ room: 'r', data }), {
      name: 'TypeError',
      message: new RegExp(`^${text.replaceAll(/[[\].+]/g, '\\$&')}`),
    });
  const at = new Date(0);
  const fit: unknown = {
    at,
    url: new URL('http://a/'),
    no: undefined,
    bare: Object.create(null) as object,
  };
  await pod.app.publish({ room: 'r', data: fit });
  t.strictSame((await alice.received({ type: 'notification' })).data, {
    at: '1970-01-01T00:00:00.000Z',
    url: 'http://a/',
    bare: {},
  });
  t.equal(alice.all({ type: 'notification' }).length, 1);
});

t.test('when a message was published, then its receipt is a plain object', async (t) => {
  const pod = await startPod(t);
  const first = await pod.app.publish({ room: 'r', data: 1, key: 'k' });
  const again = await pod.app.publish({ room: 'r', data: 1, key: 'k' });
  t.strictSame(Object.keys(first), ['id', 'duplicate', 'scope']);
  t.strictSame(JSON.parse(JSON.stringify(first)), {
    id: first.id,
    duplicate: false,
    scope: 'cluster',
  });
  t.strictSame(structuredClone(again), { id: first.id, duplicate: true, scope: 'cluster' });
  for (const receipt of [first, again]) t.equal(Object.getPrototypeOf(receipt), Object.prototype);
  await t.rejects(pod.app.publish({ room: 'r', data: 2, key: 'k' }), {
    name: 'NotPublished',
    code: 'key_reused',
    message: 'key: already used for other data; use a new key',
  });
});

t.test(
  'when the key of a program equals that of a client, then both messages are sent',
  async (t) => {
    const pod = await startPod(t);
    const client = await pod.connect('/ws/r');
    const id = '6f1f8a0c-52a0-4c33-9b60-7d2f0a8f4c11';
    client.send({ type: 'chat', data: 'client', id });
    await client.received({ data: { event: 'ack' } });
    for (const key of [client.userId === null ? `:${id}` : `${client.userId}:${id}`, id]) {
      const published = await pod.app.publish({ room: 'r', type: 'chat', data: 'program', key });
      t.equal(published.duplicate, false, key);
    }
  },
);

t.test('when a key is a UUID in capitals, then it is the same key', async (t) => {
  const pod = await startPod(t);
  const key = 'F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6';
  const first = await pod.app.publish({ room: 'r', data: 1, key });
  const again = await pod.app.publish({ room: 'r', data: 1, key: key.toLowerCase() });
  t.match(again, { id: first.id, duplicate: true });
  t.match(await pod.app.publish({ room: 'r', data: 1, key: 'K' }), { duplicate: false });
  t.match(await pod.app.publish({ room: 'r', data: 1, key: 'k' }), { duplicate: false });
});
