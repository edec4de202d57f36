/**
 * Turns the promises of ioredis into the answers of the port: one Either, never an error. No
 * promise of ioredis leaves `broker/redis/`.
 */
import * as E from 'fp-ts/lib/Either.js';
import { Observable } from 'rxjs';
import { firstError } from '../../first-error.js';
import type { RedisReply, RedisError } from './port.js';

/** The error codes of Redis. */
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

/** The text of an error. */
export const textOf = (error: Error): string => firstError(error).message;

/** The publish script begins an error with this mark when Redis has nothing of the call's messages and keys. */
const UNDONE = 'UNDONE ';
/** Redis adds it to the error of a command inside a script. */
const INSIDE = /script: [0-9a-f]{40}, on @user_script:/;

/**
 * An error that was thrown, as an error of the port. An error that is no answer of Redis is `Unreachable`:
 * the command may have run.
 */
export const errorOf = (thrown: unknown): RedisError => {
  const text = thrown instanceof Error ? textOf(thrown) : String(thrown);
  if (!isReply(thrown)) {
    // ioredis tried the command at several nodes of a Cluster, and gave up: every try was refused
    const isRefusal = /Last error: ReplyError: (TRYAGAIN|CLUSTERDOWN|MOVED|ASK)/.test(text);
    return { _tag: isRefusal ? 'Refused' : 'Unreachable', detail: text };
  }
  const isUndone = text.startsWith(UNDONE);
  const detail = isUndone ? text.slice(UNDONE.length) : text;
  // a refusal of the ACL inside a script has no code, only a text, and Redis 7.2 changed the text
  const _tag = /ACL failure in script|user executing the script can't/.test(detail)
    ? 'NoPermission'
    : (CODES.get(detail.slice(0, detail.indexOf(' '))) ?? 'Other');
  return isUndone || !INSIDE.test(detail) ? { _tag, detail } : { _tag, detail, inside: true };
};

/** Whether the error is an answer of Redis. ioredis types its class as `any`. */
export const isReply = (thrown: unknown): thrown is Error =>
  thrown instanceof Error && thrown.name === 'ReplyError';

/** An answer of another form: of a proxy, of a server that is no Redis, or of another program's key. */
export const unexpectedReply = (reply: unknown, expected: string): E.Either<RedisError, never> =>
  E.left({
    _tag: 'Other',
    detail: `expected ${expected}, got ${reply === null ? 'null' : typeof reply}`,
  });

/**
 * Sends the command on subscription and reads the answer. Hand-written, as `defer`, `from` and `catchError`
 * cost 1 µs more for each call. Unsubscribing drops the answer, not the command.
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

/** For commands whose answer has no content. */
export const done = (): E.Either<RedisError, void> => E.right(undefined);
