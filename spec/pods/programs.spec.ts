/** What another program publishes on a channel, as the members on two pods get it. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { channelOf, GLOBAL_CHANNEL } from '../../lib/broker/redis/port.js';
import { formatId, type MessageId, nonceOf, parseId } from '../../lib/protocol/position.js';
import { startRedis, until } from '../support/redis.js';
import { type Watcher, witness } from '../support/witness.js';
import { LINGER_MS, startPods } from '../support/pods.js';

/** A UUIDv7 as any program makes one. */
const foreignId = (over: Partial<MessageId> = {}): string => {
  const [a = 0, b = 0, c = 0] = randomBytes(3);
  return formatId({
    ms: Date.now(),
    tag: 1 + ((a * 256 + b) % 4095),
    offset: 1_000_000 + c * 1_000,
    global: false,
    outside: false,
    nonce: b * 256 + c,
    ...over,
  });
};

const foreign = (room: string, over: Record<string, unknown> = {}): Record<string, unknown> => ({
  id: foreignId(),
  type: 'chat',
  room,
  from: 'another program',
  data: { content: 'hi' },
  timestamp: new Date().toISOString(),
  ...over,
});

/** The messages that a watcher got in a room, as they came. */
const textsOf = ({ ears }: Watcher, room: string): readonly string[] =>
  ears
    .filter((ear) => ear.room === room)
    .flatMap(({ entries }) =>
      entries.flatMap((entry) => (entry._tag === 'Message' ? entry.message.text : [])),
    );

/** What members get of it: the fields that we know, its own id as `ref`; the id is another's matter. */
const deliveredOf = (text: string): string => {
  const { id, type, room, from, data, timestamp } = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify({ type, room, from, data, timestamp, ref: id });
};

/** The same of the messages that came. */
const withoutId = (text: string): string => {
  const { id: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify(rest);
};

t.test('when another program publishes on a channel', async (t) => {
  const redis = await startRedis();
  t.teardown(redis.stop);
  const pods = await startPods(t, 2, { redisUrl: redis.url });
  const clients = witness();
  const watchers = await Promise.all(
    pods.map(({ port }, i) => clients.watch(`pod-${i + 1}`, port, ['x'])),
  );
  const [a] = watchers;
  const dropped = (): Promise<readonly number[]> =>
    Promise.all(pods.map((pod) => pod.metric('realtime_rejected{code="broker_payload"}')));
  /** Publishes one more message and waits until every client has it: so all earlier messages have passed. */
  const talk = async (): Promise<void> => {
    const sent = a?.publish('x');
    const hasReceived = ({ ears }: Watcher): boolean =>
      ears.some(({ entries }) =>
        entries.some((entry) => entry._tag === 'Message' && entry.message.n === sent?.n),
      );
    await until('all heard it', () => watchers.every(hasReceived));
    await clients.quiet(20);
  };

  await t.test(
    'when a message is valid, then all members get it under one id outside the log',
    async (t) => {
      const deep = '{"a":[{"b":[[{"__proto__":{"c":1}}]]}]}';
      const texts = [
        JSON.stringify(foreign('x')),
        JSON.stringify(foreign('x', { type: 'notification', data: null })),
        JSON.stringify(foreign('x', { type: 'presence', data: { status: 'away' } })),
        JSON.stringify(foreign('x', { type: 'system', data: { event: 'app.maintenance' } })),
        ` ${JSON.stringify(foreign('x', { more: [1, 2] }), null, 2)}\n`,
        JSON.stringify(foreign('x')).replace('{"content":"hi"}', deep),
      ];
      for (const text of texts) {
        clients.expect((JSON.parse(text) as { readonly id: string }).id);
        await redis.command('PUBLISH', channelOf('x'), text);
        await talk();
      }
      const global = JSON.stringify(foreign('x', { room: undefined }));
      clients.expect((JSON.parse(global) as { readonly id: string }).id);
      await redis.command('PUBLISH', GLOBAL_CHANNEL, global);
      await talk();
      for (const watcher of watchers) {
        const received = textsOf(watcher, 'x');
        const foreigns = received.filter((text) => text.includes('another program'));
        t.strictSame(foreigns.map(withoutId), texts.map(deliveredOf), watcher.who);
        for (const text of foreigns) {
          const { id, ref } = JSON.parse(text) as { readonly id: string; readonly ref: string };
          const position = parseId(id);
          t.match(
            position,
            { value: { outside: true, nonce: nonceOf(ref) } },
            'its 20 bits are of its own id',
          );
        }
        t.strictSame(
          textsOf(watcher, '').map(withoutId),
          [deliveredOf(global)],
          'and the global one',
        );
      }
      t.strictSame(await dropped(), [0, 0]);
    },
  );

  await t.test('when the same id is published again, then members get it once', async (t) => {
    const text = JSON.stringify(foreign('x'));
    clients.expect((JSON.parse(text) as { readonly id: string }).id);
    for (let i = 0; i < 3; i++) await redis.command('PUBLISH', channelOf('x'), text);
    const own = textsOf(watchers[0]!, 'x').findLast((each) => each.includes('"mark"')) ?? '';
    await redis.command('PUBLISH', channelOf('x'), own);
    await talk();
    for (const watcher of watchers) {
      t.equal(
        textsOf(watcher, 'x').filter((each) => withoutId(each) === deliveredOf(text)).length,
        1,
      );
      t.equal(textsOf(watcher, 'x').filter((each) => each === own).length, 1);
    }
  });

  const nested = `${'['.repeat(40)}${']'.repeat(40)}`;
  const malformed: Readonly<Record<string, string | Buffer>> = {
    empty: '',
    'not JSON': 'hello',
    'half of JSON': '{"id":',
    binary: Buffer.from([0xff, 0xfe, 0x00, 0x80]),
    'JSON in bytes that are no UTF-8': Buffer.concat([
      Buffer.from(JSON.stringify(foreign('x')).slice(0, -1)),
      Buffer.from(',"z":"\u00e9"}', 'latin1'),
    ]),
    'an array': '[]',
    null: 'null',
    'a number': '17',
    'no id': JSON.stringify(foreign('x', { id: undefined })),
    'an id that is no UUID': JSON.stringify(foreign('x', { id: '1' })),
    'a UUIDv4': JSON.stringify(foreign('x', { id: '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d' })),
    'no type': JSON.stringify(foreign('x', { type: undefined })),
    'a type of ours alone': JSON.stringify(foreign('x', { type: 'error' })),
    pong: JSON.stringify(foreign('x', { type: 'pong' })),
    'a control event of ours': JSON.stringify(
      foreign('x', { type: 'system', data: { event: 'gap' } }),
    ),
    'system without an event': JSON.stringify(foreign('x', { type: 'system' })),
    'no from': JSON.stringify(foreign('x', { from: undefined })),
    'from a number': JSON.stringify(foreign('x', { from: 7 })),
    'no data': JSON.stringify(foreign('x', { data: undefined })),
    'no timestamp': JSON.stringify(foreign('x', { timestamp: undefined })),
    'a byte too many': JSON.stringify(foreign('x', { data: '' })).replace(
      '"data":""',
      `"data":"${'a'.repeat(131_073 - JSON.stringify(foreign('x', { data: '' })).length)}"`,
    ),
    '10 MB': JSON.stringify(foreign('x', { data: 'a'.repeat(10_000_000) })),
    'another room': JSON.stringify(foreign('y')),
    'no room': JSON.stringify(foreign('x', { room: undefined })),
    '40 levels': JSON.stringify(foreign('x', { data: 'deep' })).replace('"deep"', nested),
    '100,000 levels': `${'['.repeat(60_000)}${']'.repeat(60_000)}`,
    'a number beyond a double': JSON.stringify(foreign('x', { data: 'big' })).replace(
      '"big"',
      '1e999',
    ),
    'U+0000': JSON.stringify(foreign('x', { data: '\u0000' })),
    'half a surrogate pair': JSON.stringify(foreign('x', { data: '\ud800' })),
  };
  await t.test(
    'when a payload is not a message, then it is dropped and counted, and all else goes on',
    async (t) => {
      for (const [name, payload] of Object.entries(malformed)) {
        const before = await dropped();
        const receivedBefore = watchers.map((watcher) => textsOf(watcher, 'x').length);
        t.equal(
          await redis.command('PUBLISH', channelOf('x'), payload as string),
          2,
          `${name}: both pods get it`,
        );
        await talk();
        t.strictSame(
          await dropped(),
          before.map((count) => count + 1),
          `${name}: counted`,
        );
        t.strictSame(
          watchers.map((watcher) => textsOf(watcher, 'x').length),
          receivedBefore.map((count) => count + 1),
          `${name}: only the next message is heard`,
        );
      }
      const exact = JSON.stringify(foreign('x', { data: '' })).replace(
        '"data":""',
        `"data":"${'a'.repeat(131_072 - JSON.stringify(foreign('x', { data: '' })).length)}"`,
      );
      t.equal(exact.length, 131_072);
      clients.expect((JSON.parse(exact) as { readonly id: string }).id);
      await redis.command('PUBLISH', channelOf('x'), exact);
      await talk();
      t.ok(
        watchers.every((watcher) =>
          textsOf(watcher, 'x').map(withoutId).includes(deliveredOf(exact)),
        ),
        'R03: the largest is heard',
      );
    },
  );

  await t.test('when a channel is not of a room, then no client gets its messages', async (t) => {
    const before = await dropped();
    for (const channel of [
      'realtime:',
      'realtime:room:',
      'realtime:room:nobody',
      'realtime:room:a\r\nb',
      'realtime:room:\u0000',
      'realtime:room:*',
    ])
      t.equal(
        await redis.command('PUBLISH', channel, JSON.stringify(foreign('x'))),
        0,
        JSON.stringify(channel),
      );
    await talk();
    t.strictSame(await dropped(), before);
  });

  await t.test('when the log of a room has a wrong type, then only that room fails', async () => {
    const key = `{${channelOf('broken')}}:pos`;
    await redis.command('SET', key, 'a text');
    const { connect } = pods[0]!;
    const client = await connect('/ws/x');
    client.send({ type: 'join', room: 'broken' });
    await client.received({ data: { event: 'left', room: 'broken', reason: 'failed' } });
    await talk();
    await redis.command('DEL', key);
    await sleep(LINGER_MS + 100);
    client.send({ type: 'join', room: 'broken' });
    await client.received({ data: { event: 'joined', room: 'broken' } });
    await client.close();
  });

  await t.test(
    'when the log has another id at a known offset, then a new epoch begins, and members get a gap',
    async (t) => {
      await talk();
      const message = [...clients.messages.values()].findLast(
        ({ n, room }) => n !== undefined && room === 'x',
      );
      const other = formatId({ ...message!.id, nonce: message!.id.nonce ^ 1 });
      clients.expect(other);
      // as a Redis that lost its tail would: the log has another message there
      await redis.command('HSET', `{${channelOf('x')}}:pos`, 'i', other);
      await redis.command('PUBLISH', channelOf('x'), JSON.stringify(foreign('x', { id: other })));
      await until('a gap is told to both', () =>
        watchers.every(({ statusEvents }) =>
          statusEvents.some(
            ({ event, reason, room }) => event === 'gap' && reason === 'log_lost' && room === 'x',
          ),
        ),
      );
      const before = watchers.map((watcher) => textsOf(watcher, 'x').length);
      await talk();
      await talk();
      t.strictSame(
        watchers.map((watcher) => textsOf(watcher, 'x').length),
        before.map((count) => count + 2),
        'and it goes on',
      );
    },
  );

  t.strictSame(clients.verdict().faults, [], 'all the time: one order, no holes, nothing twice');
  t.ok(
    watchers.every((watcher) => watcher.closeCode() === undefined),
    'no socket was closed',
  );
  await clients.close();
});
