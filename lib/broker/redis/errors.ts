/**
 * From what ioredis promises to what the port answers: one Either, never an error. Promises end here and in the
 * `redis*.ts` files; nothing above them knows of any.
 */
import * as E from 'fp-ts/lib/Either.js';
import { Observable } from 'rxjs';
import type { RedisReply, RedisError } from './port.js';

/** Redis's words for why it did not do it. */
const CODES: ReadonlyMap<string, RedisError['_tag']> = new Map([
  ['READONLY', 'ReadOnly'],
  ['OOM', 'OutOfMemory'],
  ['MISCONF', 'Misconfigured'],
  ['LOADING', 'Loading'],
  ['WRONGTYPE', 'WrongType'],
  ['NOPERM', 'NoPermission'],
  ['NOAUTH', 'NoPermission'],
  ['WRONGPASS', 'NoPermission'],
  ['BUSY', 'Busy'],
  ['NOREPLICAS', 'Refused'],
  ['MASTERDOWN', 'Refused'],
  ['CLUSTERDOWN', 'Refused'],
  ['TRYAGAIN', 'Refused'],
  ['MOVED', 'Refused'],
  ['ASK', 'Refused'],
  ['CROSSSLOT', 'Refused'],
]);

/** What the publish script puts before an error after which it took back all that it had written. */
const UNDONE = 'UNDONE ';
/** Redis adds it to what a command inside a script says. */
const INSIDE = /script: [0-9a-f]{40}, on @user_script:/;

/** An error that was thrown, as the port's own. What is no answer of Redis is `Unreachable`: it may have been done. */
export const errorOf = (thrown: unknown): RedisError => {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  if (!isReply(thrown)) {
    // ioredis gave up following a Cluster whose every answer was a refusal
    const isRefusal = /Last error: ReplyError: (TRYAGAIN|CLUSTERDOWN|MOVED|ASK)/.test(text);
    return { _tag: isRefusal ? 'Refused' : 'Unreachable', detail: text };
  }
  const isUndone = text.startsWith(UNDONE);
  const detail = isUndone ? text.slice(UNDONE.length) : text;
  // of what a script may not do Redis tells in words only, which changed with 7.2
  const _tag = /ACL failure in script|user executing the script can't/.test(detail)
    ? 'NoPermission'
    : (CODES.get(detail.slice(0, detail.indexOf(' '))) ?? 'Other');
  return isUndone || !INSIDE.test(detail) ? { _tag, detail } : { _tag, detail, inside: true };
};

/** Whether Redis itself said it; ioredis types its class `any`. */
export const isReply = (thrown: unknown): thrown is Error =>
  thrown instanceof Error && thrown.name === 'ReplyError';

/** An answer that was expected otherwise: a proxy, or a Redis that is none. */
export const unexpectedReply = (reply: unknown, expected: string): E.Either<RedisError, never> =>
  E.left({
    _tag: 'Other',
    detail: `expected ${expected}, got ${reply === null ? 'null' : typeof reply}`,
  });

/**
 * Asks when it is subscribed and reads what came. Hand-written, as `defer`, `from` and `catchError` cost 1 µs a call
 * more. Unsubscribing drops the answer, not the command.
 */
export const answer = <A>(
  ask: () => Promise<unknown>,
  read: (reply: unknown) => E.Either<RedisError, A>,
): RedisReply<A> =>
  new Observable((observer) => {
    const emit = (either: E.Either<RedisError, A>): void => {
      observer.next(either);
      observer.complete();
    };
    ask().then(
      (reply) => emit(read(reply)),
      (thrown: unknown) => emit(E.left(errorOf(thrown))),
    );
  });

/** The items of a reply that should be a list. */
export const listOf = (reply: unknown): readonly unknown[] => (Array.isArray(reply) ? reply : []);

/** What is asked only for having been done. */
export const done = (): E.Either<RedisError, void> => E.right(undefined);
