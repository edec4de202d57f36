/**
 * A room over HTTP: `GET …/rooms/{room}/messages` and `GET …/rooms/{room}` (docs/protocol.md, sections 15.1
 * and 15.5). An answer is bounded; its `next` is the id to go on with. `history-reader.ts` reads the log.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { firstValueFrom, forkJoin } from 'rxjs';
import type { Broker } from '../broker/index.js';
import type { Room } from '../protocol/position.js';
import type { Problem } from '../protocol/problem.js';
import type { Publication } from '../protocol/publication.js';
import { historyQuery, type Query } from './history-query.js';
import {
  again,
  ANSWER_BYTES,
  downward,
  historyReader,
  missing,
  UNREADABLE,
  upward,
} from './history-reader.js';

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
  membersElsewhere,
}: Pick<Broker, 'log' | 'membersElsewhere'>): HistoryHandler => {
  const reader = historyReader(log);

  return {
    messages: async (room, query, closed) => {
      const asked = historyQuery(query);
      if (isLeft(asked)) return asked;
      const { after, before, limit } = asked.right;
      const read = reader(room, limit, closed);
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
        return left(again('members: the other pods cannot be asked right now; retry after 1 s'));
      return right({ room, members: own + others, position: ends.right.top.id });
    },
  };
};

const COMMA = Buffer.from(',');

const jsonOf = (entries: readonly Publication[], next: string | null): Buffer =>
  Buffer.concat([
    Buffer.from('{"messages":['),
    ...entries.flatMap(({ payload }, i) => (i === 0 ? [payload] : [COMMA, payload])),
    Buffer.from(`],"next":${JSON.stringify(next)}}`),
  ]);
