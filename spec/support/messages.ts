/** Messages of specs: decoded, drafted, nested; and the two sides of an `Either`. */
import { type Either, isLeft, isRight } from 'fp-ts/lib/Either.js';
import { type ClientMessage, decodeMessage } from '../../lib/protocol/client-message.js';
import { type Draft, type DraftFields, draftOf } from '../../lib/protocol/publication.js';
import { type Refusal } from '../../lib/protocol/system-event.js';
import { type MessageId } from '../../lib/protocol/position.js';

export const AT = Date.UTC(2026, 0, 15, 10, 30, 0, 123);
export const ID: MessageId = {
  ms: AT,
  tag: 7,
  offset: 42,
  global: false,
  outside: false,
  nonce: 99,
};

export const decode = (message: unknown): Either<Refusal, ClientMessage> =>
  decodeMessage(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));

export const right = <A>(either: Either<unknown, A>): A => {
  if (isLeft(either)) throw new Error(`expected a value, got ${JSON.stringify(either.left)}`);
  return either.right;
};
export const left = <L>(either: Either<L, unknown>): L => {
  if (isRight(either)) throw new Error(`expected none, got ${JSON.stringify(either.right)}`);
  return either.left;
};
export const draft = (fields: Partial<DraftFields> = {}): Either<Refusal, Draft> =>
  draftOf({ room: 'r', type: 'chat', from: 'alice', data: 'hi', at: AT, ...fields });

export const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
export const nestedObjects = (depth: number): string =>
  `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
