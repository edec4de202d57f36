/** An archive that a spec plays: when it answers, and what. */
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import { map, type Observable, of, Subject, timer } from 'rxjs';
import type {
  Archive,
  ArchiveError,
  ArchiveEvent,
  Outcome,
} from '../../lib/history/archive/port.js';
import type { Room } from '../../lib/protocol/position.js';
import type { Publication } from '../../lib/protocol/publication.js';
import { type ArchiveTable, archiveTable, pageOf, put } from './memory-archive.js';
import type { VirtualClock } from './virtual-clock.js';

export interface PlayedArchive extends Archive {
  readonly event$: Subject<ArchiveEvent>;
  /** What is stored, by room. */
  readonly rows: Map<Room, Publication[]>;
  /** The answer to each call of `store`; undefined: the message is stored. */
  play(answer: (publication: Publication) => ArchiveError | undefined): void;
  /** While set, calls are refused. */
  refuse(error: ArchiveError | undefined): void;
  isClosed(): boolean;
}

export const DOWN: ArchiveError = { _tag: 'Unavailable', detail: 'it is down' };

export const playedArchive = (clock: VirtualClock, latencyMs = 3): PlayedArchive => {
  const event$ = new Subject<ArchiveEvent>();
  const rows = new Map<Room, Publication[]>();
  let answer = (_: Publication): ArchiveError | undefined => undefined;
  let refusal: ArchiveError | undefined;
  let isClosed = false;

  const stored = (
    room: Room,
    publications: readonly Publication[],
  ): Either<ArchiveError, readonly Outcome[]> => {
    const [error] = publications.flatMap((one) => answer(one) ?? []);
    if (error !== undefined) return left(error);
    const known = rows.get(room) ?? [];
    const fresh = publications.filter(({ idText }) => !known.some((one) => one.idText === idText));
    rows.set(room, [...known, ...fresh]);
    return right(publications.map(() => ({ _tag: 'Stored' })));
  };

  return {
    event$,
    rows,
    play: (given) => {
      answer = given;
    },
    refuse: (error) => {
      refusal = error;
    },
    refusal: () => refusal,
    store: (room, publications): Observable<Either<ArchiveError, readonly Outcome[]>> =>
      timer(latencyMs, clock.scheduler).pipe(map(() => stored(room, publications))),
    page: (query) =>
      timer(latencyMs, clock.scheduler).pipe(
        map(() => (refusal === undefined ? right(pageOf(tableOf(rows), query)) : left(refusal))),
      ),
    prune: () => of(right(0)),
    gauges: () => ({ messages: 0, bytes: 0, pages: 0 }),
    isClosed: () => isClosed,
    close: () => {
      isClosed = true;
      return of(undefined);
    },
  };
};

const tableOf = (rows: ReadonlyMap<Room, readonly Publication[]>): ArchiveTable => {
  const table = archiveTable();
  for (const [room, messages] of rows) for (const message of messages) put(table, room, message);
  return table;
};
