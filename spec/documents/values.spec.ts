/** The values of the documents: the schema of each accepts what the server accepts. */
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import fc from 'fast-check';
import t from 'tap';
import {
  ConnectionId,
  Count,
  EXAMPLE_CONNECTION,
  EXAMPLE_ID,
  EXAMPLE_TIME,
  MessageId,
  OwnId,
  RoomName,
  Timestamp,
} from '../../lib/documents/values.js';
import { refOf } from '../../lib/protocol/client-message.js';
import { isTargetId } from '../../lib/broker/control-command.js';
import { isRoomName, parseId } from '../../lib/protocol/position.js';
import { position } from '../fuzz/frames.js';
import { ROOMS, shortText } from '../fuzz/values.js';
import { judgeOfCodec } from '../support/schemas.js';

const text = fc.oneof(
  shortText,
  fc.constantFrom(...ROOMS, EXAMPLE_ID, EXAMPLE_CONNECTION, 'x'.repeat(64), '💬'.repeat(64)),
  fc.string({ minLength: 60, maxLength: 70, unit: 'grapheme' }),
  position,
  position.map((id) => id.toUpperCase()),
  fc.uuid(),
);

const RULES = [
  ['the name of a room', RoomName, isRoomName],
  ['an id', MessageId, (id: string) => O.isSome(parseId(id))],
  ['the id of a connection', ConnectionId, (id: string) => isTargetId('connection', id)],
  [
    'the id of a sender',
    OwnId,
    // a schema does not say that a text is well-formed Unicode
    (id: string) => E.isRight(refOf({ id: id.toWellFormed() })),
  ],
] as const;

for (const [name, codec, rule] of RULES)
  t.test(
    `when the server takes a text as ${name}, then the schema does, and no other`,
    async () => {
      const judge = judgeOfCodec(codec);
      fc.assert(
        fc.property(text, (value) => judge(value) === rule(value)),
        { numRuns: 2_000 },
      );
    },
  );

t.test('when a value has an example, then it is one', async (t) => {
  t.ok(judgeOfCodec(MessageId)(EXAMPLE_ID));
  t.ok(judgeOfCodec(ConnectionId)(EXAMPLE_CONNECTION));
  t.ok(judgeOfCodec(Timestamp)(EXAMPLE_TIME) && Timestamp.is(EXAMPLE_TIME));
  t.notOk(Timestamp.is('2026-11-21'));
  t.same([0, 1, -1, 1.5].map(judgeOfCodec(Count)), [true, true, false, false]);
});
