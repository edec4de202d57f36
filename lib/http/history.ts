/**
 * What a room's log says over HTTP: `GET …/rooms/{room}/messages` and `GET …/rooms/{room}` (contract section 2). It goes
 * by the log's pages; entries that are missing in the middle are passed over, as the ids show where. One answer is
 * bounded, `next` leads on; so is what is held for all that are under way.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { isNone } from 'fp-ts/lib/Option.js';
import { firstValueFrom, forkJoin } from 'rxjs';
import type { Broker } from '../broker/index.js';
import type { Publication } from '../protocol/publication.js';
import type { Page } from '../history/index.js';
import { type MessageId, parseId, type Room } from '../protocol/position.js';
import { type Problem, problem } from '../protocol/problem.js';

/** A query's parameters as they came: a list where one came twice. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface RoomState {
  readonly room: Room;
  /** Connections on all pods. */
  readonly members: number;
  /** The id of the log's last message. */
  readonly position: string | null;
}

export interface HistoryHandler {
  /** The answer's JSON. `closed` is given a piece of work for when the response has gone, or its client has. */
  readonly messages: (
    room: Room,
    query: Query,
    closed: (work: () => void) => void,
  ) => Promise<Either<Problem, Buffer>>;
  /** `own`: this pod's connections in the room. */
  readonly state: (room: Room, own: number) => Promise<Either<Problem, RoomState>>;
}

const LIMIT = { usual: 100, most: 1_000 };
/** Of one answer, in bytes of messages: it ends with the page that reaches it. */
const ANSWER_BYTES = 4_194_304;
/** Of all that are under way. */
const ALL_BYTES = 67_108_864;
/** Backwards it reads so many messages, then twice as many, and so on: how large they are shows by then. */
const STEP = 100;

export const historyHandler = ({
  log,
  membersElsewhere,
}: Pick<Broker, 'log' | 'membersElsewhere'>): HistoryHandler => {
  let held = 0;

  const page = async (room: Room, from: number, most: number): Promise<Either<Problem, Page>> => {
    const answer = await firstValueFrom(log.page(room, from, most));
    return isLeft(answer) ? left(UNREADABLE) : answer;
  };

  /**
   * Pages of one room for one answer, of the epoch of the first of them. What the answer will take is held from its first
   * message on, until it has gone: of many that come at once some are refused then, not all when they are half read.
   */
  const reading = (room: Room, limit: number, closed: (work: () => void) => void): Reading => {
    let tag: number | undefined;
    let own = 0;
    let got = 0;
    let isGone = false;
    closed(() => {
      isGone = true;
      held -= own;
    });
    return async (from, most) => {
      const read = await page(room, from, most);
      if (isLeft(read)) return read;
      const { top, entries } = read.right;
      tag ??= top.tag;
      if (top.tag !== tag)
        return left(
          again("log: the room's history was reset while it was read; send the request again"),
        );
      const bytes = bytesOf(entries);
      const expected = got > 0 ? 0 : Math.min(ANSWER_BYTES, (bytes / entries.length || 0) * limit);
      got += bytes;
      const more = Math.max(got, expected, own) - own;
      if (isGone || held + more > ALL_BYTES)
        return left(again('messages: too much history is being read; retry'));
      held += more;
      own += more;
      return read;
    };
  };

  return {
    messages: async (room, query, closed) => {
      const asked = askedBy(query);
      if (isLeft(asked)) return asked;
      const { after, before, limit } = asked.right;
      const read = reading(room, limit, closed);
      const ends = await read(0, 0);
      if (isLeft(ends)) return ends;
      for (const bound of [after, before]) {
        const refusal = bound === undefined ? undefined : await missing(read, bound);
        if (refusal !== undefined) return left(refusal);
      }
      const last = before === undefined ? ends.right.top.offset : before.id.offset - 1;
      const stretch =
        after === undefined
          ? await downward(read, last, ends.right.first, limit)
          : await upward(read, after.id.offset + 1, last, { messages: limit, bytes: ANSWER_BYTES });
      if (isLeft(stretch)) return stretch;
      const { entries, more } = stretch.right;
      const next = more ? entries.at(after === undefined ? 0 : -1)?.idText : undefined;
      return right(jsonOf(entries, next ?? null));
    },
    state: async (room, own) => {
      const [ends, others] = await firstValueFrom(
        forkJoin([log.page(room, 0, 0), membersElsewhere(room)]),
      );
      if (isLeft(ends)) return left(UNREADABLE);
      if (others === undefined)
        return left(again('members: the other pods cannot be asked right now; retry'));
      return right({ room, members: own + others, position: ends.right.top.id });
    },
  };
};

// what is asked

/** An id that the query names. */
interface Bound {
  readonly name: 'after' | 'before';
  readonly id: MessageId;
  readonly text: string;
}

interface Asked {
  readonly after: Bound | undefined;
  readonly before: Bound | undefined;
  readonly limit: number;
}

const askedBy = (query: Query): Either<Problem, Asked> => {
  const limit = limitOf(query['limit']);
  if (isLeft(limit)) return limit;
  const after = boundOf('after', query['after']);
  if (isLeft(after)) return after;
  const before = boundOf('before', query['before']);
  if (isLeft(before)) return before;
  return right({ after: after.right, before: before.right, limit: limit.right });
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

// reading

/** A page from an offset on, of at most so many messages. */
type Reading = (from: number, most: number) => Promise<Either<Problem, Page>>;

/** Messages in their order, and whether there are more beyond where it stopped. */
interface Stretch {
  readonly entries: readonly Publication[];
  readonly more: boolean;
}

/** Why a bound is none: its whole id must stand in the log. */
const missing = async (read: Reading, { name, id, text }: Bound): Promise<Problem | undefined> => {
  const found = await read(id.offset, 1);
  if (isLeft(found)) return found.left;
  return found.right.entries[0]?.idText === text
    ? undefined
    : problem(404, `${name}: the log does not have this id (any more)`);
};

/** From offset `from` to offset `to`. */
const upward = async (
  read: Reading,
  from: number,
  to: number,
  most: { readonly messages: number; readonly bytes: number },
): Promise<Either<Problem, Stretch>> => {
  const entries: Publication[] = [];
  let bytes = 0;
  let at = from;
  while (at <= to && entries.length < most.messages && bytes < most.bytes) {
    const answer = await read(at, Math.min(most.messages - entries.length, to - at + 1));
    if (isLeft(answer)) return answer;
    // where some are missing a page begins further on
    const some = answer.right.entries.filter(({ id }) => id.offset <= to);
    entries.push(...some);
    bytes += bytesOf(some);
    const last = some.at(-1)?.id.offset;
    if (last !== undefined) at = last + 1;
    else if (answer.right.first > at) at = answer.right.first;
    else break;
  }
  return right({ entries, more: at <= to && entries.length > 0 });
};

/** The last ones up to offset `from`, not below offset `to`. */
const downward = async (
  read: Reading,
  from: number,
  to: number,
  limit: number,
): Promise<Either<Problem, Stretch>> => {
  let entries: readonly Publication[] = [];
  let at = from;
  let step = STEP;
  while (at >= to && entries.length < limit && bytesOf(entries) < ANSWER_BYTES) {
    const start = Math.max(to, at - Math.min(step, limit - entries.length) + 1);
    const answer = await upward(read, start, at, UNBOUNDED);
    if (isLeft(answer)) return answer;
    entries = [...answer.right.entries, ...entries];
    at = start - 1;
    step *= 2;
  }
  const some = lastOf(entries, ANSWER_BYTES);
  return right({ entries: some, more: at >= to || some.length < entries.length });
};

const UNBOUNDED = { messages: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** As many of the last ones as have so many bytes, at least one. */
const lastOf = (entries: readonly Publication[], bytes: number): readonly Publication[] => {
  let left = bytes;
  let first = entries.length;
  while (first > 0) {
    left -= entries[first - 1]?.frame.length ?? 0;
    if (left < 0 && first < entries.length) break;
    first -= 1;
  }
  return entries.slice(first);
};

const bytesOf = (entries: readonly Publication[]): number =>
  entries.reduce((sum, { frame }) => sum + frame.length, 0);

// answering

const COMMA = Buffer.from(',');

const jsonOf = (entries: readonly Publication[], next: string | null): Buffer =>
  Buffer.concat([
    Buffer.from('{"messages":['),
    ...entries.flatMap(({ payload }, i) => (i === 0 ? [payload] : [COMMA, payload])),
    Buffer.from(`],"next":${JSON.stringify(next)}}`),
  ]);

const again = (detail: string): Problem => problem(503, detail, { 'Retry-After': '1' });

const UNREADABLE = again('the log of the room cannot be read now; ask again in a second');
