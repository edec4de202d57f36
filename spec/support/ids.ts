/** Ids of messages, read or an error. */
import { isNone } from 'fp-ts/lib/Option.js';
import { type MessageId, parseId } from '../../lib/protocol/position.js';

export const idOf = (text: string): MessageId => {
  const id = parseId(text);
  if (isNone(id)) throw new Error(`expected a UUIDv7, got ${text}`);
  return id.value;
};
