/** R: payloads and keys of other programs in Redis, and errors of Redis itself. */
import { channelOf, GLOBAL_CHANNEL } from '../../lib/broker/redis/port.js';
import { formatId } from '../../lib/protocol/position.js';
import { type Message, positionOf } from '../support/client.js';
import { BASE } from '../support/pod.js';
import { closeFrame, frame, TEXT } from '../support/raw-client.js';
import { type RedisServer, until } from '../support/redis.js';
import {
  type Foreign,
  foreign,
  GENERAL,
  DELIVERED,
  receivedDuring,
  MALFORMED,
  nested,
  publish,
  rebuilt,
  rebuiltOf,
} from './foreign-payloads.js';
import { type RefusingRedis } from './refusing-redis.js';
import { once, type Row } from './row.js';

/** Errors of Redis that a publish may get, and whether the message reaches this pod alone then. */
const REFUSALS: readonly (readonly [error: string, due: string])[] = [
  ['LOADING Redis is loading the dataset in memory', 'scope pod'],
  [
    'MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk',
    'scope pod',
  ],
  ["OOM command not allowed when used memory > 'maxmemory'", 'scope pod'],
  ['NOAUTH Authentication required.', 'scope pod'],
  ["NOPERM this user has no permissions to run the 'evalsha' command", 'scope pod'],
  [
    'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    'scope pod',
  ],
  ['ERR what nobody has heard of', 'scope pod'],
  ['NOSCRIPT No matching script. Please use EVAL.', 'scope cluster'],
  ["READONLY You can't write against a read only replica.", 'scope pod'],
];

export const brokerRows = (redis: RedisServer, refusing: RefusingRedis): readonly Row[] => [
  ...MALFORMED.map(
    ([row, sent, payload]): Row => ({
      row,
      sent,
      due: 'dropped',
      counted: once('rejected broker_payload'),
      play: async (stage) => {
        const received = await receivedDuring(stage, () => publish(redis, GENERAL, payload()));
        return received.length === 0
          ? 'dropped'
          : `heard ${JSON.stringify(received[0]).slice(0, 200)}`;
      },
    }),
  ),
  ...DELIVERED.map(
    ([row, sent, payload]): Row => ({
      row,
      sent,
      due: 'heard anew',
      contract: 'rebuilt from the fields of section 1',
      play: async (stage) => {
        const text = payload();
        const received = await receivedDuring(stage, () => publish(redis, GENERAL, text));
        return received.map(rebuilt).join() === rebuiltOf(JSON.parse(text) as Foreign)
          ? 'heard anew'
          : `heard ${JSON.stringify(received).slice(0, 200)}`;
      },
    }),
  ),
  {
    row: 'R04',
    sent: 'the same whole id three times',
    due: 'heard once',
    play: async (stage) => {
      const text = foreign();
      const received = await receivedDuring(stage, async () => {
        for (let i = 0; i < 3; i++) await publish(redis, GENERAL, text);
      });
      return received.length === 1 ? 'heard once' : `heard ${received.length} times`;
    },
  },
  {
    row: 'R04',
    sent: 'a message of ours again, by its whole id',
    due: 'heard once',
    play: async (stage) => {
      const client = await stage.connect('/ws/general');
      client.send({ type: 'chat', data: 'mine' });
      const mine = await client.received({ data: 'mine' });
      const received = await receivedDuring(stage, () =>
        publish(redis, GENERAL, JSON.stringify(mine)),
      );
      const times = received.filter(({ id }) => id === mine.id).length;
      return times <= 1 ? 'heard once' : `heard ${times + 1} times`;
    },
  },
  {
    row: 'R04',
    sent: 'an offset far ahead that the log does not have',
    due: 'heard anew, no gap',
    contract: 'no part in the offsets',
    play: async (stage) => {
      const client = await stage.connect('/ws/general');
      const position = positionOf(await client.received({ type: 'chat' }));
      const id = formatId({ ...position, offset: position.offset + 1_000_000 });
      const text = foreign({ id });
      const received = await receivedDuring(stage, () => publish(redis, GENERAL, text));
      const own = received.map((message) =>
        rebuilt(message) === rebuiltOf(JSON.parse(text) as Foreign)
          ? 'heard anew'
          : JSON.stringify(message.data),
      );
      return `${own.join()}, no gap`;
    },
  },
  {
    row: 'R04',
    sent: 'Redis goes back: an offset that does not go up, under another id',
    due: 'gap log_lost',
    play: async (stage) => {
      const [pos, log] = [`{${GENERAL}}:pos`, `{${GENERAL}}:log`];
      for (const key of [pos, log]) await redis.command('COPY', key, `${key}:then`, 'REPLACE');
      await stage.settled();
      await stage.settled();
      const received = await receivedDuring(stage, () =>
        redis.command(
          'EVAL',
          "for _, key in ipairs(KEYS) do redis.call('COPY', key .. ':then', key, 'REPLACE') end",
          2,
          pos,
          log,
        ),
      );
      for (const key of [pos, log]) await redis.command('DEL', `${key}:then`);
      return received
        .map(
          ({ data }) =>
            `${(data as { readonly event: string }).event} ${(data as { readonly reason: string }).reason}`,
        )
        .join();
    },
  },
  ...[
    'realtime:',
    'realtime:room:',
    'realtime:room:nobody',
    'realtime:room:a\r\nb',
    'realtime:room:\u0000',
    'realtime:room:*',
    'realtime:room:gener\u0061l ',
    'realtime:rooms:general',
  ].map(
    (channel): Row => ({
      row: 'R05',
      sent: `on the channel ${JSON.stringify(channel)}`,
      due: 'nobody listens',
      play: async () =>
        (await publish(redis, channel, foreign())) === 0 ? 'nobody listens' : 'somebody listens',
    }),
  ),
  {
    row: 'R05',
    sent: "a room's message on the global channel",
    due: 'dropped',
    counted: once('rejected broker_payload'),
    play: async (stage) =>
      (await receivedDuring(stage, () => publish(redis, GLOBAL_CHANNEL, foreign()))).length === 0
        ? 'dropped'
        : 'heard',
  },
  ...[
    '',
    'hello',
    '{"whom":"user"}',
    '{"_tag":"Disconnect","whom":"everybody","id":"*"}',
    nested(60_000),
  ].map(
    (text): Row => ({
      row: 'R02',
      sent: `an operator's word that is none: ${text.slice(0, 30)}`,
      due: 'dropped',
      counted: once('rejected broker_payload'),
      play: async (stage) =>
        (await receivedDuring(stage, () => publish(redis, 'realtime:control', text))).length === 0
          ? 'dropped'
          : 'heard',
    }),
  ),
  {
    row: 'R06',
    sent: 'a room whose position is a text',
    due: 'left failed, others fine; well when it is gone',
    play: async (stage) => {
      const key = `{${channelOf('r06')}}:pos`;
      await redis.command('SET', key, 'a text');
      const client = await stage.connect('/ws/general');
      client.send({ type: 'join', room: 'r06' });
      const left = await client.received({ data: { event: 'left', room: 'r06' } });
      await stage.settled();
      await redis.command('DEL', key);
      const isBack = async (): Promise<boolean> => {
        client.send({ type: 'join', room: 'r06' });
        await until('an answer', () => client.all({ room: 'r06' }).length > 0);
        return client.all({ data: { event: 'joined', room: 'r06' } }).length > 0;
      };
      await until('it is back', isBack);
      return `left ${(left.data as { readonly reason: string }).reason}, others fine; well when it is gone`;
    },
  },
  {
    row: 'R06',
    sent: 'a room whose log is a text: history, resume, publish',
    due: '503; gap, joined; scope pod',
    contract: 'on the pod alone',
    counted: once('rejected 503'),
    play: async (stage) => {
      const key = `{${channelOf('r06log')}}:log`;
      const client = await stage.connect('/ws/r06log');
      for (const data of [1, 2]) client.send({ type: 'chat', data });
      const { id } = await client.received({ data: 1 });
      await client.received({ data: 2 });
      await redis.command('SET', key, 'a text');
      const { status } = await stage.get(`${BASE}/rooms/r06log/messages`);
      const again = await stage.connect(`/ws/r06log?last_id=${id}`);
      const gaps = again.all({ data: { event: 'gap' } }).length;
      client.send({ type: 'chat', id: 'later', data: 2 });
      const { scope } = (await client.received({ data: { event: 'ack' } })).data as {
        readonly scope?: string;
      };
      await redis.command('DEL', key);
      return `${status}; ${gaps > 0 ? 'gap, ' : ''}joined; scope ${scope ?? 'cluster'}`;
    },
  },
  {
    row: 'R06',
    sent: 'a log with entries that are none of ours',
    due: '200 without them',
    play: async (stage) => {
      const key = `{${channelOf('r06odd')}}:log`;
      const client = await stage.connect('/ws/r06odd');
      for (const data of [1, 2, 3]) client.send({ type: 'chat', data });
      await client.received({ type: 'chat', data: 3 });
      await redis.command('XADD', key, '4-0', 'm', 'hello');
      await redis.command('XADD', key, '5-0', 'other', '{}');
      await redis.command('HSET', `{${channelOf('r06odd')}}:pos`, 'o', 5);
      const { status, body } = await stage.get(`${BASE}/rooms/r06odd/messages`);
      const { messages } = JSON.parse(body) as { readonly messages: readonly Message[] };
      return `${status} ${messages.every(({ data }) => typeof data === 'number') ? 'without' : 'with'} them`;
    },
  },
  {
    row: 'J17',
    sent: 'join again with a last_id, and a close behind it',
    due: 'others hear that it went',
    play: async (stage) => {
      const other = await stage.connect('/ws/j17');
      const client = await stage.member('/ws/j17');
      for (const data of [1, 2]) other.send({ type: 'chat', data });
      const { id } = await other.received({ data: 1 });
      await other.received({ data: 2 });
      await other.received({ data: { status: 'online' } });
      const again = JSON.stringify({ type: 'join', room: 'j17', data: { last_id: id } });
      client.write(Buffer.concat([frame(TEXT, again), closeFrame(1000)]));
      await client.ended();
      await other.received({ data: { status: 'offline' } });
      return 'others hear that it went';
    },
  },
  ...REFUSALS.map(([error, due], i): Row => {
    const code = error.split(' ', 1)[0] ?? '';
    const room = `r09-${i}`;
    return {
      row: 'R09',
      sent: `Redis says ${code} to a publish`,
      due: `${due}, heard, the process lives`,
      play: async (stage) => {
        const client = await stage.connect(`/ws/${room}`);
        refusing.refuse(`{${channelOf(room)}}`, error);
        client.send({ type: 'chat', id: 'mine', data: code });
        const { scope } = (await client.received({ data: { event: 'ack', ref: 'mine' } })).data as {
          readonly scope?: string;
        };
        await client.received({ type: 'chat', data: code });
        refusing.refuse(`{${channelOf(room)}}`, undefined);
        await until('the pod is ready', async () =>
          (await stage.get('/ready')).body.includes('"ready"'),
        );
        return `scope ${scope ?? 'cluster'}, heard, the process lives`;
      },
    };
  }),
];
