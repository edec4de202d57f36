/** The messages of clients: the document and the decoder of the server agree on which are valid. */
import * as E from 'fp-ts/lib/Either.js';
import fc from 'fast-check';
import t from 'tap';
import { CLIENT_FRAMES } from '../../lib/documents/client-frames.js';
import { SERVER_FRAMES } from '../../lib/documents/server-frames.js';
import { decodeMessage } from '../../lib/protocol/client-message.js';
import { JsonText } from '../../lib/protocol/json.js';
import { message } from '../fuzz/frames.js';
import { judgeOfCodec } from '../support/schemas.js';

const judges = CLIENT_FRAMES.map(({ name, codec }) => ({
  name,
  judge: judgeOfCodec(codec),
  codec,
}));
const isOne = (value: unknown): boolean => judges.some(({ judge }) => judge(value));

/** Values in place of a part of a message. */
const ODD = [
  undefined,
  null,
  true,
  0,
  '',
  'x',
  'null',
  'busy',
  'away',
  'stats',
  [],
  {},
  { status: 'x' },
];

/** The messages that differ from this one in one part, at any depth. */
const variantsOf = (value: unknown): readonly unknown[] => [
  ...ODD,
  ...(typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([name, part]) =>
        variantsOf(part).map((variant) => ({ ...value, [name]: variant })),
      )
    : []),
];

t.test('when one part of a message is another, then server and document agree on it', async (t) => {
  const examples = CLIENT_FRAMES.flatMap(({ examples }) => examples.map(({ payload }) => payload));
  for (const payload of [...examples, { type: 'join', room: 'a', id: 'a', data: { last_id: '' } }])
    for (const variant of variantsOf(payload)) {
      const text = JSON.stringify(variant) as string | undefined;
      if (text !== undefined)
        t.equal(isOne(JSON.parse(text)), E.isRight(decodeMessage(Buffer.from(text))), text);
    }
});

t.test('when the server accepts a message, then the document does, and no other', async (t) => {
  const seen = { valid: 0, invalid: 0 };
  fc.assert(
    fc.property(message, (bytes) => {
      const text = Buffer.from(bytes, 'latin1').toString('utf8');
      const json = JsonText.read(text);
      if (json === undefined) return true;
      const value = json.value as Readonly<Record<string, unknown>> | null;
      // what a schema cannot say: numbers that change, depth, U+0000, lone surrogates
      if (json.flawIn(value, []) !== undefined) return true;
      // a room beside a `ping` or a `refresh` is looked at, though it means nothing
      if (value?.['type'] === 'ping' || value?.['type'] === 'refresh')
        delete (value as { room?: unknown }).room;
      const isValid = E.isRight(decodeMessage(Buffer.from(JSON.stringify(value))));
      seen[isValid ? 'valid' : 'invalid'] += 1;
      return isOne(value) === isValid;
    }),
    { numRuns: 5_000 },
  );
  t.ok(seen.valid > 200 && seen.invalid > 200, JSON.stringify(seen));
});

t.test(
  'when a message is an example, then its codec, its schema and the server accept it',
  async (t) => {
    for (const { name, codec, examples, answers = [] } of CLIENT_FRAMES) {
      t.ok(examples.length > 0, name);
      for (const { payload } of examples) {
        t.ok(codec.is(payload), name);
        t.same(
          judges.filter(({ judge }) => judge(payload)).map(({ name }) => name),
          [name],
          'of one kind only',
        );
        t.ok(E.isRight(decodeMessage(Buffer.from(JSON.stringify(payload)))), name);
      }
      for (const answer of answers)
        t.ok(
          SERVER_FRAMES.some(({ name }) => name === answer),
          `${name}: ${answer}`,
        );
    }
  },
);
