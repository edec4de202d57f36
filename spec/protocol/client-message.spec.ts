/** What clients send: each kind of message, and each refusal. */
import { isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { type ClientMessage, isAbsentId } from '../../lib/protocol/client-message.js';
import { payloadOf } from '../../lib/protocol/payload.js';
import { decodePublication } from '../../lib/protocol/channel-payload.js';
import { type Refusal } from '../../lib/protocol/system-event.js';
import { formatId, GLOBAL } from '../../lib/protocol/position.js';
import { decode, draft, ID, left, nested, nestedObjects, right } from '../support/messages.js';

/** The row of the table, the message, the code of the refusal, and its text. */
const REFUSED: readonly (readonly [
  row: string,
  message: unknown,
  code: Refusal['code'],
  reason: string,
])[] = [
  ['nothing', '', 'invalid_json', 'got nothing'],
  ['blanks', '   ', 'invalid_json', 'got nothing'],
  [
    'a byte order mark',
    '\ufeff{"type":"ping"}',
    'invalid_json',
    'not JSON from line 1, column 1 on',
  ],
  ['more behind it', '{}x', 'invalid_json', 'not JSON from line 1, column 3 on'],
  ['single quotes', "{'a':1}", 'invalid_json', 'not JSON'],
  ['a raw newline in a text', '{"type":"chat","data":"a\nb"}', 'invalid_json', 'not JSON'],
  ['NaN', '{"type":"chat",\n"data":NaN}', 'invalid_json', 'not JSON from line 2, column 8 on'],
  ['half a message', '{"type":"chat"', 'invalid_json', 'not JSON'],
  ['null', 'null', 'invalid_message', 'expected an object, got null'],
  ['a number', '1', 'invalid_message', 'expected an object, got a number'],
  ['a text', '"x"', 'invalid_message', 'expected an object, got a string'],
  ['an array', '[]', 'invalid_message', 'expected an object, got an array'],
  ['a truth', 'true', 'invalid_message', 'expected an object, got a boolean'],
  ['33 arrays', `{"type":"chat","data":${nested(33)}}`, 'invalid_message', 'data: '],
  ['33 objects', `{"type":"chat","data":${nestedObjects(33)}}`, 'invalid_message', 'data: '],
  ['32,000 arrays', `{"type":"chat","data":${nested(32_000)}}`, 'invalid_message', 'at most 32'],
  ['in a ping', `{"type":"ping","data":${nested(32_000)}}`, 'invalid_message', 'at most 32'],
  ['an own type', '{"__proto__":{"type":"chat"},"data":1}', 'invalid_message', 'type: '],
  ['no type', { data: 1 }, 'invalid_message', 'type: expected a string, got nothing'],
  ['type a number', { type: 1 }, 'invalid_message', 'type: expected a string, got a number'],
  ['an unknown type', { type: 'shout', data: 1 }, 'unknown_type', 'type: '],
  ['a type from the prototype', { type: 'constructor' }, 'unknown_type', 'type: '],
  ['no data', { type: 'chat' }, 'invalid_message', 'data: expected any JSON value, got nothing'],
  [
    'room a number',
    { type: 'chat', data: 1, room: 5 },
    'invalid_message',
    'room: expected a string, got a number',
  ],
  [
    'room an object',
    { type: 'join', room: {} },
    'invalid_message',
    'room: expected a string, got an object',
  ],
  [
    'a presence without data',
    { type: 'presence' },
    'invalid_message',
    'data: expected an object, got nothing',
  ],
  [
    'a presence of its own',
    { type: 'presence', data: { status: 'asleep' } },
    'invalid_message',
    'data.status: ',
  ],
  [
    'a presence without status',
    { type: 'presence', data: {} },
    'invalid_message',
    'data.status: expected "online" or "away", got nothing',
  ],
  ['a refresh without token', { type: 'refresh', data: {} }, 'invalid_message', 'data.token: '],
  [
    'a refresh with a number',
    { type: 'refresh', data: { token: 5 } },
    'invalid_message',
    'data.token: expected a string that is not empty, got a number',
  ],
  [
    'a refresh with nothing',
    { type: 'refresh', data: { token: '' } },
    'invalid_message',
    'data.token: ',
  ],
  [
    'id a number',
    { type: 'chat', data: 1, id: 5 },
    'invalid_message',
    'id: expected a string of 1 to 64 characters, got a number',
  ],
  ['id null', { type: 'chat', data: 1, id: null }, 'invalid_message', 'id: '],
  [
    'a number beyond a double',
    '{"type":"chat","data":1e999}',
    'invalid_message',
    'data: a number is NaN, too large for a double',
  ],
  ['deep in it', '{"type":"chat","data":{"a":[0,-1e999]}}', 'invalid_message', 'data: '],
  [
    'half a surrogate pair',
    '{"type":"chat","data":"\\ud800"}',
    'invalid_message',
    'data: expected well-formed Unicode',
  ],
  ['the other half', '{"type":"chat","data":["\\udc00x"]}', 'invalid_message', 'data: '],
  ['in a key', '{"type":"chat","data":{"\\ud800":1}}', 'invalid_message', 'data: '],
  ['in an id', '{"type":"ping","id":"\\ud800"}', 'invalid_message', 'id: '],
  [
    'U+0000',
    '{"type":"chat","data":"a\\u0000b"}',
    'invalid_message',
    'data: remove the character U+0000',
  ],
  ['in a key', '{"type":"chat","data":{"a\\u0000":1}}', 'invalid_message', 'data: '],
  ['in an id', '{"type":"ping","id":"\\u0000"}', 'invalid_message', 'id: '],
  [
    'last_id junk',
    { type: 'join', room: 'r', data: { last_id: 'junk' } },
    'invalid_message',
    'data.last_id: ',
  ],
  [
    'last_id a number',
    { type: 'join', room: 'r', data: { last_id: -1 } },
    'invalid_message',
    'data.last_id: expected the id of a message that you received, got a number',
  ],
  [
    'last_id of 60 kB',
    { type: 'join', room: 'r', data: { last_id: '0'.repeat(60_000) } },
    'invalid_message',
    'data.last_id: ',
  ],
  [
    'another UUID',
    { type: 'join', room: 'r', data: { last_id: 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6' } },
    'invalid_message',
    'data.last_id: ',
  ],
  [
    'data a text',
    { type: 'join', room: 'r', data: 'x' },
    'invalid_message',
    'data: expected an object, got a string',
  ],
  [
    'data an array',
    { type: 'join', room: 'r', data: [] },
    'invalid_message',
    'data: expected an object, got an array',
  ],
  [
    'an empty id',
    { type: 'chat', data: 1, id: '' },
    'invalid_message',
    'id: expected a string of 1 to 64 characters, got 0',
  ],
  [
    'an id of 65',
    { type: 'chat', data: 1, id: 'x'.repeat(65) },
    'invalid_message',
    'id: expected a string of 1 to 64 characters, got 65',
  ],
  [
    'an id of 65 emoji',
    { type: 'chat', data: 1, id: `x${'😀'.repeat(63)}x` },
    'invalid_message',
    'id: expected a string of 1 to 64 characters, got 65',
  ],
  [
    'an id of 60,000',
    { type: 'chat', data: 1, id: 'x'.repeat(60_000) },
    'invalid_message',
    'id: expected a string of 1 to 64 characters, got more',
  ],
  ['a type of the server: notification', { type: 'notification', data: 1 }, 'forbidden', 'type: '],
  ['a type of the server: system', { type: 'system', data: 1 }, 'forbidden', 'type: '],
  ['a type of the server: error', { type: 'error', data: 1 }, 'forbidden', 'type: '],
  ['a type of the server: pong', { type: 'pong', data: 1 }, 'forbidden', 'type: '],
];

t.test(
  'when a message is not valid, then the refusal names what is wrong and never the value',
  async (t) => {
    for (const [row, message, code, reason] of REFUSED) {
      const refusal = left(decode(message));
      t.equal(refusal.code, code, row);
      t.ok(refusal.text.includes(reason), `${row}: expected "${reason}" in "${refusal.text}"`);
      t.ok(refusal.text.length < 160, `${row}: a text of ${refusal.text.length}`);
    }
    const secret = 'hunter2';
    for (const message of [
      { type: secret },
      { type: 'chat', data: 1, room: ` ${secret}` },
      { type: 'presence', data: { status: secret } },
      { type: 'join', data: { last_id: secret } },
      { type: 'chat', data: `${secret}\u0000` },
      `{"type":"chat","data":"${secret}`,
    ])
      t.notOk(left(decode(message)).text.includes(secret), JSON.stringify(message));
  },
);

t.test('when a refused message has an `id`, then the refusal has it as `ref`', async (t) => {
  t.equal(left(decode({ id: 'a', type: 'chat' })).ref, 'a');
  t.equal(left(decode({ id: 'a', type: 'shout' })).ref, 'a');
  t.equal(left(decode({ id: 'a', type: 'chat', data: 1, room: '?' })).ref, 'a');
  t.equal(left(decode({ id: 'a' })).ref, 'a');
  t.equal(left(decode({ id: '', type: 'chat' })).ref, undefined, 'one that is none');
  t.equal(left(decode('{')).ref, undefined);
});

t.test('when a message is valid, then all of its fields are read', async (t) => {
  const lastId = formatId(ID);
  const rows: readonly (readonly [message: unknown, read: ClientMessage])[] = [
    [
      { type: 'chat', data: { content: 'hi' } },
      { type: 'chat', room: undefined, data: { content: 'hi' }, ref: undefined },
    ],
    [
      { type: 'chat', room: null, data: null, id: 'x' },
      { type: 'chat', room: GLOBAL, data: null, ref: 'x' },
    ],
    [
      { type: 'chat', room: '', data: false },
      { type: 'chat', room: GLOBAL, data: false, ref: undefined },
    ],
    [
      { type: 'chat', room: 'r', data: 0, id: 'x'.repeat(64) },
      { type: 'chat', room: 'r', data: 0, ref: 'x'.repeat(64) },
    ],
    [
      { type: 'chat', room: 'r', data: 0, id: '😀'.repeat(64) },
      { type: 'chat', room: 'r', data: 0, ref: '😀'.repeat(64) },
    ],
    [
      { type: 'presence', room: 'r', data: { status: 'away', mood: 1 } },
      { type: 'presence', room: 'r', data: { status: 'away', mood: 1 }, ref: undefined },
    ],
    [{ type: 'ping' }, { type: 'ping', data: undefined, ref: undefined }],
    [
      { type: 'ping', data: [1] },
      { type: 'ping', data: [1], ref: undefined },
    ],
    [
      { type: 'join', room: 'r' },
      { type: 'join', room: 'r', lastId: undefined, ref: undefined },
    ],
    [
      { type: 'join', room: 'r', data: null },
      { type: 'join', room: 'r', lastId: undefined, ref: undefined },
    ],
    [
      { type: 'join', room: 'r', data: { last_id: lastId } },
      { type: 'join', room: 'r', lastId, ref: undefined },
    ],
    [
      { type: 'join', room: 'r', data: { last_id: lastId.toUpperCase() } },
      { type: 'join', room: 'r', lastId: lastId.toUpperCase(), ref: undefined },
    ],
    [
      { type: 'leave', room: 'r', id: 'l' },
      { type: 'leave', room: 'r', ref: 'l' },
    ],
    [
      { type: 'refresh', data: { token: 'x.y.z' } },
      { type: 'refresh', token: 'x.y.z', ref: undefined },
    ],
  ];
  for (const [message, read] of rows)
    t.strictSame(right(decode(message)), read, JSON.stringify(message));
  for (const absent of ['', 'undefined', 'null', null, undefined]) {
    t.ok(isAbsentId(absent));
    t.strictSame(right(decode({ type: 'join', room: 'r', data: { last_id: absent } })), {
      type: 'join',
      room: 'r',
      lastId: undefined,
      ref: undefined,
    });
  }
});

t.test(
  'when a key occurs twice, then the last one counts, for the check and for the use',
  async (t) => {
    const read = right(decode('{"type":"chat","room":"/","room":"b","data":1,"data":2}'));
    t.strictSame(read, { type: 'chat', room: 'b', data: 2, ref: undefined });
    t.equal(left(decode('{"type":"chat","room":"b","room":"/","data":1}')).code, 'invalid_room');
  },
);

t.test(
  'when a message has `__proto__`, unknown fields or fields of the server, then these are dropped',
  async (t) => {
    const read = right(
      decode(
        '{"type":"chat","__proto__":{"room":"x"},"constructor":1,"from":"bob","timestamp":"t","offset":9,"data":{"__proto__":{"a":1},"constructor":2}}',
      ),
    );
    t.same(Object.keys(read), ['type', 'room', 'data', 'ref']);
    t.equal(read.type === 'chat' ? read.room : 'none', undefined);
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`key${i}`, i]));
    t.same(Object.keys(right(decode({ ...many, type: 'chat', data: 1 }))), [
      'type',
      'room',
      'data',
      'ref',
    ]);
    const { rest } = right(draft({ data: read.type === 'chat' ? read.data : undefined }));
    const payload = payloadOf(formatId(ID), rest);
    t.ok(payload.includes('"data":{"__proto__":{"a":1},"constructor":2}'), 'keys inside data pass');
    t.equal(right(decodePublication(Buffer.from(payload), 'r')).payload.toString(), payload);
  },
);

t.test('when data has text of any kind, then members get the same text', async (t) => {
  const texts = [
    '',
    'a',
    '<script>alert(1)</script>',
    '\u202eevil',
    `a${'\u0301'.repeat(10_000)}`,
    '👩‍👩‍👧‍👦',
    '${jndi:ldap://x}\r\n%s',
    '\u2028\u2029',
  ];
  for (const text of texts) {
    const read = right(decode({ type: 'chat', data: { text } }));
    const { rest } = right(draft({ data: read.type === 'chat' ? read.data : undefined }));
    const parsed = JSON.parse(payloadOf(formatId(ID), rest)) as { readonly data: unknown };
    t.strictSame(parsed.data, { text });
  }
});

t.test('when a number fits into a double, then it passes unchanged', async (t) => {
  const read = right(decode('{"type":"chat","data":[9007199254740992,1e308,-0.5e-320]}'));
  t.strictSame(read, {
    type: 'chat',
    room: undefined,
    data: [9_007_199_254_740_992, 1e308, -0.5e-320],
    ref: undefined,
  });
});

t.test('when data has 32 levels of arrays, objects or both, then it passes', async (t) => {
  for (const text of [nested(32), nestedObjects(32), `{"a":${nested(31)}}`])
    t.ok(isRight(decode(`{"type":"chat","data":${text}}`)));
});
