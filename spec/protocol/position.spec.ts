/** Ids and the positions that they carry; names of rooms. */
import fc from 'fast-check';
import { isNone, isSome } from 'fp-ts/lib/Option.js';
import t from 'tap';
import {
  drawNonce,
  drawTag,
  formatId,
  nonceOf,
  isRoomName,
  NONCES,
  parseId,
  TAGS,
  timeOf,
} from '../../lib/protocol/position.js';
import { decode, ID, left } from '../support/messages.js';

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

t.test(
  'when a position is written as an id, then the id is a UUIDv7 and reads back as the position',
  async () => {
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
  },
);

t.test('when an id is written, then its bits are where the protocol says', async (t) => {
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

t.test(
  'when ids are of one epoch, then they sort as strings in the order of delivery',
  async (t) => {
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
  },
);

t.test('when a text is not a UUIDv7, then it is not an id', async (t) => {
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

t.test('when a foreign id gets a nonce, then the nonce depends on all of the id', async (t) => {
  const seen = new Set<number>();
  for (let i = 0; i < 1_000; i++) seen.add(nonceOf(formatId({ ...ID, ms: i })));
  t.ok(seen.size > 990, `${seen.size} of 1000`);
  for (const nonce of seen) if (!(nonce >= 0 && nonce < 2 ** 20)) t.fail(`${nonce}`);
});

t.test('when a name has other characters than a room may have, then it is refused', async (t) => {
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
    ['empty', ''],
    ['129 characters', 'x'.repeat(129)],
    ['blanks', '   '],
    ['NUL', 'a\u0000'],
    ['CR LF', 'a\r\n'],
    ['a newline at the end', 'a\n'],
    ['U+202E', 'a\u202e'],
    ['U+200B', 'a\u200b'],
    ['half a surrogate pair', 'a\ud800'],
    ['a percent sign', '%E0%A4%A'],
    ['a letter beyond ASCII', 'é'],
    ['digits beyond ASCII', '١'],
    ['__proto__', '__proto__'],
    ['dots', '..'],
    ['encoded dots', '%2e%2e'],
    ['a slash', 'a/b'],
    ['a star', '*'],
    ['a prefix', 'a*'],
    ['a question mark', '?'],
    ['brackets', '[ab]'],
    ['a backslash', 'a\\'],
    ['braces', '{a}'],
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

t.test(
  'when the time of a log moved without a message, then `timeOf` is the time of its last message',
  async (t) => {
    const top = { tag: 1, offset: 20, ms: 1_020, id: null };
    const id = formatId({ tag: 1, offset: 20, ms: 5, global: false, outside: false, nonce: 0 });
    t.equal(timeOf({ ...top, id }), 5);
    t.equal(timeOf(top), 1_020);
  },
);
