/** What the hook `onMessage` decided about a message: read once, from an answer that may be anything. */
import { catchError, defaultIfEmpty, map, type Observable, of } from 'rxjs';
import type { Clock } from './clock.js';
import { answerOf, HookLate } from './hook-answer.js';
import type { Hooks, Incoming, Outgoing, Rejection, Sender } from './hooks.js';
import { GLOBAL, isRoomName, ROOM_RULE } from './protocol/position.js';

/** How a hook failed: no answer in time, an invalid answer, or an exception. */
export type Failure = 'late' | 'unusable' | 'threw';

/** The error text for the sender. The text of the exception is for the operator only. */
export const HOOK_FAILED: Readonly<Record<Failure, string>> = {
  late: 'the application did not answer within 1 s; send the message again',
  unusable: 'the application has a bug: its answer is not valid; send the message again later',
  threw: 'the application failed while it looked at the message; send the message again later',
};

/** The result of a hook for a message. `Failed`: it threw, took too long or gave no valid answer. */
export type Verdict =
  | { readonly _tag: 'Passed'; readonly message: Outgoing }
  | { readonly _tag: 'Dropped' }
  | HookFault;

/** Why a message is not sent. */
export type HookFault = { readonly _tag: 'Rejected'; readonly text: string } | Failed;

export interface Failed {
  readonly _tag: 'Failed';
  readonly how: Failure;
  readonly error: unknown;
}

/** Calls the hook. Emits once and never errors; at once when the hook answers at once. */
export const verdictOf = (
  hook: NonNullable<Hooks['onMessage']>,
  message: Incoming,
  sender: Sender,
  clock: Clock,
): Observable<Verdict> =>
  answerOf(() => hook(message, sender), clock).pipe(
    map(readVerdict),
    defaultIfEmpty(
      unusable(
        new TypeError('the stream of the hook is empty: emit a message, a rejection or null'),
      ),
    ),
    catchError((error: unknown) =>
      of<Verdict>({ _tag: 'Failed', how: error instanceof HookLate ? 'late' : 'threw', error }),
    ),
  );

/** An invalid answer. */
export const unusable = (error: unknown): Failed => ({
  _tag: 'Failed',
  how: 'unusable',
  error,
});

const readVerdict = (answer: Outgoing | Rejection | null): Verdict => {
  try {
    return verdictIn(answer);
  } catch (error) {
    return unusable(error);
  }
};

/**
 * Throws for an invalid answer, as programs without types can give any. Each field is read once, here: a
 * getter that throws later would throw into the connection's stream.
 */
const verdictIn = (answer: Outgoing | Rejection | null): Verdict => {
  if (answer === null) return { _tag: 'Dropped' };
  if (typeof answer !== 'object')
    throw new TypeError(`expected a message, a rejection or null, got ${typeof answer}`);
  if ('rejected' in answer) return { _tag: 'Rejected', text: spoken(answer.rejected) };
  const { room, data } = answer;
  if (typeof room !== 'string' || (room !== GLOBAL && !isRoomName(room)))
    throw new TypeError(`room: expected ${ROOM_RULE}, or "" for everybody`);
  return { _tag: 'Passed', message: { room, data } };
};

/** How much of a rejection's text the sender gets. */
const MAX_REJECTION = 1_024;

const spoken = (text: unknown): string => {
  if (typeof text !== 'string')
    throw new TypeError(`rejected: expected a text, got ${typeof text}`);
  // a character beyond the BMP is two units of UTF-16
  const characters = Array.from(text.slice(0, 2 * MAX_REJECTION)).slice(0, MAX_REJECTION);
  return characters.join('').toWellFormed();
};
