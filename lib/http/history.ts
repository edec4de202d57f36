/**
 * A room over HTTP: `GET …/rooms/{room}/messages` and `GET …/rooms/{room}` (docs/protocol.md, sections 15.1
 * and 15.5). An answer is bounded; its `next` is the id to go on with. `history-reader.ts` reads the log.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { firstValueFrom, forkJoin } from 'rxjs';
import type { Broker } from '../broker/index.js';
import type { Log } from '../history/index.js';
import type { Room } from '../protocol/position.js';
import type { Problem } from '../protocol/problem.js';
import type { Publication } from '../protocol/publication.js';
import { archiveHistory } from './archive-history.js';
import { again, ANSWER_BYTES, historyMemory } from './history-memory.js';
import { firstWhere, isAfter } from './history-point.js';
import { type HistoryQuery, historyQuery, type Query } from './history-query.js';
import {
  downward,
  logPages,
  missing,
  type ReadHistory,
  UNREADABLE,
  upward,
} from './history-reader.js';
import { NEWEST } from './log-range.js';

export interface RoomState {
  readonly room: Room;
  /** Connections on all pods. */
  readonly members: number;
  /** The id of the log's last message. */
  readonly position: string | null;
}

export interface HistoryHandler {
  /**
   * The JSON of the answer. `closed` registers work for the time when the response has ended or its client
   * has gone.
   */
  readonly messages: (
    room: Room,
    query: Query,
    closed: (work: () => void) => void,
  ) => Promise<Either<Problem, Buffer>>;
  /** `own`: this pod's connections in the room. */
  readonly state: (room: Room, own: number) => Promise<Either<Problem, RoomState>>;
}

export const historyHandler = ({
  log,
  archive,
  membersElsewhere,
}: Pick<Broker, 'log' | 'archive' | 'membersElsewhere'>): HistoryHandler => {
  const memory = historyMemory();
  const read = archive === undefined ? logHistory(log) : archiveHistory(log, archive);

  return {
    messages: async (room, query, closed) => {
      const asked = historyQuery(query);
      if (isLeft(asked)) return asked;
      const stretch = await read(room, asked.right, memory(asked.right.limit, closed));
      if (isLeft(stretch)) return stretch;
      const { entries, more } = stretch.right;
      const next = more ? entries.at(isUpward(asked.right) ? -1 : 0)?.idText : undefined;
      return right(jsonOf(entries, next ?? null));
    },
    state: async (room, own) => {
      const [ends, others] = await firstValueFrom(
        forkJoin([log.page(room, NEWEST, 0), membersElsewhere(room)]),
      );
      if (isLeft(ends)) return left(UNREADABLE);
      if (others === undefined)
        return left(again('members: the other pods cannot be asked right now; retry after 1 s'));
      return right({ room, members: own + others, position: ends.right.top.id });
    },
  };
};

const logHistory =
  (log: Log): ReadHistory =>
  async (room, asked, reserve) => {
    const { after, before, at, limit } = asked;
    const read = logPages(log, room, reserve);
    const ends = await read(0, 0);
    if (isLeft(ends)) return ends;
    const { top, first } = ends.right;
    for (const bound of [after, before]) {
      const refusal = bound === undefined ? undefined : await missing(read, bound);
      if (refusal !== undefined) return left(refusal);
    }
    const last = before === undefined ? top.offset : before.id.offset - 1;
    if (!isUpward(asked)) return downward(read, last, first, limit);
    const from =
      at === undefined
        ? right<never, number>((after?.id.offset ?? 0) + 1)
        : await firstWhere(read, first, last, (entry) => isAfter(entry, { ms: at }));
    if (isLeft(from)) return from;
    return upward(read, from.right, last, { messages: limit, bytes: ANSWER_BYTES });
  };

const isUpward = ({ after, at }: HistoryQuery): boolean => (after ?? at) !== undefined;

const COMMA = Buffer.from(',');

const jsonOf = (entries: readonly Publication[], next: string | null): Buffer =>
  Buffer.concat([
    Buffer.from('{"messages":['),
    ...entries.flatMap(({ payload }, i) => (i === 0 ? [payload] : [COMMA, payload])),
    Buffer.from(`],"next":${JSON.stringify(next)}}`),
  ]);
