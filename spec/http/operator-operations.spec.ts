/** The requests of programs: the document and the decoder of the server agree on which are valid. */
import * as E from 'fp-ts/lib/Either.js';
import fc from 'fast-check';
import t from 'tap';
import { DISCONNECT_USER, PUBLISH, PublishBody } from '../../lib/http/operator-operations.js';
import { isTargetId } from '../../lib/broker/control-command.js';
import { JsonText } from '../../lib/protocol/json.js';
import { decodePublishRequests } from '../../lib/protocol/publish-request.js';
import { id } from '../fuzz/frames.js';
import { json, mostlyOf, objectOf, quoted, ROOMS, shortText } from '../fuzz/values.js';
import { judgeOfCodec } from '../support/schemas.js';

const MOST = 1_000_000;

const request = objectOf({
  type: mostlyOf(quoted('chat', 'notification', 'system', 'presence')),
  room: mostlyOf(fc.oneof(quoted(...ROOMS), fc.constant('null'))),
  id,
  data: mostlyOf(
    fc.oneof(json, fc.constantFrom('{"event":"a"}', '{"event":"ack"}', '{"event":1}', '[]')),
  ),
});
/** Few of the random objects are messages: an unknown field is an error. */
const body = fc.oneof(
  request,
  fc.array(request, { maxLength: 3 }).map((all) => `[${all.join(',')}]`),
);

t.test('when the server accepts a body, then the document does, and no other', async (t) => {
  const judge = judgeOfCodec(PublishBody);
  const seen = { valid: 0, invalid: 0 };
  fc.assert(
    fc.property(body, (text) => {
      const value = JsonText.read(text);
      // what a schema cannot say: numbers that change, depth, U+0000, lone surrogates
      if (value === undefined || value.flawIn(value.value, []) !== undefined) return true;
      const isValid = E.isRight(decodePublishRequests(Buffer.from(text), MOST));
      seen[isValid ? 'valid' : 'invalid'] += 1;
      return judge(value.value) === isValid;
    }),
    { numRuns: 5_000 },
  );
  t.ok(seen.valid > 200 && seen.invalid > 200, JSON.stringify(seen));
  const list = (length: number): unknown => Array.from({ length }, () => ({ room: 'a', data: 1 }));
  t.same([judge([]), judge(list(100)), judge(list(101))], [true, true, false]);
});

t.test('when a text may be a user id, then the document says so', async () => {
  const codec = DISCONNECT_USER.parameters?.['id'];
  if (codec === undefined) throw new Error('the parameter is documented');
  const judge = judgeOfCodec(codec);
  fc.assert(
    fc.property(
      fc.oneof(shortText, fc.constantFrom('x'.repeat(255), 'x'.repeat(256), '💬'.repeat(255))),
      // a schema does not say that a text is well-formed Unicode
      (text) => judge(text) === isTargetId('user', text.toWellFormed()),
    ),
    { numRuns: 2_000 },
  );
});

t.test(
  'when an example is good, then the document accepts it; when it is bad, then it does not',
  async (t) => {
    const judge = judgeOfCodec(PublishBody);
    for (const { name, body, status } of PUBLISH.examples)
      t.equal(judge(body), status !== 400, name);
  },
);
