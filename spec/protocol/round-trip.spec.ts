/** What goes in comes out, for any bytes, JSON values and ids. */
import fc from 'fast-check';
import { isSome } from 'fp-ts/lib/Option.js';
import t from 'tap';
import { decodeMessage } from '../../lib/protocol/client-message.js';
import { payloadOf } from '../../lib/protocol/payload.js';
import { decodePublication, pushedPublication } from '../../lib/protocol/channel-payload.js';
import { publicationOf } from '../../lib/protocol/publication.js';
import { frameOf, payloadIn } from '../../lib/protocol/frame.js';
import { MAX_DEPTH } from '../../lib/protocol/json.js';
import { formatId, NONCES, parseId, TAGS } from '../../lib/protocol/position.js';
import { decode, draft, ID, right } from '../support/messages.js';

t.test(
  'when an id is written into the bytes of a message, then it is the same as its text',
  async () => {
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
  },
);

t.test('when any bytes come, then no decoder throws', async (t) => {
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

t.test('when any JSON value is sent, then members get an equal one', async (t) => {
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
