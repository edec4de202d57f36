/** A room whose messages are in an archive and in a log, as far as the history over HTTP reads both. */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { EMPTY, type Observable, of } from 'rxjs';
import { archivedLog } from '../../lib/history/archive/archived-log.js';
import type { Archive } from '../../lib/history/archive/port.js';
import { type Log, type LogError, NO_LOG, type Page } from '../../lib/history/index.js';
import { historyHandler } from '../../lib/http/history.js';
import { formatId, parseId } from '../../lib/protocol/position.js';
import type { Publication } from '../../lib/protocol/publication.js';
import { archiveTable, pageOf, put } from '../support/memory-archive.js';

export interface RoomOptions {
  /** What `archive.page` has; any order. */
  readonly archived: readonly Publication[];
  /** The epoch of the log: all its messages, by offset. None: the room has no log. */
  readonly epoch: readonly Publication[];
  /** The log has the messages from this offset on. */
  readonly first: number;
  /** Messages before `first` that `log.page` finds, and `archive.page` does not yet. */
  readonly late?: readonly Publication[];
  /** Whether the log is the real one with an archive behind it, a day later, in place of a model of it. */
  readonly isReal?: boolean;
  /** Messages of a page of either, at most. */
  readonly pageSize?: number;
}

export type Query = Readonly<Record<string, string>>;

export interface Answer {
  readonly ids: readonly string[];
  readonly next: string | null;
}

const ROOM = 'r';
const DAY_MS = 86_400_000;
const DOWN = { _tag: 'Unavailable', detail: 'down' } as const;
const UNREACHABLE = { _tag: 'Unreachable', detail: 'down' } as const;

export const idsOf = (some: readonly Publication[]): readonly string[] =>
  some.map(({ idText }) => idText);

export const byId = (some: readonly Publication[]): readonly Publication[] =>
  some.toSorted((one, other) => (one.idText < other.idText ? -1 : 1));

export const archivedRoom = ({
  archived,
  epoch,
  first,
  late = [],
  isReal = false,
  pageSize = 1_000,
}: RoomOptions) => {
  const state = {
    isArchiveDown: false,
    isLogDown: false,
    /** Whether the log waits for messages that are missing. */
    isWaiting: false,
    archivePages: 0,
    /** After so many pages the archive does not answer. */
    mostPages: Number.POSITIVE_INFINITY,
  };
  const stored = byId(archived);
  const table = archiveTable();
  stored.forEach((message) => put(table, ROOM, message));

  const archive: Archive = {
    event$: EMPTY,
    refusal: () => undefined,
    store: () => EMPTY,
    prune: () => EMPTY,
    close: () => EMPTY,
    gauges: () => ({ messages: 0, bytes: 0, pages: 0 }),
    page: (query) => {
      state.archivePages += 1;
      if (state.isArchiveDown || state.archivePages > state.mostPages) return of(left(DOWN));
      if (query.bound._tag === 'Position' && query.direction === 'Before')
        throw new Error('no log reads downward');
      return of(right(pageOf(table, { ...query, limit: Math.min(query.limit, pageSize) })));
    },
  };

  const [newest] = epoch.slice(-1);
  const window = epoch.filter(({ id }) => id.offset >= first);
  const behind = [...stored.filter(({ id }) => id.tag === newest?.id.tag), ...late]
    .filter(({ id }) => id.offset < first)
    .sort((one, other) => one.id.offset - other.id.offset);

  const log: Log = {
    page: (_room, from, most): Observable<Either<LogError, Page>> => {
      if (state.isLogDown) return of(left(UNREACHABLE));
      if (newest === undefined) return of(right(NO_LOG));
      // a log with an archive behind it, as the broker has it
      if (from < first && state.isArchiveDown) return of(left(UNREACHABLE));
      const all = (from < first ? [...behind, ...window] : window).filter(
        ({ id }) => id.offset >= from,
      );
      const start = all[0]?.id.offset ?? newest.id.offset + 1;
      if (from < first && start > from && state.isWaiting) return of(left(UNREACHABLE));
      const entries = all
        .filter(({ id }, i) => id.offset === start + i)
        .slice(0, Math.min(most, pageSize));
      const top = { ...newest.id, id: newest.idText };
      return of(right({ top, first: from < first ? start : first, entries }));
    },
  };

  const recent: Log = {
    page: (_room, from, most) => {
      if (newest === undefined) return of(right(NO_LOG));
      const top = { ...newest.id, id: newest.idText };
      return of(
        right({ top, first, entries: window.filter(({ id }) => id.offset >= from).slice(0, most) }),
      );
    },
  };
  const clock = { wall: () => (newest?.id.ms ?? 0) + DAY_MS };

  const { messages, state: roomState } = historyHandler({
    log: isReal ? archivedLog({ log: recent, archive, clock }) : log,
    archive,
    membersElsewhere: () => of(0),
  });

  /** An answer; of a problem its status and text. */
  const ask = async (
    query: Query,
    closed: (work: () => void) => void = () => undefined,
  ): Promise<Answer | string> => {
    const answer = await messages(ROOM, query, closed);
    if (isLeft(answer)) {
      const { status, detail, headers } = answer.left;
      return `${status} ${headers?.['Retry-After'] ?? '-'} ${detail}`;
    }
    const { messages: some, next } = JSON.parse(answer.right.toString()) as {
      messages: readonly { readonly id: string }[];
      next: string | null;
    };
    return { ids: some.map(({ id }) => id), next };
  };

  /** All answers from a query on, as `next` leads. */
  const walk = async (query: Query, name: 'after' | 'before'): Promise<readonly Answer[]> => {
    const answers: Answer[] = [];
    for (let asked = query; ; ) {
      const answer = await ask(asked);
      if (typeof answer === 'string') throw new Error(answer);
      answers.push(answer);
      if (answer.next === null) return answers;
      if (answers.length > 1_000) throw new Error('no end');
      const { at: _, ...rest } = asked;
      asked = { ...rest, [name]: answer.next };
    }
  };

  return { archive, state, ask, walk, position: () => roomState(ROOM, 0) };
};

/** An id that no message has, in another epoch or with other flags. */
export const neverGiven = (text: string, over: { tag?: number; outside?: boolean }): string => {
  const id = parseId(text);
  if (id._tag === 'None') throw new Error(text);
  return formatId({ ...id.value, ...over });
};
