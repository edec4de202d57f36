/** J: messages in valid frames. */
import { randomUUID } from 'node:crypto';
import { BINARY, frame, TEXT } from '../support/raw-client.js';
import { until } from '../support/redis.js';
import {
  badValue,
  encodedTo,
  errorOf,
  deliveredOf,
  history,
  idLike,
  MORE,
  nested,
  passes,
  refused,
  resumed,
  SECRET,
  value,
} from './refusals.js';
import { once, type Row } from './row.js';

export const MESSAGES: readonly Row[] = [
  refused('J01', 'nothing', '', 'invalid_json'),
  refused('J01', 'spaces', '   ', 'invalid_json'),
  refused('J01', 'a BOM', '\ufeff{"type":"ping"}', 'invalid_json'),
  refused('J01', '{}x', '{}x', 'invalid_json'),
  refused('J01', 'single quotes', `{'type':'${SECRET}'}`, 'invalid_json'),
  refused('J01', 'a raw line feed in a text', '{"type":"chat","data":"a\nb"}', 'invalid_json'),
  refused('J01', 'NaN', '{"type":"chat","data":NaN}', 'invalid_json'),
  refused('J01', 'half of JSON', '{"type":"chat"', 'invalid_json'),
  refused('J02', 'null', 'null', 'invalid_message'),
  refused('J02', '1', '1', 'invalid_message'),
  refused('J02', 'a text', `"${SECRET}"`, 'invalid_message'),
  refused('J02', '[]', '[]', 'invalid_message'),
  value('J03', '32 levels', nested(32)),
  badValue('J03', '33 levels', nested(33)),
  badValue('J03', '32,000 levels', nested(32_000)),
  badValue('J03', '10,000 levels of objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`),
  passes(
    'J03',
    '30,000 levels in a field that is dropped',
    `{"type":"chat","more":${nested(30_000)},"data":3}`,
    3,
  ),
  refused(
    'J04',
    'keys twice: the last room is none of its',
    '{"type":"chat","room":"general","room":"b","data":1}',
    'not_a_member room',
  ),
  passes(
    'J04',
    'keys twice: the last ones hold',
    '{"type":"ping","room":"b","data":1,"type":"chat","room":"general","data":2}',
    2,
  ),
  passes(
    'J05',
    '__proto__ and constructor beside data',
    '{"type":"chat","__proto__":{"room":"b"},"constructor":{"x":1},"data":5}',
    5,
  ),
  value(
    'J05',
    '__proto__ and constructor in data',
    '{"__proto__":{"admin":true},"constructor":{"prototype":1},"toString":null}',
  ),
  refused('J06', 'an unknown type', `{"type":"${SECRET}","data":1}`, 'unknown_type type'),
  refused('J06', 'a type called __proto__', '{"type":"__proto__"}', 'unknown_type type'),
  refused('J06', 'a type called toString', '{"type":"toString"}', 'unknown_type type'),
  refused('J06', 'no type', '{}', 'invalid_message type'),
  refused('J06', 'a type that is a number', '{"type":7,"data":1}', 'invalid_message type'),
  refused('J06', 'no data', '{"type":"chat"}', 'invalid_message data'),
  refused(
    'J06',
    'a room that is an object',
    `{"type":"chat","data":1,"room":{"a":"${SECRET}"}}`,
    'invalid_message room',
  ),
  refused(
    'J06',
    'a room that is no name',
    `{"type":"join","room":"${SECRET} *"}`,
    'invalid_room room',
  ),
  ...[
    'a b',
    '*',
    'a/b',
    '..',
    '__proto__',
    'stats',
    'ä',
    'a\\u0000',
    '[ab]',
    '{a}',
    '\\\\',
    '-a',
    'x'.repeat(129),
  ].flatMap((room) => [
    refused(
      'J06',
      `join of ${room.slice(0, 20)}`,
      `{"type":"join","room":"${room}"}`,
      'invalid_room room',
    ),
    refused(
      'J06',
      `chat to ${room.slice(0, 20)}`,
      `{"type":"chat","room":"${room}","data":1}`,
      'invalid_room room',
    ),
  ]),
  refused('J06', 'an id that is a number', '{"type":"chat","data":1,"id":7}', 'invalid_message id'),
  refused(
    'J06',
    'presence without a status',
    '{"type":"presence","data":{}}',
    'invalid_message data.status',
  ),
  refused(
    'J06',
    'presence of another status',
    `{"type":"presence","data":{"status":"${SECRET}"}}`,
    'invalid_message data.status',
  ),
  refused(
    'J06',
    'refresh without a token',
    '{"type":"refresh","data":{}}',
    'invalid_message data.token',
  ),
  refused(
    'J06',
    'refresh where nobody has a token',
    `{"type":"refresh","data":{"token":"${SECRET}"}}`,
    'forbidden data.token',
  ),
  passes('J06', '1,000 more keys', `{${MORE},"type":"chat","data":6}`, 6),
  {
    row: 'J07',
    sent: 'spoofed from, timestamp, offset, id',
    due: "the server's own, id as ref",
    play: async (stage) => {
      const client = await stage.connect('/ws/general');
      const id = randomUUID();
      const sent = { type: 'chat', id, from: 'server', timestamp: 'never', offset: 7, data: 7 };
      const message = await deliveredOf(stage, client, JSON.stringify(sent));
      const { data } = await client.received({ data: { event: 'ack' } });
      const own =
        message.from === client.id &&
        message.id !== id &&
        Math.abs(Date.parse(message.timestamp) - Date.now()) < 60_000;
      return own && (data as { readonly ref: string }).ref === id && !('offset' in message)
        ? "the server's own, id as ref"
        : JSON.stringify(message);
    },
  },
  refused(
    'J08',
    'to a room that it has not joined',
    `{"type":"chat","room":"not-joined","data":"${SECRET}"}`,
    'not_a_member room',
  ),
  refused(
    'J08',
    'presence to another room',
    '{"type":"presence","room":"b","data":{"status":"away"}}',
    'not_a_member room',
  ),
  ...['notification', 'system', 'error', 'pong'].map((type) =>
    refused('J08', `the server's type ${type}`, `{"type":"${type}","data":1}`, 'forbidden type'),
  ),
  value('J09', 'an empty text', '""'),
  value('J09', 'one character', '"é"'),
  passes('J09', '131,072 bytes when encoded again', encodedTo(131_072)),
  refused('J09', '131,073 bytes when encoded again', encodedTo(131_073), 'invalid_message data'),
  refused(
    'J09',
    'a ping of 220,000 bytes when encoded again',
    `{"type":"ping","data":[${'1e20,'.repeat(10_000)}1]}`,
    'invalid_message data',
  ),
  badValue('J10', '1e999', '1e999'),
  badValue('J10', '-1e999 inside', '{"a":[-1e999]}'),
  value('J10', '9007199254740992', '9007199254740992'),
  badValue('J10', '9007199254740993', '9007199254740993'),
  badValue('J10', '2^60', '{"a":[1152921504606846976]}'),
  badValue('J11', 'half a surrogate pair', '"\\ud800"'),
  badValue('J11', 'half a surrogate pair in a key', '{"\\ud800":1}'),
  refused(
    'J11',
    'half a surrogate pair in id',
    '{"type":"chat","id":"\\ud800","data":1}',
    'invalid_message id',
  ),
  value('J11', 'a whole one', '"\\ud83d\\ude00"'),
  badValue('J12', 'U+0000', `"${SECRET}\\u0000"`),
  badValue('J12', 'U+0000 in a key', '{"a\\u0000":1}'),
  refused('J12', 'U+0000 in id', '{"type":"chat","id":"\\u0000","data":1}', 'invalid_message id'),
  resumed('last_id empty', 'joined', async () => ''),
  resumed('last_id undefined, as a text', 'joined', async () => 'undefined'),
  resumed('last_id junk', 'err invalid_message data.last_id', async () => SECRET),
  resumed('last_id -1', 'err invalid_message data.last_id', async () => -1),
  resumed('last_id an object', 'err invalid_message data.last_id', async () => ({ a: SECRET })),
  resumed('last_id a UUIDv4', 'err invalid_message data.last_id', async () => randomUUID()),
  resumed('last_id of 60,000 characters', 'err invalid_message data.last_id', async () =>
    SECRET.repeat(8_500),
  ),
  resumed(
    'last_id of the future',
    'gap unknown_id, joined, none replayed',
    idLike(({ offset }) => ({ offset: offset + 1_000_000 })),
  ),
  resumed(
    'last_id with another nonce',
    'gap unknown_id, joined, none replayed',
    idLike(({ nonce }) => ({ nonce: nonce ^ 1 })),
  ),
  resumed(
    'last_id of another epoch',
    'gap log_lost, joined, none replayed',
    idLike(({ tag }) => ({ tag: (tag % 4095) + 1 })),
  ),
  resumed(
    'last_id of the largest offset there is',
    'gap unknown_id, joined, none replayed',
    idLike(() => ({ offset: 2 ** 40 - 1 })),
  ),
  resumed(
    "another room's last_id",
    /^gap (log_lost|unknown_id), joined, none replayed$/,
    async (stage) => {
      const other = await stage.connect('/ws/other');
      other.send({ type: 'chat', data: 1 });
      return (await other.received({ type: 'chat' })).id;
    },
  ),
  resumed('a last_id that is good', 'joined, some replayed', async (stage) => {
    const id = await idLike(() => ({}))(stage);
    await stage.settled();
    return id;
  }),
  {
    row: 'J13',
    sent: 'last_id of 1 MB',
    due: 'closed 1009',
    counted: once('closes 1009'),
    play: async (stage) => {
      const client = await stage.connect('/ws');
      client.send({ type: 'join', room: 'general', data: { last_id: 'x'.repeat(1_000_000) } });
      return `closed ${await client.closed()}`;
    },
  },
  ...['0', '-1', '1e9', '1001', '', 'ten', '1.5', '1&limit=2'].map(history),
  {
    row: 'J15',
    sent: 'the same client id: again, with another body',
    due: 'heard once, duplicate, err invalid_message id',
    counted: once('rejected invalid_message'),
    play: async (stage) => {
      const client = await stage.connect('/ws/general');
      const before = stage.received().length;
      const id = randomUUID();
      for (const data of [{ a: 1 }, { a: 1 }, { a: 2 }]) client.send({ type: 'chat', id, data });
      const error = await errorOf(client);
      await client.caughtUp();
      await stage.settled();
      const acks = client
        .all({ data: { event: 'ack', ref: id } })
        .map(({ data }) => data as { readonly id: string; readonly duplicate: boolean });
      const [first, again] = acks;
      const times = stage
        .received()
        .slice(before)
        .filter(({ type }) => type === 'chat').length;
      return `heard ${times === 1 ? 'once' : `${times} times`}, ${again?.duplicate === true && again.id === first?.id ? 'duplicate' : 'no duplicate'}, ${error}`;
    },
  },
  refused(
    'J15',
    'an id of 65 characters',
    `{"type":"chat","id":"${'x'.repeat(65)}","data":1}`,
    'invalid_message id',
  ),
  refused('J15', 'an empty id', '{"type":"chat","id":"","data":1}', 'invalid_message id'),
  value('J16', 'HTML', '"</script><script>alert(1)</script><img src=x onerror=alert(1)>"'),
  value('J16', 'RTL', '"\u202e\u2066\u05d0"'),
  value('J16', '10,000 combining marks', JSON.stringify(`a${'\u0301'.repeat(10_000)}`)),
  value('J16', 'emoji with joiners', '"👩‍👩‍👧‍👦"'),
  {
    row: 'J17',
    sent: 'join twice, leave where it is not, leave the global log',
    due: 'joined twice, left, err invalid_room room',
    counted: once('rejected invalid_room'),
    play: async (stage) => {
      const client = await stage.connect('/ws');
      for (const id of ['first', 'second']) {
        client.send({ type: 'join', room: 'j17', id });
        await client.received({ data: { event: 'joined', ref: id } });
      }
      client.send({ type: 'leave', room: 'never' });
      await client.received({ data: { event: 'left', room: 'never', reason: 'asked' } });
      client.send({ type: 'leave', room: '' });
      return `joined twice, left, ${await errorOf(client)}`;
    },
  },
  {
    row: 'J17',
    sent: "a 101st room, the URL's included",
    due: '100 joined, err too_many_rooms room',
    counted: once('rejected too_many_rooms'),
    play: async (stage) => {
      const client = await stage.connect('/ws/j0');
      for (let i = 1; i <= 100; i++) client.send({ type: 'join', room: `j${i}` });
      const error = await errorOf(client);
      await client.caughtUp();
      await client.received({ data: { event: 'joined', room: 'j99' } });
      const joined = client.messages.filter(
        ({ room, data }) =>
          room !== undefined && (data as { readonly event?: string }).event === 'joined',
      );
      return `${joined.length} joined, ${error}`;
    },
  },
  {
    row: 'J18',
    sent: 'a message behind what closes',
    due: 'closed 1003, dropped',
    counted: once('closes 1003'),
    play: async (stage) => {
      const before = stage.received().length;
      const client = await stage.member();
      client.write(
        Buffer.concat([frame(BINARY, 'x'), frame(TEXT, '{"type":"chat","data":"late"}')]),
      );
      await until('a close', () => client.closeCode() !== undefined);
      const isDelivered = stage
        .received()
        .slice(before)
        .some(({ type }) => type === 'chat');
      return `closed ${client.closeCode() ?? ''}, ${isDelivered ? 'heard' : 'dropped'}`;
    },
  },
  {
    row: 'J19',
    sent: '1,000 messages in one write, where so many may come',
    due: '1000 in order',
    play: async (stage) => {
      const before = stage.received().length;
      const client = await stage.member();
      client.write(
        Buffer.concat(
          Array.from({ length: 1_000 }, (_, i) => frame(TEXT, `{"type":"chat","data":${i}}`)),
        ),
      );
      const received = (): readonly unknown[] =>
        stage
          .received()
          .slice(before)
          .flatMap(({ type, data }) => (type === 'chat' ? [data] : []));
      await until('all of them', () => received().length >= 1_000);
      return `${received().length} ${received().every((data, i) => data === i) ? 'in' : 'out of'} order`;
    },
  },
  {
    row: 'J20',
    sent: 'what loggers fall for',
    due: 'equal, in no log line',
    play: async (stage) => {
      const text = `${SECRET} %s %d %n \${jndi:ldap://x} \r\n{"level":60,"msg":"forged"}\u001b[31m`;
      const client = await stage.connect('/ws/general');
      const message = await deliveredOf(
        stage,
        client,
        JSON.stringify({ type: 'chat', id: text.slice(0, 60), data: text }),
      );
      client.send({ type: text, room: text, data: { token: text } });
      client.send(text);
      await client.caughtUp();
      const isLogged = new RegExp(`${SECRET}|jndi|forged`).test(stage.log());
      return `${message.data === text ? 'equal' : 'changed'}, in ${isLogged ? 'a' : 'no'} log line`;
    },
    counted: once('rejected unknown_type', 'rejected invalid_json'),
  },
];
