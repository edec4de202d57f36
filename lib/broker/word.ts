/**
 * What operators say to all pods: data with a closed set of tags. On `realtime:control` a word is a JSON object,
 * `{"type":"disconnect","user":"alice"}`; whoever may write to Redis is an operator. Anything else there is dropped.
 */
import { isUtf8 } from 'node:buffer';
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';

/** `Disconnect`: the connection of this id, or all connections of this user, on whichever pod, are closed with 4503. */
export interface Word {
  readonly _tag: 'Disconnect';
  readonly whom: 'connection' | 'user';
  readonly id: string;
}

/** A word as it was heard; `by` is how the pod that said it knows its own, absent where no pod did. */
export interface Heard {
  readonly word: Word;
  readonly by: string | undefined;
}

/** What the id of a connection or a user must look like, for texts of refusals: a user's is as long as a token's `sub` may be. */
export const WHOM_RULES: Readonly<Record<Word['whom'], string>> = {
  connection: 'the UUID that its welcome gave as connection_id',
  user: '1 to 255 characters without control characters',
};
const WHOM = /^[^\p{Cc}\p{Cs}]{1,255}$/u;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text may be the id of a connection or of a user. */
export const isWhom = (id: string): boolean => WHOM.test(id);

/** Whether a text may be the id of this kind. Hexadecimal digits have no case. */
export const isWhomOf = (whom: Word['whom'], id: string): boolean =>
  whom === 'connection' ? UUID.test(id) : isWhom(id);

/** The longest word has 255 characters, escaped or of four bytes, and little around them. */
const MAX_BYTES = 8_192;

const Whom = new t.Type<string, string, unknown>(
  'Whom',
  (value): value is string => typeof value === 'string' && isWhom(value),
  (value, context) =>
    typeof value === 'string' && isWhom(value) ? t.success(value) : t.failure(value, context),
  t.identity,
);
const By = t.partial({ by: t.string });
const Disconnect = t.type({ type: t.literal('disconnect') });
/** One of the two: who names both meant something else. */
const Said = t.union([
  t.intersection([Disconnect, t.type({ connection: Whom }), t.partial({ user: t.undefined }), By]),
  t.intersection([Disconnect, t.type({ user: Whom }), t.partial({ connection: t.undefined }), By]),
]);

/** A word's text on the channel, said `by` a pod. */
export const encodeWord = ({ whom, id }: Word, by: string): string =>
  JSON.stringify({ type: 'disconnect', [whom]: id, by });

/** Reads what came on the channel. `Left` says in words why it is no word. */
export const decodeWord = (payload: Buffer): Either<string, Heard> => {
  if (payload.length > MAX_BYTES)
    return left(`control: expected at most ${MAX_BYTES} bytes, got ${payload.length}`);
  if (!isUtf8(payload)) return left('control: expected UTF-8, got other bytes');
  let parsed: unknown;
  try {
    parsed = JSON.parse(payload.toString('utf8'));
  } catch {
    return left('control: expected JSON, got something else');
  }
  const said = Said.decode(parsed);
  if (isLeft(said))
    return left('control: expected a disconnect of one connection or user, got something else');
  const { by, connection, user } = said.right;
  return connection === undefined
    ? right({ word: { _tag: 'Disconnect', whom: 'user', id: user }, by })
    : right({ word: { _tag: 'Disconnect', whom: 'connection', id: connection }, by });
};
