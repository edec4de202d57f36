/** Reads the id of a message; throws when it is none. */
import { isNone } from 'fp-ts/lib/Option.js';
import { type MessageId, parseId } from '../../lib/protocol/position.js';

export const idOf = (text: string): MessageId => {
  const id = parseId(text);
  if (isNone(id)) throw new Error(`expected a UUIDv7, got ${text}`);
  return id.value;
};
