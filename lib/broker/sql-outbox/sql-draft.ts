/** A row of the SQL outbox as a message. */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import type { SqlRow } from '../../history/archive/sql-outbox-port.js';
import { sqlKey } from '../../protocol/idempotency-key.js';
import { JsonText } from '../../protocol/json.js';
import { GLOBAL, isRoomName, ROOM_RULE } from '../../protocol/position.js';
import { type Draft, type DraftFields, draftOf, textFlaw } from '../../protocol/publication.js';

export interface SqlDraft {
  readonly draft: Draft;
  readonly fields: DraftFields;
}

/**
 * Left: why the row can never be published. `chat_publish` checks less than this: JSON of PostgreSQL may have
 * a number that no double is, or be nested too deep, and its size is known when it is encoded again.
 */
export const sqlDraft = ({ room, type, from, json, key, at }: SqlRow): Either<string, SqlDraft> => {
  if (room !== GLOBAL && !isRoomName(room)) return left(`room: a name has ${ROOM_RULE}`);
  const sender = textFlaw(from);
  if (sender !== undefined) return left(`sender: ${sender}`);
  const text = JsonText.read(json);
  if (text === undefined) return left('data: expected JSON');
  const flaw = text.flawIn(text.value, []);
  if (flaw !== undefined) return left(`data: ${flaw}`);
  const fields: DraftFields = {
    room,
    type,
    from,
    data: text.value,
    at,
    key: sqlKey(key),
    clusterOnly: true,
  };
  const made = draftOf(fields);
  return isLeft(made) ? left(made.left.text) : right({ draft: made.right, fields });
};
