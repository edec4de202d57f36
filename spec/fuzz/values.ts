/** Random texts and JSON values, and broken forms of them. */
import fc, { type Arbitrary } from 'fast-check';

// words that programs fall for

export const ROOMS = [
  'general',
  'fuzz',
  'constructor',
  '__proto__',
  'stats',
  '..',
  '%2e%2e',
  'a%2Fb',
  'a b',
  '*',
  '%00',
  '%E0%A4%A',
  '{a}',
  '',
  'x'.repeat(129),
];

const TEXTS = [
  '',
  ' ',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  '%s%n',
  '${jndi:x}',
  '\r\n',
  '\u0000',
  '\ufeff',
  '\ud800',
  '\u202e',
  '💬',
  '-1',
  '1e999',
  'a'.repeat(5_000),
];

export const noise = (maxLength: number): Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));

export const shortText: Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: noise(20) },
);

/** UTF-8, each byte one character. */
export const bytesOf = (text: string): string => Buffer.from(text).toString('latin1');

/** Some places of a text changed: cut out, doubled, overwritten, turned over. */
const mutated = (text: string, most: number): Arbitrary<string> =>
  fc
    .array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        length: fc.nat(12),
        how: fc.constantFrom('cut', 'double', 'write', 'flip', 'end'),
        with: noise(4),
      }),
      { maxLength: most },
    )
    .map((changes) =>
      changes.reduce((now, { at, length, how, with: written }) => {
        const start = Math.floor(at * now.length);
        const [before, piece, after] = [
          now.slice(0, start),
          now.slice(start, start + length),
          now.slice(start + length),
        ];
        switch (how) {
          case 'cut':
            return before + after;
          case 'double':
            return before + piece + piece + after;
          case 'write':
            return before + written + after;
          case 'flip':
            return (
              before +
              String.fromCharCode((now.charCodeAt(start) || 0) ^ (1 << (length % 8))) +
              now.slice(start + 1)
            );
          default:
            return before;
        }
      }, text),
    );

export const sometimesMutated = (text: Arbitrary<string>, most = 3): Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: text },
    { weight: 2, arbitrary: text.chain((right) => mutated(right, most)) },
  );

/** How it comes: as a whole, or in pieces. */
export const inPieces = (text: Arbitrary<string>): Arbitrary<readonly string[]> =>
  fc.oneof(
    { weight: 3, arbitrary: text.map((whole) => [whole]) },
    {
      weight: 1,
      arbitrary: fc.tuple(text, fc.array(fc.nat(400), { maxLength: 6 })).map(([whole, lengths]) => {
        let at = 0;
        const pieces = lengths.map((length) => whole.slice(at, (at += length)));
        return [...pieces, whole.slice(at)];
      }),
    },
  );

// JSON

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

export const json: Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.json({ maxDepth: 4 }) },
  { weight: 3, arbitrary: shortText.map((text) => JSON.stringify(text)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'null',
      'true',
      '0',
      '-0',
      '1e999',
      '9007199254740993',
      '{}',
      '[]',
      '"\\ud800"',
      '"\\u0000"',
      '{"__proto__":{"a":1}}',
      'NaN',
      '',
      "'x'",
      nested(32),
      nested(33),
      nested(5_000),
      `"${'x'.repeat(60_000)}"`,
      `[${'1e20,'.repeat(8_000)}1]`,
    ),
  },
);

/** An object with the fields given, some of them left out, some other ones, some twice. */
export const objectOf = (fields: Readonly<Record<string, Arbitrary<string>>>): Arbitrary<string> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 2, arbitrary: fc.record(fields) },
        { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [] }) },
      ),
      fc.array(
        fc.tuple(
          fc.oneof(fc.constantFrom(...Object.keys(fields), '__proto__', 'constructor'), shortText),
          json,
        ),
        { maxLength: 2 },
      ),
    )
    .map(([some, more]) => {
      const pairs = [...Object.entries(some), ...more].map(
        ([key, value]) => `${JSON.stringify(key)}:${value ?? 'null'}`,
      );
      return `{${pairs.join(',')}}`;
    });

export const quoted = (...texts: readonly string[]): Arbitrary<string> =>
  fc.constantFrom(...texts.map((text) => JSON.stringify(text)));

export const mostly = <A>(right: Arbitrary<A>, other: Arbitrary<A>): Arbitrary<A> =>
  fc.oneof({ weight: 6, arbitrary: right }, { weight: 1, arbitrary: other });

export const mostlyOf = (right: Arbitrary<string>): Arbitrary<string> => mostly(right, json);
