/** What other programs and pods publish on a channel. */
import { type Either, isLeft, isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import {
  decodePublication,
  reissued,
  pushedPublication,
} from '../../lib/protocol/channel-payload.js';
import { type Publication } from '../../lib/protocol/publication.js';
import { MAX_ENCODED_BYTES } from '../../lib/protocol/json.js';
import { formatId, GLOBAL, type MessageId, nonceOf } from '../../lib/protocol/position.js';
import { ID, left, nested, right } from '../support/messages.js';

t.test('when a payload begins like one of a pod, then only its head is decoded', async (t) => {
  const id = formatId(ID);
  const rest = ',"from":"a","data":{"n":1},"timestamp":"2026-01-15T10:30:00.123Z"}';
  const payload = `{"id":"${id}","type":"chat","room":"r"${rest}`;
  const read = (text: string | Buffer) => pushedPublication(Buffer.from(text), 'r');
  t.equal(right(read(payload)).payload.toString(), payload);
  t.equal(right(read(payload)).idText, id);
  const broken = payload.replace('{"n":1}', '{"n":}');
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
    ['no UTF-8', Buffer.concat([Buffer.from(payload.slice(0, -1)), Buffer.from([0xff, 0x7d])])],
    ['too many bytes', payload.replace('{"n":1}', `"${'x'.repeat(131_072)}"`)],
  ] as const)
    t.ok(isLeft(read(text)), name);
});

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
const decoded = (payload: string | Buffer, room = 'r'): Either<string, Publication> =>
  decodePublication(Buffer.from(payload), room);

t.test(
  'when a payload of another program comes, then it is decoded, and its bytes are kept',
  async (t) => {
    for (const over of [
      {},
      { type: 'presence', data: { status: 'online' } },
      { type: 'notification', data: null },
      { type: 'system', data: { event: 'maintenance' } },
      { extra: 'field' },
    ]) {
      const text = foreign(over);
      const taken = right(decoded(text));
      t.equal(taken.payload.toString(), text);
      t.strictSame(taken.id, ID);
      t.equal(taken.idText, formatId(ID));
    }
    t.ok(isRight(decoded(foreign({ room: undefined }), GLOBAL)));
    const upper = foreign({ id: formatId(ID).toUpperCase() });
    t.equal(right(decoded(upper)).idText, formatId(ID), 'an id is the same in capitals');
    t.equal(right(decoded(upper)).payload.toString(), upper);
  },
);

t.test(
  'when a message of another program is reissued, then it has the fields of the protocol and an id of the pod',
  async (t) => {
    const position: MessageId = { ...ID, outside: true, nonce: nonceOf(formatId(ID)) };
    const reissuedOf = (text: string, room = 'r', isForeign = true): unknown =>
      JSON.parse(
        right(reissued(right(decoded(text, room)), room, position, isForeign)).payload.toString(),
      );
    const fields = {
      id: formatId(position),
      type: 'chat',
      room: 'r',
      from: 'billing',
      data: { a: 1 },
      timestamp: '2026-01-15T10:30:00.123Z',
    };
    t.strictSame(reissuedOf(foreign()), { ...fields, ref: formatId(ID) });
    t.strictSame(
      reissuedOf(foreign({ ref: 'spoofed', z: '\ud800', deep: [[[[]]]] })),
      { ...fields, ref: formatId(ID) },
      'fields that we do not know are not passed on',
    );
    const doubled = foreign().replace('"data":', '"data":{"event":"draining"},"data":');
    t.strictSame(reissuedOf(doubled), { ...fields, ref: formatId(ID) }, 'the last of two holds');
    const { room: _, ...global } = fields;
    t.strictSame(reissuedOf(foreign({ room: undefined }), GLOBAL), {
      ...global,
      ref: formatId(ID),
    });
    t.strictSame(reissuedOf(foreign(), 'r', false), fields, 'a pod has no id of its own to show');
    const proto = foreign().replace('"data":{', '"data":{"__proto__":{"b":2},');
    t.match(
      right(reissued(right(decoded(proto)), 'r', position, true)).payload.toString(),
      '"data":{"__proto__":{"b":2},"a":1}',
    );
    const capitals = formatId(ID).toUpperCase();
    t.match(reissuedOf(foreign({ id: capitals })), { ref: capitals }, 'as its program knows it');
  },
);

t.test('when a message cannot be reissued, then it is dropped with a reason', async (t) => {
  const position: MessageId = { ...ID, outside: true };
  const why = (text: string): string => {
    const answer = reissued(right(decoded(text)), 'r', position, true);
    return isRight(answer) ? 'told' : answer.left;
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

t.test('when a payload is not a message, then it is dropped with a reason', async (t) => {
  const rows: readonly (readonly [row: string, payload: string | Buffer, reason: string])[] = [
    ['empty', '', 'JSON'],
    ['not JSON', 'hello', 'JSON'],
    ['binary', Buffer.from([0x7b, 0xff, 0xc0, 0x80, 0x7d]), 'UTF-8'],
    ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'UTF-8'],
    ['null', 'null', 'object'],
    ['an array', '[]', 'object'],
    ['no id', foreign({ id: undefined }), 'id: '],
    ['an id that is none', foreign({ id: 'x' }), 'id: '],
    ['a UUID of version 4', foreign({ id: 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6' }), 'id: '],
    ['no type', foreign({ type: undefined }), 'type: '],
    ['a type of clients', foreign({ type: 'join' }), 'type: '],
    ['an error', foreign({ type: 'error' }), 'type: '],
    ['no from', foreign({ from: undefined }), 'from: '],
    ['no timestamp', foreign({ timestamp: 5 }), 'timestamp: '],
    ['an empty from', foreign({ from: '' }), 'from: '],
    ['a from with U+0000', foreign({ from: 'a\u0000' }), 'from: '],
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
        [`the timestamp "${timestamp}"`, foreign({ timestamp }), 'timestamp: '] as const,
    ),
    ['no data', foreign({ data: undefined }), 'data: '],
    [
      'a control event of ours',
      foreign({ type: 'system', data: { event: 'draining' } }),
      'data.event: ',
    ],
    ['no event', foreign({ type: 'system', data: {} }), 'data.event: '],
    ['an event that is none', foreign({ type: 'system', data: { event: 1 } }), 'data.event: '],
    ['another room', foreign({ room: 'b' }), 'room: '],
    ['no room', foreign({ room: undefined }), 'room: '],
    ['a number', foreign({ room: 5 }), 'room: '],
    ['too deep', foreign().replace('{"a":1}', nested(33)), 'data: '],
    ['far too deep', foreign().replace('{"a":1}', nested(40_000)), 'data: '],
    ['half a surrogate pair', foreign().replace('"a":1', '"a":"\\ud800"'), 'data: '],
    ['U+0000', foreign().replace('"a":1', '"\\u0000":1'), 'data: '],
    ['beyond a double', foreign().replace('"a":1', '"a":1e999'), 'data: '],
  ];
  for (const [row, payload, reason] of rows) {
    const why = left(decoded(payload));
    t.ok(why.includes(reason), `${row}: expected "${reason}" in "${why}"`);
  }
  for (const room of ['r', '', null])
    t.ok(left(decoded(foreign({ room }), GLOBAL)).includes('room: '), 'a room on the global one');
});

t.test(
  'when a payload is over 131,072 bytes, then it is dropped before it is decoded',
  async (t) => {
    const around = foreign({ data: '' }).length;
    const fits = foreign({ data: 'x'.repeat(MAX_ENCODED_BYTES - around) });
    t.equal(fits.length, 131_072);
    t.ok(isRight(decoded(fits)));
    t.match(left(decoded(foreign({ data: 'x'.repeat(MAX_ENCODED_BYTES - around + 1) }))), '131072');
    t.match(left(decoded(Buffer.alloc(10_000_000, 0x5b))), '131072', '10 MB of brackets');
  },
);
