/** Bytes ⇄ messages, row by row, and the positions in their ids. */
import fc from 'fast-check';
import { type Either, isLeft, isRight } from 'fp-ts/lib/Either.js';
import { isNone, isSome } from 'fp-ts/lib/Option.js';
import t from 'tap';
import {
  type ClientMessage,
  decodeMessage,
  isAbsentId,
} from '../../lib/protocol/client-message.js';
import {
  systemFrame,
  errorFrame,
  payloadOf,
  pongFrame,
  presenceData,
  SERVER,
} from '../../lib/protocol/payload.js';
import {
  decodePublication,
  reissued,
  pushedPublication,
} from '../../lib/protocol/channel-payload.js';
import {
  type Draft,
  type DraftFields,
  draftOf,
  type Publication,
  publicationOf,
  bodyOf,
} from '../../lib/protocol/publication.js';
import { frameAround, frameOf, framesOf, payloadIn } from '../../lib/protocol/frame.js';
import { MAX_DEPTH, MAX_ENCODED_BYTES } from '../../lib/protocol/json.js';
import { isSystemEvent, type Refusal } from '../../lib/protocol/system-event.js';
import {
  drawNonce,
  drawTag,
  formatId,
  GLOBAL,
  type MessageId,
  nonceOf,
  isRoomName,
  NONCES,
  parseId,
  TAGS,
} from '../../lib/protocol/position.js';
import { keyIn } from '../support/keys.js';

const AT = Date.UTC(2026, 0, 15, 10, 30, 0, 123);
const ID: MessageId = { ms: AT, tag: 7, offset: 42, global: false, outside: false, nonce: 99 };

const decode = (message: unknown): Either<Refusal, ClientMessage> =>
  decodeMessage(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));

const right = <A>(either: Either<unknown, A>): A => {
  if (isLeft(either)) throw new Error(`expected a value, got ${JSON.stringify(either.left)}`);
  return either.right;
};
const left = <L>(either: Either<L, unknown>): L => {
  if (isRight(either)) throw new Error(`expected none, got ${JSON.stringify(either.right)}`);
  return either.left;
};
const draft = (fields: Partial<DraftFields> = {}): Either<Refusal, Draft> =>
  draftOf({ room: 'r', type: 'chat', from: 'alice', data: 'hi', at: AT, ...fields });

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const nestedObjects = (depth: number): string =>
  `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;

// what clients send

/** Row of the table, what comes, the code, and what the text says of it. */
const REFUSED: readonly (readonly [
  row: string,
  message: unknown,
  code: Refusal['code'],
  says: string,
])[] = [
  ['J01 nothing', '', 'invalid_json', 'got nothing'],
  ['J01 blanks', '   ', 'invalid_json', 'got nothing'],
  ['J01 a byte order mark', '\ufeff{"type":"ping"}', 'invalid_json', 'not JSON'],
  ['J01 more behind it', '{}x', 'invalid_json', 'not JSON'],
  ['J01 single quotes', "{'a':1}", 'invalid_json', 'not JSON'],
  ['J01 a raw newline in a text', '{"type":"chat","data":"a\nb"}', 'invalid_json', 'not JSON'],
  ['J01 NaN', '{"type":"chat","data":NaN}', 'invalid_json', 'not JSON'],
  ['J01 half a message', '{"type":"chat"', 'invalid_json', 'not JSON'],
  ['J02 null', 'null', 'invalid_message', 'expected an object, got null'],
  ['J02 a number', '1', 'invalid_message', 'expected an object, got a number'],
  ['J02 a text', '"x"', 'invalid_message', 'expected an object, got a string'],
  ['J02 an array', '[]', 'invalid_message', 'expected an object, got an array'],
  ['J02 a truth', 'true', 'invalid_message', 'expected an object, got a boolean'],
  ['J03 33 arrays', `{"type":"chat","data":${nested(33)}}`, 'invalid_message', 'data: '],
  ['J03 33 objects', `{"type":"chat","data":${nestedObjects(33)}}`, 'invalid_message', 'data: '],
  [
    'J03 32,000 arrays',
    `{"type":"chat","data":${nested(32_000)}}`,
    'invalid_message',
    'at most 32',
  ],
  ['J03 in a ping', `{"type":"ping","data":${nested(32_000)}}`, 'invalid_message', 'at most 32'],
  ['J05 an own type', '{"__proto__":{"type":"chat"},"data":1}', 'invalid_message', 'type: '],
  ['J06 no type', { data: 1 }, 'invalid_message', 'type: expected a string, got nothing'],
  ['J06 type a number', { type: 1 }, 'invalid_message', 'type: expected a string, got a number'],
  ['J06 an unknown type', { type: 'shout', data: 1 }, 'unknown_type', 'type: '],
  ['J06 a type from the prototype', { type: 'constructor' }, 'unknown_type', 'type: '],
  [
    'J06 no data',
    { type: 'chat' },
    'invalid_message',
    'data: expected any JSON value, got nothing',
  ],
  [
    'J06 room a number',
    { type: 'chat', data: 1, room: 5 },
    'invalid_message',
    'room: expected a string, got a number',
  ],
  [
    'J06 room an object',
    { type: 'join', room: {} },
    'invalid_message',
    'room: expected a string, got an object',
  ],
  [
    'J06 a presence without data',
    { type: 'presence' },
    'invalid_message',
    'data: expected an object, got nothing',
  ],
  [
    'J06 a presence of its own',
    { type: 'presence', data: { status: 'asleep' } },
    'invalid_message',
    'data.status: ',
  ],
  [
    'J06 a presence without status',
    { type: 'presence', data: {} },
    'invalid_message',
    'data.status: expected "online" or "away", got nothing',
  ],
  ['J06 a refresh without token', { type: 'refresh', data: {} }, 'invalid_message', 'data.token: '],
  [
    'J06 a refresh with a number',
    { type: 'refresh', data: { token: 5 } },
    'invalid_message',
    'data.token: expected a token, got a number',
  ],
  [
    'J06 a refresh with nothing',
    { type: 'refresh', data: { token: '' } },
    'invalid_message',
    'data.token: ',
  ],
  [
    'J07 id a number',
    { type: 'chat', data: 1, id: 5 },
    'invalid_message',
    'id: expected a string of 1 to 64 characters, got a number',
  ],
  ['J07 id null', { type: 'chat', data: 1, id: null }, 'invalid_message', 'id: '],
  [
    'J10 a number beyond a double',
    '{"type":"chat","data":1e999}',
    'invalid_message',
    'data: a number is beyond a double',
  ],
  ['J10 deep in it', '{"type":"chat","data":{"a":[0,-1e999]}}', 'invalid_message', 'data: '],
  [
    'J11 half a surrogate pair',
    '{"type":"chat","data":"\\ud800"}',
    'invalid_message',
    'data: expected well-formed Unicode',
  ],
  ['J11 the other half', '{"type":"chat","data":["\\udc00x"]}', 'invalid_message', 'data: '],
  ['J11 in a key', '{"type":"chat","data":{"\\ud800":1}}', 'invalid_message', 'data: '],
  ['J11 in an id', '{"type":"ping","id":"\\ud800"}', 'invalid_message', 'id: '],
  [
    'J12 U+0000',
    '{"type":"chat","data":"a\\u0000b"}',
    'invalid_message',
    'data: remove the character U+0000',
  ],
  ['J12 in a key', '{"type":"chat","data":{"a\\u0000":1}}', 'invalid_message', 'data: '],
  ['J12 in an id', '{"type":"ping","id":"\\u0000"}', 'invalid_message', 'id: '],
  [
    'J13 last_id junk',
    { type: 'join', room: 'r', data: { last_id: 'junk' } },
    'invalid_message',
    'data.last_id: ',
  ],
  [
    'J13 last_id a number',
    { type: 'join', room: 'r', data: { last_id: -1 } },
    'invalid_message',
    'data.last_id: expected an id that a message bore, got a number',
  ],
  [
    'J13 last_id of 60 kB',
    { type: 'join', room: 'r', data: { last_id: '0'.repeat(60_000) } },
    'invalid_message',
    'data.last_id: ',
  ],
  [
    'J13 another UUID',
    { type: 'join', room: 'r', data: { last_id: 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6' } },
    'invalid_message',
    'data.last_id: ',
  ],
  [
    'J13 data a text',
    { type: 'join', room: 'r', data: 'x' },
    'invalid_message',
    'data: expected an object, got a string',
  ],
  [
    'J13 data an array',
    { type: 'join', room: 'r', data: [] },
    'invalid_message',
    'data: expected an object, got an array',
  ],
  [
    'J15 an empty id',
    { type: 'chat', data: 1, id: '' },
    'invalid_message',
    'id: expected a string of 1 to 64 characters, got 0',
  ],
  [
    'J15 an id of 65',
    { type: 'chat', data: 1, id: 'x'.repeat(65) },
    'invalid_message',
    'id: expected a string of 1 to 64 characters, got 65',
  ],
  [
    'J15 an id of 65 emoji',
    { type: 'chat', data: 1, id: `x${'😀'.repeat(63)}x` },
    'invalid_message',
    'id: expected a string of 1 to 64 characters, got 65',
  ],
  [
    'J15 an id of 60,000',
    { type: 'chat', data: 1, id: 'x'.repeat(60_000) },
    'invalid_message',
    'id: expected a string of 1 to 64 characters, got more',
  ],
  ['a type of the server: notification', { type: 'notification', data: 1 }, 'forbidden', 'type: '],
  ['a type of the server: system', { type: 'system', data: 1 }, 'forbidden', 'type: '],
  ['a type of the server: error', { type: 'error', data: 1 }, 'forbidden', 'type: '],
  ['a type of the server: pong', { type: 'pong', data: 1 }, 'forbidden', 'type: '],
];

t.test('a message that is none is refused in words, its value never repeated', async (t) => {
  for (const [row, message, code, says] of REFUSED) {
    const refusal = left(decode(message));
    t.equal(refusal.code, code, row);
    t.ok(refusal.text.includes(says), `${row}: expected "${says}" in "${refusal.text}"`);
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
});

t.test('an id is the same, written as text or into the bytes of a message', async () => {
  fc.assert(
    fc.property(
      fc.record({
        ms: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
        tag: fc.integer({ min: 1, max: TAGS - 1 }),
        offset: fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 40 - 1 })),
        global: fc.boolean(),
        outside: fc.boolean(),
        nonce: fc.nat(2 * NONCES - 1),
      }),
      fc.string({ unit: 'binary', maxLength: 200 }),
      (id, data) => {
        const made = right(draft({ data }));
        const { frame, idText, payload } = publicationOf(made, id);
        const text = formatId(id);
        const read = parseId(text);
        return (
          idText === text &&
          frame.equals(frameOf(payloadOf(text, made.rest))) &&
          payload.equals(payloadIn(frame)) &&
          isSome(read) &&
          JSON.stringify(Object.entries(read.value).sort()) ===
            JSON.stringify(Object.entries(id).sort())
        );
      },
    ),
  );
});

t.test('a refusal names the ref of the message it refuses, wherever there is one', async (t) => {
  t.equal(left(decode({ id: 'a', type: 'chat' })).ref, 'a');
  t.equal(left(decode({ id: 'a', type: 'shout' })).ref, 'a');
  t.equal(left(decode({ id: 'a', type: 'chat', data: 1, room: '?' })).ref, 'a');
  t.equal(left(decode({ id: 'a' })).ref, 'a');
  t.equal(left(decode({ id: '', type: 'chat' })).ref, undefined, 'one that is none');
  t.equal(left(decode('{')).ref, undefined);
});

t.test('what a client may send is read as what it says', async (t) => {
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

t.test('J04 of a key given twice the last holds, for the check and for the use', async (t) => {
  const read = right(decode('{"type":"chat","room":"/","room":"b","data":1,"data":2}'));
  t.strictSame(read, { type: 'chat', room: 'b', data: 2, ref: undefined });
  t.equal(left(decode('{"type":"chat","room":"b","room":"/","data":1}')).code, 'invalid_room');
});

t.test(
  'J05 J06 J07 what a client may not say is dropped: prototypes, unknown fields, what is ours',
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
    const said = payloadOf(formatId(ID), rest);
    t.ok(said.includes('"data":{"__proto__":{"a":1},"constructor":2}'), 'keys inside data pass');
    t.equal(right(decodePublication(Buffer.from(said), 'r')).payload.toString(), said);
  },
);

t.test('J09 J16 texts of any kind come back as they were', async (t) => {
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

t.test('J10 a number that a double holds passes as the double it is', async (t) => {
  const read = right(decode('{"type":"chat","data":[9007199254740992,1e308,-0.5e-320]}'));
  t.strictSame(read, {
    type: 'chat',
    room: undefined,
    data: [9_007_199_254_740_992, 1e308, -0.5e-320],
    ref: undefined,
  });
});

t.test('32 levels pass, of arrays, of objects, of both', async (t) => {
  for (const text of [nested(32), nestedObjects(32), `{"a":${nested(31)}}`])
    t.ok(isRight(decode(`{"type":"chat","data":${text}}`)));
});

t.test('no bytes whatever make it throw', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  const almost = fc
    .tuple(fc.json({ stringUnit: 'binary' }), fc.nat(40), fc.nat(255))
    .map(([text, at, byte]) => {
      const broken = Buffer.from(text);
      if (broken.length > 0) broken[at % broken.length] = byte;
      return broken;
    });
  const shaped = fc
    .record(
      {
        type: fc.constantFrom<unknown>(
          'chat',
          'presence',
          'ping',
          'join',
          'leave',
          'refresh',
          'system',
          1,
        ),
        room: fc.oneof(fc.string(), fc.jsonValue()),
        data: fc.jsonValue(),
        id: fc.oneof(fc.string(), fc.jsonValue()),
      },
      { requiredKeys: [] },
    )
    .map((fields) => Buffer.from(JSON.stringify(fields)));
  fc.assert(
    fc.property(fc.oneof(bytes, almost, shaped), (any) => {
      const frame = Buffer.from(any);
      decodeMessage(frame);
      decodePublication(frame, 'r');
      pushedPublication(frame, 'r');
      return true;
    }),
    { numRuns: 3_000 },
  );
  t.pass('for any bytes');
});

t.test('when a payload begins as one of a pod does, then its head alone is read', async (t) => {
  const id = formatId(ID);
  const rest = ',"from":"a","data":{"n":1},"timestamp":"2026-01-15T10:30:00.123Z"}';
  const said = `{"id":"${id}","type":"chat","room":"r"${rest}`;
  const read = (text: string | Buffer) => pushedPublication(Buffer.from(text), 'r');
  t.equal(right(read(said)).payload.toString(), said);
  t.equal(right(read(said)).idText, id);
  const broken = said.replace('{"n":1}', '{"n":}');
  t.equal(right(read(broken)).idText, id, 'whatever stands behind it');
  const outside = formatId({ ...ID, outside: true });
  const ofGlobal = formatId({ ...ID, global: !ID.global });
  for (const [name, text] of [
    ['another type', broken.replace('chat', 'ping')],
    ['presence', broken.replace('chat', 'presence')],
    ['another room', broken.replace('"room":"r"', '"room":"q"')],
    ['no room', broken.replace('"room":"r",', '')],
    ['an id outside the log', broken.replace(id, outside)],
    ['an id of the global log', broken.replace(id, ofGlobal)],
    ['something behind it', `${broken} `],
    ['no UTF-8', Buffer.concat([Buffer.from(said.slice(0, -1)), Buffer.from([0xff, 0x7d])])],
    ['too many bytes', said.replace('{"n":1}', `"${'x'.repeat(131_072)}"`)],
  ] as const)
    t.ok(isLeft(read(text)), name);
});

t.test('whatever JSON value is sent, every member gets an equal one', async (t) => {
  const value = fc.jsonValue({ maxDepth: MAX_DEPTH, stringUnit: 'binary' });
  const isFit = (text: string): boolean =>
    !text.includes('\\u0000') && !/\\ud[89a-f]/.test(text) && depthOf(JSON.parse(text)) <= 32;
  let sent = 0;
  fc.assert(
    fc.property(value, (data) => {
      const text = JSON.stringify(data);
      fc.pre(isFit(text));
      sent += 1;
      const read = right(decode(`{"type":"chat","data":${text}}`));
      if (read.type !== 'chat') throw new Error(read.type);
      const { payload } = publicationOf(right(draft({ data: read.data })), ID);
      const got = JSON.parse(payload.toString('utf8')) as { readonly data: unknown };
      return (
        JSON.stringify(got.data) === text &&
        right(decodePublication(payload, 'r')).idText === formatId(ID)
      );
    }),
    { numRuns: 1_000 },
  );
  t.ok(sent > 500);
});

const depthOf = (value: unknown): number =>
  typeof value !== 'object' || value === null
    ? 0
    : 1 + Math.max(0, ...Object.values(value).map(depthOf));

// drafts

t.test('a draft is a message without its id', async (t) => {
  const made = right(draft({ data: { content: 'hé' }, key: keyIn('k') }));
  t.equal(made.logged, true);
  t.equal(made.except, undefined);
  const payload = payloadOf(formatId(ID), made.rest);
  t.strictSame(JSON.parse(payload), {
    id: formatId(ID),
    type: 'chat',
    room: 'r',
    from: 'alice',
    data: { content: 'hé' },
    timestamp: '2026-01-15T10:30:00.123Z',
  });
  t.same(Object.keys(JSON.parse(payload) as object)[0], 'id');
  t.equal(bodyOf(Buffer.from(payload)), made.rest);
  t.notOk(
    'room' in (JSON.parse(payloadOf(formatId(ID), right(draft({ room: GLOBAL })).rest)) as object),
  );
});

t.test("a draft's key is compared by its type and data alone", async (t) => {
  const digest = (fields: Partial<DraftFields>): string =>
    right(draft({ key: keyIn('k'), ...fields })).digest;
  t.equal(digest({ at: AT + 5 }), digest({}));
  t.not(digest({ data: 'ho' }), digest({}));
  t.not(digest({ type: 'presence' }), digest({}), 'a status does not stand for a chat');
  t.equal(right(draft()).digest, '', 'and costs nothing without one');
});

t.test('J09 a draft has at most 131,072 bytes with its id, exactly, in bytes', async (t) => {
  const around = Buffer.byteLength(payloadOf(formatId(ID), right(draft({ data: '' })).rest));
  const room = MAX_ENCODED_BYTES - around;
  const fits = right(draft({ data: 'x'.repeat(room) }));
  t.equal(Buffer.byteLength(payloadOf(formatId(ID), fits.rest)), MAX_ENCODED_BYTES);
  t.equal(left(draft({ data: 'x'.repeat(room + 1) })).code, 'invalid_message');
  const wide = '€'.repeat(Math.floor(room / 3));
  t.ok(isRight(draft({ data: wide })), 'three bytes each');
  t.ok(isLeft(draft({ data: `${wide}€` })));
  t.ok(isRight(decodePublication(Buffer.from(payloadOf(formatId(ID), fits.rest)), 'r')));
});

t.test('J09 so has a pong', async (t) => {
  const room = MAX_ENCODED_BYTES - payloadIn(right(pongFrame(ID, AT, ''))).length;
  const fits = right(pongFrame(ID, AT, 'x'.repeat(room)));
  t.equal(payloadIn(fits).length, MAX_ENCODED_BYTES);
  t.equal(left(pongFrame(ID, AT, 'x'.repeat(room + 1))).code, 'invalid_message');
});

t.test('presence takes no offset; nobody hears of their own coming', async (t) => {
  const own = presenceData('alice', 'c1', 'online');
  const made = right(draft({ type: 'presence', from: SERVER, data: own }));
  t.same([made.logged, made.except], [false, 'c1']);
  const theirs = right(draft({ type: 'presence', data: { status: 'away', connection_id: 'c1' } }));
  t.same([theirs.logged, theirs.except], [false, undefined], 'a client cannot keep it from others');
  const { payload } = publicationOf(made, ID);
  t.equal(right(decodePublication(payload, 'r')).except, 'c1', 'nor from another pod');
});

t.test('what the server says itself', async (t) => {
  const parse = (frame: Buffer): unknown => JSON.parse(payloadIn(frame).toString());
  const id = formatId(ID);
  const timestamp = '2026-01-15T10:30:00.123Z';
  t.strictSame(
    parse(systemFrame(ID, AT, { event: 'left', room: 'r', reason: 'asked', ref: undefined })),
    {
      id,
      type: 'system',
      room: 'r',
      from: 'server',
      data: { event: 'left', room: 'r', reason: 'asked' },
      timestamp,
    },
  );
  t.strictSame(parse(systemFrame(ID, AT, { event: 'draining', reconnect_in_ms: 5 })), {
    id,
    type: 'system',
    from: 'server',
    data: { event: 'draining', reconnect_in_ms: 5 },
    timestamp,
  });
  t.strictSame(
    parse(errorFrame(ID, AT, { code: 'rate_limited', text: 'slower', ref: 'a', retryInMs: 9 })),
    {
      id,
      type: 'error',
      from: 'server',
      data: { code: 'rate_limited', message: 'slower', ref: 'a', retry_in_ms: 9 },
      timestamp,
    },
  );
  t.strictSame(parse(right(pongFrame(ID, AT, [1]))), {
    id,
    type: 'pong',
    from: 'server',
    data: [1],
    timestamp,
  });
  t.strictSame(parse(right(pongFrame(ID, AT, undefined))), {
    id,
    type: 'pong',
    from: 'server',
    timestamp,
  });
});

// frames

t.test(
  'frames: the length is in 7, 16 or 64 bits, and several stand behind each other',
  async (t) => {
    const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 131_072];
    const payloads = lengths.map((length, i) => Buffer.alloc(length, 97 + i));
    const frames = framesOf(payloads.map(frameAround));
    let at = 0;
    for (const [i, length] of lengths.entries()) {
      t.equal(frames[at], 0x81, 'one final text frame');
      const short = frames[at + 1];
      t.equal(short, length < 126 ? length : length < 65_536 ? 126 : 127, `${length}: not masked`);
      at += 2;
      if (short === 126) {
        t.equal(frames.readUInt16BE(at), length);
        at += 2;
      } else if (short === 127) {
        t.equal(frames.readBigUInt64BE(at), BigInt(length));
        at += 8;
      }
      t.ok(frames.subarray(at, at + length).equals(payloads[i] ?? Buffer.alloc(0)));
      at += length;
    }
    t.equal(at, frames.length, 'and nothing more');
    for (const text of ['', 'hi', 'é', '💥'.repeat(40), 'ü'.repeat(70_000), 'x'.repeat(65_536)]) {
      t.ok(frameOf(text).equals(frameAround(Buffer.from(text))), 'the same from text');
      t.equal(payloadIn(frameOf(text)).toString(), text, 'and back');
    }
    t.equal(framesOf([]).length, 0);
  },
);

// what others publish

const foreign = (over: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    id: formatId(ID),
    type: 'chat',
    room: 'r',
    from: 'billing',
    data: { a: 1 },
    timestamp: '2026-01-15T10:30:00.123Z',
    ...over,
  });
const heard = (payload: string | Buffer, room = 'r'): Either<string, Publication> =>
  decodePublication(Buffer.from(payload), room);

t.test(
  'a payload of another program is read, and kept as it came until it is known whose it is',
  async (t) => {
    for (const over of [
      {},
      { type: 'presence', data: { status: 'online' } },
      { type: 'notification', data: null },
      { type: 'system', data: { event: 'maintenance' } },
      { extra: 'field' },
    ]) {
      const text = foreign(over);
      const taken = right(heard(text));
      t.equal(taken.payload.toString(), text);
      t.strictSame(taken.id, ID);
      t.equal(taken.idText, formatId(ID));
    }
    t.ok(isRight(heard(foreign({ room: undefined }), GLOBAL)));
    const upper = foreign({ id: formatId(ID).toUpperCase() });
    t.equal(right(heard(upper)).idText, formatId(ID), 'an id is the same in capitals');
    t.equal(right(heard(upper)).payload.toString(), upper);
  },
);

t.test('what another program wrote is told in our words, under an id of ours', async (t) => {
  const place: MessageId = { ...ID, outside: true, nonce: nonceOf(formatId(ID)) };
  const told = (text: string, room = 'r', isForeign = true): unknown =>
    JSON.parse(
      right(reissued(right(heard(text, room)), room, place, isForeign)).payload.toString(),
    );
  const fields = {
    id: formatId(place),
    type: 'chat',
    room: 'r',
    from: 'billing',
    data: { a: 1 },
    timestamp: '2026-01-15T10:30:00.123Z',
  };
  t.strictSame(told(foreign()), { ...fields, ref: formatId(ID) });
  t.strictSame(
    told(foreign({ ref: 'spoofed', z: '\ud800', deep: [[[[]]]] })),
    { ...fields, ref: formatId(ID) },
    'fields that we do not know are not passed on',
  );
  const doubled = foreign().replace('"data":', '"data":{"event":"draining"},"data":');
  t.strictSame(told(doubled), { ...fields, ref: formatId(ID) }, 'the last of two holds');
  const { room: _, ...global } = fields;
  t.strictSame(told(foreign({ room: undefined }), GLOBAL), { ...global, ref: formatId(ID) });
  t.strictSame(told(foreign(), 'r', false), fields, 'a pod has no id of its own to show');
  const proto = foreign().replace('"data":{', '"data":{"__proto__":{"b":2},');
  t.match(
    right(reissued(right(heard(proto)), 'r', place, true)).payload.toString(),
    '"data":{"__proto__":{"b":2},"a":1}',
  );
  const capitals = formatId(ID).toUpperCase();
  t.match(told(foreign({ id: capitals })), { ref: capitals }, 'as its program knows it');
});

t.test('what cannot be told in our words is dropped, with a word why', async (t) => {
  const place: MessageId = { ...ID, outside: true };
  const why = (text: string): string => {
    const told = reissued(right(heard(text)), 'r', place, true);
    return isRight(told) ? 'told' : told.left;
  };
  t.match(
    why(foreign({ type: 'presence', from: 'server', data: { status: 'online' } })),
    'from: ',
    'who comes and goes only a pod knows',
  );
  t.equal(why(foreign({ type: 'presence', data: { status: 'online' } })), 'told');
  const grows = Array.from({ length: 20_000 }, () => 1e20);
  t.match(why(foreign({ data: grows }).replaceAll('100000000000000000000', '1e20')), '131072');
});

t.test('the 20 bits of a foreign id come of all of it', async (t) => {
  const seen = new Set<number>();
  for (let i = 0; i < 1_000; i++) seen.add(nonceOf(formatId({ ...ID, ms: i })));
  t.ok(seen.size > 990, `${seen.size} of 1000`);
  for (const nonce of seen) if (!(nonce >= 0 && nonce < 2 ** 20)) t.fail(`${nonce}`);
});

t.test('anything else on a channel is dropped, with a word why', async (t) => {
  const rows: readonly (readonly [row: string, payload: string | Buffer, says: string])[] = [
    ['R01 empty', '', 'JSON'],
    ['R01 not JSON', 'hello', 'JSON'],
    ['R01 binary', Buffer.from([0x7b, 0xff, 0xc0, 0x80, 0x7d]), 'UTF-8'],
    ['R01 a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'UTF-8'],
    ['R02 null', 'null', 'object'],
    ['R02 an array', '[]', 'object'],
    ['R02 no id', foreign({ id: undefined }), 'id: '],
    ['R02 an id that is none', foreign({ id: 'x' }), 'id: '],
    ['R02 a UUID of version 4', foreign({ id: 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6' }), 'id: '],
    ['R02 no type', foreign({ type: undefined }), 'type: '],
    ['R02 a type of clients', foreign({ type: 'join' }), 'type: '],
    ['R02 an error', foreign({ type: 'error' }), 'type: '],
    ['R02 no from', foreign({ from: undefined }), 'from: '],
    ['R02 no timestamp', foreign({ timestamp: 5 }), 'timestamp: '],
    ['R02 an empty from', foreign({ from: '' }), 'from: '],
    ['R02 a from with U+0000', foreign({ from: 'a\u0000' }), 'from: '],
    ...[
      'yesterday',
      '',
      '2026-01-15',
      '2026-01-15T10:30:00Z',
      '2026-01-15T10:30:00.123+01:00',
      '2026-13-15T10:30:00.123Z',
      '2026-01-15T24:30:00.123Z',
      ' 2026-01-15T10:30:00.123Z',
    ].map(
      (timestamp) =>
        [`R02 the timestamp "${timestamp}"`, foreign({ timestamp }), 'timestamp: '] as const,
    ),
    ['R02 no data', foreign({ data: undefined }), 'data: '],
    [
      'R02 a control event of ours',
      foreign({ type: 'system', data: { event: 'draining' } }),
      'data.event: ',
    ],
    ['R02 no event', foreign({ type: 'system', data: {} }), 'data.event: '],
    ['R02 an event that is none', foreign({ type: 'system', data: { event: 1 } }), 'data.event: '],
    ['R07 another room', foreign({ room: 'b' }), 'room: '],
    ['R07 no room', foreign({ room: undefined }), 'room: '],
    ['R07 a number', foreign({ room: 5 }), 'room: '],
    ['R08 too deep', foreign().replace('{"a":1}', nested(33)), 'data: '],
    ['R08 far too deep', foreign().replace('{"a":1}', nested(40_000)), 'data: '],
    ['R08 half a surrogate pair', foreign().replace('"a":1', '"a":"\\ud800"'), 'data: '],
    ['R08 U+0000', foreign().replace('"a":1', '"\\u0000":1'), 'data: '],
    ['R08 beyond a double', foreign().replace('"a":1', '"a":1e999'), 'data: '],
  ];
  for (const [row, payload, says] of rows) {
    const why = left(heard(payload));
    t.ok(why.includes(says), `${row}: expected "${says}" in "${why}"`);
  }
  for (const room of ['r', '', null])
    t.ok(left(heard(foreign({ room }), GLOBAL)).includes('room: '), 'a room on the global one');
});

t.test('R03 a payload is measured before it is read, exactly', async (t) => {
  const around = foreign({ data: '' }).length;
  const fits = foreign({ data: 'x'.repeat(MAX_ENCODED_BYTES - around) });
  t.equal(fits.length, 131_072);
  t.ok(isRight(heard(fits)));
  t.match(left(heard(foreign({ data: 'x'.repeat(MAX_ENCODED_BYTES - around + 1) }))), '131072');
  t.match(left(heard(Buffer.alloc(10_000_000, 0x5b))), '131072', '10 MB of brackets');
});

t.test('every event of ours is known as ours, and no name of the prototype is', async (t) => {
  for (const event of [
    'welcome',
    'joined',
    'left',
    'ack',
    'gap',
    'degraded',
    'restored',
    'draining',
    'token_expiring',
  ])
    t.ok(isSystemEvent(event), event);
  for (const event of ['constructor', '__proto__', 'maintenance', '', undefined, 1])
    t.notOk(isSystemEvent(event), String(event));
});

// positions

const ids = fc.record({
  ms: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  tag: fc.integer({ min: 0, max: TAGS - 1 }),
  offset: fc.oneof(
    fc.nat({ max: 1_000 }),
    fc.maxSafeInteger().map((n) => Math.abs(n) % 2 ** 40),
    fc.constantFrom(0, 1, 2 ** 26 - 1, 2 ** 26, 2 ** 32, 2 ** 40 - 1),
  ),
  global: fc.boolean(),
  outside: fc.boolean(),
  nonce: fc.integer({ min: 0, max: 2 * NONCES - 1 }),
});
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

t.test('an id is a UUIDv7 and says all of its position again, over the whole range', async () => {
  fc.assert(
    fc.property(ids, (id) => {
      const text = formatId(id);
      const read = parseId(text);
      if (!UUID_V7.test(text) || !isSome(read)) return false;
      return (
        JSON.stringify(read.value) === JSON.stringify(id) && isSome(parseId(text.toUpperCase()))
      );
    }),
    { numRuns: 2_000 },
  );
});

t.test('the bits of an id stand where the contract says', async (t) => {
  const text = formatId({
    ms: 0x0123456789ab,
    tag: 0xabc,
    offset: 0xffffffffff,
    global: true,
    outside: false,
    nonce: 0x12345,
  });
  t.equal(text, '01234567-89ab-7abc-bfff-ffffffe12345');
  t.equal(
    formatId({ ms: 0, tag: 1, offset: 1, global: false, outside: true, nonce: 0 }),
    '00000000-0000-7001-8000-000000500000',
  );
});

t.test('ids of an epoch sort as strings in the order of delivery', async (t) => {
  fc.assert(
    fc.property(
      ids,
      fc.nat(1),
      fc.integer({ min: 0, max: 5 }),
      ids,
      (id, offsets, ms, { nonce, global }) => {
        const next = {
          ...id,
          global,
          nonce,
          outside: false,
          ms: id.ms + ms,
          offset: id.offset + offsets,
        };
        fc.pre(next.ms < 2 ** 48 && next.offset < 2 ** 40 && (ms > 0 || offsets > 0));
        return formatId({ ...id, global, outside: false }) < formatId(next);
      },
    ),
    { numRuns: 2_000 },
  );
  t.pass('by milliseconds, then by offset');
});

t.test('a text that is no UUIDv7 is no id', async (t) => {
  const good = formatId(ID);
  for (const text of [
    '',
    'undefined',
    good.slice(1),
    `${good}0`,
    ` ${good}`,
    `${good}\n`,
    good.replaceAll('-', ''),
    good.replace('-7007', '-4007'),
    `${good.slice(0, 19)}c${good.slice(20)}`,
    `{${good}}`,
    'g'.repeat(36),
  ])
    t.ok(isNone(parseId(text)), JSON.stringify(text));
});

t.test(
  'when a tag is drawn, then it is 1 to 4094; when a nonce is drawn, then it has 19 bits',
  async (t) => {
    const most = 1 - Number.EPSILON;
    t.same([drawTag(() => 0), drawTag(() => most)], [1, 4_094]);
    t.same([drawNonce(() => 0), drawNonce(() => most)], [0, 2 ** 19 - 1]);
  },
);

t.test('H17 to H23 what may name a room', async (t) => {
  const yes = [
    'a',
    '0',
    'general',
    'A.b_c:d@e-f',
    'x'.repeat(128),
    'constructor',
    'toString',
    'Stats',
    'stats2',
    'room:b',
  ];
  const no: readonly (readonly [row: string, name: string])[] = [
    ['H17 empty', ''],
    ['H17 129 characters', 'x'.repeat(129)],
    ['H17 blanks', '   '],
    ['H18 NUL', 'a\u0000'],
    ['H18 CR LF', 'a\r\n'],
    ['H18 a newline at the end', 'a\n'],
    ['H18 U+202E', 'a\u202e'],
    ['H18 U+200B', 'a\u200b'],
    ['H18 half a surrogate pair', 'a\ud800'],
    ['H18 a percent sign', '%E0%A4%A'],
    ['H19 a letter beyond ASCII', 'é'],
    ['H19 digits beyond ASCII', '١'],
    ['H20 __proto__', '__proto__'],
    ['H21 dots', '..'],
    ['H21 encoded dots', '%2e%2e'],
    ['H21 a slash', 'a/b'],
    ['H22 a star', '*'],
    ['H22 a prefix', 'a*'],
    ['H22 a question mark', '?'],
    ['H22 brackets', '[ab]'],
    ['H22 a backslash', 'a\\'],
    ['H23 braces', '{a}'],
    ['the first a dot', '.a'],
    ['the first a colon', ':a'],
    ['the first a dash', '-a'],
    ['reserved', 'stats'],
  ];
  for (const name of yes) t.ok(isRoomName(name), name);
  for (const [row, name] of no) {
    t.notOk(isRoomName(name), row);
    if (name === '') continue;
    const refusal = left(decode({ type: 'join', room: name }));
    t.equal(refusal.code, 'invalid_room', row);
    t.notOk(refusal.text.includes(`${name}"`) && name !== 'stats', row);
  }
});
