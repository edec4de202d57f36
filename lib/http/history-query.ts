/**
 * The query of a request for a room's messages: `after`, `before`, `at`, `limit`, checked before
 * the log is read.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { isNone } from 'fp-ts/lib/Option.js';
import { type MessageId, parseId } from '../protocol/position.js';
import { type Problem, problem } from '../protocol/problem.js';
import { timeIn } from './history-time.js';

/** The parameters of a query. A parameter that came twice is a list. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** An id in the query. */
export interface Bound {
  readonly name: 'after' | 'before';
  readonly id: MessageId;
  readonly text: string;
}

export interface HistoryQuery {
  readonly after: Bound | undefined;
  readonly before: Bound | undefined;
  /** Unix ms; then there is no other bound. */
  readonly at: number | undefined;
  readonly limit: number;
}

export const historyQuery = (query: Query): Either<Problem, HistoryQuery> => {
  const limit = limitOf(query['limit']);
  if (isLeft(limit)) return limit;
  const after = boundOf('after', query['after']);
  if (isLeft(after)) return after;
  const before = boundOf('before', query['before']);
  if (isLeft(before)) return before;
  const at = timeOf(query['at']);
  if (isLeft(at)) return at;
  if (at.right !== undefined && (after.right ?? before.right) !== undefined) return left(ALONE);
  return right({ after: after.right, before: before.right, at: at.right, limit: limit.right });
};

const limitOf = (came: Query[string]): Either<Problem, number> => {
  const limit = came === undefined ? LIMIT.usual : Number(came);
  const isOne = came === undefined || (typeof came === 'string' && /^\d+$/.test(came));
  return isOne && limit >= 1 && limit <= LIMIT.most
    ? right(limit)
    : left(problem(400, `limit: send a whole number from 1 to ${LIMIT.most}`));
};

const boundOf = (name: Bound['name'], came: Query[string]): Either<Problem, Bound | undefined> => {
  if (came === undefined) return right(undefined);
  const id = typeof came === 'string' ? parseId(came) : undefined;
  return id === undefined || typeof came !== 'string' || isNone(id)
    ? left(problem(400, `${name}: send the id of a message that you received`))
    : right({ name, id: id.value, text: came.toLowerCase() });
};

const timeOf = (came: Query[string]): Either<Problem, number | undefined> => {
  if (came === undefined) return right(undefined);
  const ms = typeof came === 'string' ? timeIn(came) : undefined;
  return ms === undefined ? left(problem(400, NO_TIME)) : right(ms);
};

const ALONE = problem(400, 'at: send it without after and before');
export const NO_TIME =
  'at: send a time as 2026-01-15T10:30:00Z (the "+" of a time zone is %2B in a URL), or Unix ms as a whole ' +
  'number';

/** The `limit` of a request. */
export const LIMIT = { usual: 100, most: 1_000 };
