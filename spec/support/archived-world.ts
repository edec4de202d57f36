/** A room with a short log in memory, an archive that may lack messages, and one log of both. */
import { type Either, isLeft, right } from 'fp-ts/lib/Either.js';
import { defer, firstValueFrom, of } from 'rxjs';
import { archivedLog } from '../../lib/history/archive/archived-log.js';
import type { Log, LogError, Page } from '../../lib/history/index.js';
import { memoryLog } from '../../lib/history/memory/log.js';
import type { LogPosition } from '../../lib/protocol/position.js';
import type { Publication } from '../../lib/protocol/publication.js';
import { published } from './archive.js';
import {
  type ArchiveTable,
  archiveTable,
  type MemoryArchive,
  memoryArchive,
} from './memory-archive.js';
import { type VirtualClock, virtualClock } from './virtual-clock.js';

export const ROOM = 'r';
export const TAG = 5;
/** How long a hole is young. */
export const YOUNG_MS = 10_000;
const HOUR = 3_600_000;

export interface ArchivedWorld {
  readonly clock: VirtualClock;
  readonly archive: MemoryArchive;
  readonly table: ArchiveTable;
  /** The log of both, and the log alone. */
  readonly both: Log;
  readonly log: Log;
  /** All messages of the epoch, in order. */
  readonly all: Publication[];
  /** Publishes so many messages, a ms apart. */
  readonly publish: (count: number, bytes?: number) => readonly Publication[];
  readonly store: (some: readonly Publication[]) => void;
  readonly read: (from: number, most: number) => Promise<Either<LogError, Page>>;
  /** Throws when there is none. */
  readonly page: (from: number, most: number) => Promise<Page>;
}

export const archivedWorld = (
  logMessages: number,
  over: { readonly logTtlMs?: number; readonly archive?: MemoryArchive } = {},
): ArchivedWorld => {
  const clock = virtualClock();
  const table = archiveTable();
  const archive = over.archive ?? memoryArchive(table);
  const memory = memoryLog({
    wall: clock.wall,
    messages: logMessages,
    ttlMs: over.logTtlMs ?? HOUR,
  });
  const all: Publication[] = [];
  let top: LogPosition = { tag: TAG, offset: 0, ms: 0, id: null };
  const log: Log = {
    page: (room, from, most) => defer(() => of(right(memory.page(room, top, from, most)))),
  };
  const both = archivedLog({ log, archive, clock, youngMs: YOUNG_MS });

  const read: ArchivedWorld['read'] = (from, most) => firstValueFrom(both.page(ROOM, from, most));

  return {
    clock,
    archive,
    table,
    both,
    log,
    all,
    publish: (count, bytes = 1) => {
      for (let i = 0; i < count; i += 1) {
        clock.advance(1);
        const position = { tag: TAG, offset: top.offset + 1, ms: clock.wall() };
        const one = published(ROOM, position, { data: 'x'.repeat(bytes) });
        memory.append(ROOM, one, top);
        top = { ...position, id: one.idText };
        all.push(one);
      }
      return all.slice(all.length - count);
    },
    store: (some) => {
      archive.store(ROOM, some).subscribe();
    },
    read,
    page: async (from, most) => {
      const answer = await read(from, most);
      if (isLeft(answer)) throw new Error(JSON.stringify(answer.left));
      return answer.right;
    },
  };
};

export const offsetsOf = ({ entries }: Pick<Page, 'entries'>): readonly number[] =>
  entries.map(({ id }) => id.offset);
