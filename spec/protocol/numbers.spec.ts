/** Numbers of any form, from a socket, a request or Redis: no integer changes its value. */
import fc from 'fast-check';
import { type Either, isLeft, isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { decodeMessage } from '../../lib/protocol/client-message.js';
import { decodePublishRequests } from '../../lib/protocol/publish-request.js';
import { decodePublication } from '../../lib/protocol/channel-payload.js';
import { draftOf, validatedDraft } from '../../lib/protocol/publication.js';
import type { Json } from '../../lib/protocol/json.js';
import { payloadOf } from '../../lib/protocol/payload.js';

const AT = Date.UTC(2026, 0, 15);
const ID = '01a1fc30-7295-73ec-8000-000000477cd8';

const MAX_BYTES = 65_536;

/** What becomes of data's JSON on the way in. `Left` is the refusal's text. */
type Reader = (json: string) => Either<string, Json>;

const READERS: Readonly<Record<string, Reader>> = {
  socket: (json) => {
    const read = decodeMessage(Buffer.from(`{"type":"chat","data":${json}}`));
    if (isLeft(read)) return { _tag: 'Left', left: `${read.left.code} ${read.left.text}` };
    return { _tag: 'Right', right: read.right.type === 'chat' ? read.right.data : undefined };
  },
  HTTP: (json) => {
    const read = decodePublishRequests(Buffer.from(`{"room":"r","data":${json}}`), MAX_BYTES);
    return isLeft(read)
      ? { _tag: 'Left', left: read.left.text }
      : { _tag: 'Right', right: read.right.posts[0]?.data };
  },
  'HTTP, in a list': (json) => {
    const read = decodePublishRequests(
      Buffer.from(`[{"room":"r","data":0},{"room":"r","data":${json}},{"room":"r","data":1e20}]`),
      MAX_BYTES,
    );
    return isLeft(read)
      ? { _tag: 'Left', left: read.left.text }
      : { _tag: 'Right', right: read.right.posts[1]?.data };
  },
  Redis: (json) => {
    const read = decodePublication(
      Buffer.from(
        payloadOf(
          ID,
          `"type":"chat","room":"r","from":"b","data":${json},"timestamp":"2026-01-15T10:30:00.123Z"}`,
        ),
      ),
      'r',
    );
    if (isLeft(read)) return read;
    const { data } = JSON.parse(read.right.payload.toString()) as { readonly data: unknown };
    return { _tag: 'Right', right: data };
  },
};

/** The JSON of data as members get it. */
const encoded = (data: Json): string => {
  const draft = draftOf({ room: 'r', type: 'chat', from: 'alice', data, at: AT });
  if (isLeft(draft)) throw new Error(draft.left.text);
  const start = draft.right.rest.indexOf('"data":') + '"data":'.length;
  return draft.right.rest.slice(start, draft.right.rest.lastIndexOf(',"timestamp"'));
};

const REFUSED: readonly string[] = [
  '9007199254740993',
  '-9007199254740993',
  // a double holds it, and JavaScript prints other digits
  '1152921504606846976',
  '9007199254740993.0',
  '90071992547409930e-1',
  '9007199254740.993e3',
  '0.09007199254740993e17',
  '123456789012345678901e5',
  '123456789012345678901E+5',
  '18446744073709551615',
  '1e400',
  '-1e999',
  `1${'0'.repeat(400)}`,
  `1${'0'.repeat(20)}1`,
];

/** What comes, and how it leaves. */
const PASSED: readonly (readonly [came: string, leaves: string])[] = [
  ['1.0', '1'],
  ['1e3', '1000'],
  ['-0', '0'],
  ['-0.0000000000000000000', '0'],
  ['0e9007199254740993', '0'],
  ['1e20', '100000000000000000000'],
  ['1e21', '1e+21'],
  ['1e23', '1e+23'],
  ['100000000000000000000000', '1e+23'],
  ['0.1', '0.1'],
  ['0.1000000000000000055', '0.1'],
  ['9007199254740991', '9007199254740991'],
  ['9007199254740992', '9007199254740992'],
  ['9007199254740994', '9007199254740994'],
  ['9007199254740993.5', '9007199254740994'],
  ['1152921504606847000', '1152921504606847000'],
  ['1.7976931348623157e308', '1.7976931348623157e+308'],
  ['5e-324', '5e-324'],
  ['1e-400', '0'],
  ['5e-9007199254740993', '0'],
  ['5e-00009007199254740993', '0'],
];

for (const [from, read] of Object.entries(READERS)) {
  t.test(`when an integer from ${from} would change its value, then it is refused`, async (t) => {
    for (const number of REFUSED)
      for (const json of [number, `[0,{"a":[${number}]}]`, `{"a":1,"b":${number}}`]) {
        const got = read(json);
        t.match(
          isLeft(got) && got.left,
          /data: a number is NaN, too large for a double, or an integer/,
          json,
        );
      }
  });

  t.test(`when a number from ${from} keeps its value, then it passes`, async (t) => {
    for (const [came, leaves] of PASSED) {
      const got = read(`{"a":[${came}]}`);
      t.equal(isRight(got) && encoded(got.right), `{"a":[${leaves}]}`, came);
    }
  });

  t.test(`when the digits are in a text from ${from}, then they are no number`, async (t) => {
    for (const text of [
      '"9007199254740993"',
      '"\\"9007199254740993"',
      '"a\\\\"',
      '"9007199254740993\\\\\\""',
      '{"9007199254740993":1}',
    ]) {
      const got = read(`[${text},1e20,${text}]`);
      t.strictSame(isRight(got) && got.right, JSON.parse(`[${text},1e20,${text}]`), text);
    }
  });

  t.test(`when the same key from ${from} comes twice, then the last number counts`, async (t) => {
    t.ok(isRight(read('{"a":9007199254740993,"a":9007199254740992}')));
    t.ok(isLeft(read('{"a":9007199254740992,"a":9007199254740993}')));
  });
}

t.test('when such an integer is in an unknown field, then the message passes', async (t) => {
  const frame = '{"type":"chat","at":1795761538973123456,"data":[1e20]}';
  t.ok(isRight(decodeMessage(Buffer.from(frame))));
});

t.test('when a list has one such integer, then the error text names its index', async (t) => {
  const list = decodePublishRequests(
    Buffer.from('[{"room":"a","data":1e20},{"room":"a","data":9007199254740993}]'),
    MAX_BYTES,
  );
  t.match(isLeft(list) && list.left.text, /^\[1\]\.data: a number/);
});

t.test(
  'when a program publishes a bigint, then the error text says to send a string',
  async (t) => {
    for (const data of [1n, { a: [2n] }]) {
      const draft = validatedDraft({ room: 'r', type: 'chat', from: 'server', data, at: AT });
      t.match(
        isLeft(draft) && draft.left.text,
        'data: a bigint is no JSON value; send it as a string',
      );
    }
    for (const data of [Number.NaN, [Number.POSITIVE_INFINITY]])
      t.ok(isLeft(validatedDraft({ room: 'r', type: 'chat', from: 'server', data, at: AT })));
    // it is a double already: what leaves reads back as the same one
    const draft = validatedDraft({
      room: 'r',
      type: 'chat',
      from: 'server',
      data: 2 ** 60,
      at: AT,
    });
    t.match(isRight(draft) && draft.right.rest, '"data":1152921504606847000');
  },
);

// any number

const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom('0', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'),
    minLength: min,
    maxLength: max,
  });
const whole = digits(0, 25).map((text) => text.replace(/^0+/, '') || '0');
const near = fc
  .tuple(fc.integer({ min: 50, max: 70 }), fc.integer({ min: -3, max: 3 }))
  .map(([power, off]) => String(2n ** BigInt(power) + BigInt(off)));
const exponent = fc
  .tuple(fc.constantFrom('e', 'E', 'e+', 'e-'), digits(1, 2))
  .map((parts) => parts.join(''));
const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(whole, near),
    fc.option(digits(1, 22), { nil: undefined }),
    fc.option(exponent, { nil: '' }),
  )
  .map(
    ([sign, int, fraction, power]) =>
      `${sign}${int}${fraction === undefined ? '' : `.${fraction}`}${power}`,
  );

/** The integer that a JSON number stands for, by another way than the codec's; undefined when it is none. */
const integerOf = (token: string): bigint | undefined => {
  const [mantissa = '', power = '0'] = token.toLowerCase().split('e');
  const [int = '', fraction = ''] = mantissa.split('.');
  const shift = Number(power) - fraction.length;
  const value = BigInt(int + fraction);
  if (shift >= 0) return value * 10n ** BigInt(shift);
  const unit = 10n ** BigInt(-shift);
  return value % unit === 0n ? value / unit : undefined;
};

t.test('when any JSON comes, then it is refused, or each integer keeps its value', async (t) => {
  const text = fc.oneof(fc.string(), digits(14, 20)).map((value) => JSON.stringify(value));
  let refused = 0;
  let passed = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(text, number), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...Object.values(READERS)),
      (pairs, read) => {
        fc.pre(pairs.every(([json]) => !json.includes('\\u')));
        const got = read(`[${pairs.map((pair) => pair.join(',')).join(',')}]`);
        const isFit = pairs.every(([, token]) => {
          const integer = integerOf(token);
          return integer === undefined || integer === integerOf(encoded(Number(token)));
        });
        if (isLeft(got)) {
          refused += 1;
          return !isFit;
        }
        passed += 1;
        const leaves = JSON.parse(encoded(got.right)) as readonly unknown[];
        return (
          isFit &&
          pairs.every(
            ([json, token], i) =>
              leaves[2 * i] === JSON.parse(json) &&
              Math.abs(Number(leaves[2 * i + 1])) === Math.abs(Number(token)),
          )
        );
      },
    ),
    { numRuns: 20_000 },
  );
  t.ok(refused > 2_000 && passed > 2_000, `${refused} refused, ${passed} passed`);
});

t.test(
  'when a message has the greatest length, then the check of its digits costs no more than its parsing',
  async (t) => {
    const longest = [
      `"${'9'.repeat(65_000)}",1e20`,
      `1${'0'.repeat(32_000)}1${'0'.repeat(32_000)}e-64000`,
      `"${'\\\\'.repeat(32_000)}",1e20`,
      `${'0,'.repeat(32_000)}1e20`,
      `0.${'0'.repeat(64_000)}1,1e20`,
    ];
    for (const json of longest) {
      const frame = Buffer.from(`{"type":"chat","data":[${json}]}`);
      const begun = process.hrtime.bigint();
      decodeMessage(frame);
      const ms = Number(process.hrtime.bigint() - begun) / 1e6;
      // a quadratic way takes seconds
      t.ok(ms < 200, `${ms} ms`);
    }
  },
);
