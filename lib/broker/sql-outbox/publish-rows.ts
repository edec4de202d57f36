/**
 * Publishes the rows of one room, in their order. Notifications go out together, as many as one call of Redis
 * takes; a chat goes alone, as a hook may take its time. What follows a refused row in such a group was
 * refused too, or is settled: it is not published before the refused one (`broker/cluster/room-queue.ts`).
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { firstValueFrom, type Observable, of, tap } from 'rxjs';
import type { Archive } from '../../history/archive/port.js';
import type { SqlRow } from '../../history/archive/sql-outbox-port.js';
import { alreadyPublished } from './already-published.js';
import type { Answer } from './reader-state.js';
import { type SqlDraft, sqlDraft } from './sql-draft.js';

/** What became of a row. `Refused`: it can be published later. */
export type Outcome =
  | { readonly _tag: 'Published' }
  | { readonly _tag: 'Rejected'; readonly reason: string }
  | { readonly _tag: 'Refused'; readonly detail: string };

/** Emits once. What is subscribed to in one turn is published in this order. */
export type PublishRow = (made: SqlDraft) => Observable<Outcome>;

export interface PublishRowsDeps {
  readonly publish: PublishRow;
  /** Absent: nothing shows what was published longer than 5 minutes ago. */
  readonly archive: Pick<Archive, 'page'> | undefined;
  /** Whether a pod may still store what was published of this row: the archive would not show it yet. */
  readonly mayBeStoredLater: (row: SqlRow) => boolean;
  /** Whether this pod may publish now: it is the owner, and does not end. */
  readonly mayPublish: () => boolean;
  readonly now: () => number;
  readonly refused: (detail: string) => void;
}

/** As many as one call of Redis takes. */
const GROUP = 64;

const PUBLISHED: Outcome = { _tag: 'Published' };
const STORED_LATER = 'the archive may not have yet what was published before it failed';
const STOPPED: Outcome = { _tag: 'Refused', detail: 'this pod publishes no more' };

interface Entry {
  readonly row: SqlRow;
  readonly made: ReturnType<typeof sqlDraft>;
}

/** `isDoubtful`: an earlier try may have published the row longer ago than its key shows. */
export const publishRows = async (
  deps: PublishRowsDeps,
  rows: readonly SqlRow[],
  isDoubtful: (row: SqlRow) => boolean,
): Promise<Answer> => {
  const entries = rows.map((row): Entry => ({ row, made: sqlDraft(row) }));
  const known = await publishedOf(
    deps,
    entries.filter(({ row }) => isDoubtful(row)),
  );
  const answer = { published: [] as number[], rejected: [] as Answer['rejected'][number][] };
  for (const group of groupsOf(entries)) {
    const outcomes = await published(deps, group, known);
    for (const [i, { row }] of group.entries()) {
      const outcome = outcomes[i] ?? STOPPED;
      if (outcome._tag === 'Published') answer.published.push(row.nth);
      else if (outcome._tag === 'Rejected')
        answer.rejected.push({ nth: row.nth, reason: outcome.reason });
    }
    const at = outcomes.findIndex(({ _tag }) => _tag === 'Refused');
    const [first, entry] = [outcomes[at], group[at]];
    if (first?._tag === 'Refused' && entry !== undefined) {
      if (first !== STOPPED) deps.refused(first.detail);
      return { ...answer, refused: { row: entry.row, at: deps.now() } };
    }
  }
  return { ...answer, refused: undefined };
};

/** The numbers of the rows that the archive has. A text: why it is not known. */
const publishedOf = async (
  { archive, mayBeStoredLater }: PublishRowsDeps,
  entries: readonly Entry[],
): Promise<ReadonlySet<number> | string> => {
  if (archive === undefined) return new Set();
  if (entries.some(({ row }) => mayBeStoredLater(row))) return STORED_LATER;
  const doubtful = entries.flatMap(({ row, made }) =>
    isLeft(made) ? [] : [{ nth: row.nth, at: row.at, draft: made.right.draft }],
  );
  const found = await alreadyPublished(archive, doubtful);
  return isLeft(found) ? found.left : found.right;
};

/** After a row that is refused at once, no more are sent: one of them could be taken. */
const published = (
  deps: PublishRowsDeps,
  group: readonly Entry[],
  known: ReadonlySet<number> | string,
): Promise<readonly Outcome[]> => {
  const gate = { isOpen: true };
  const outcomes = group.map((entry) =>
    gate.isOpen
      ? firstValueFrom(
          outcomeOf(deps, entry, known).pipe(
            tap(({ _tag }) => {
              if (_tag === 'Refused') gate.isOpen = false;
            }),
          ),
          { defaultValue: STOPPED },
        )
      : Promise.resolve(STOPPED),
  );
  return Promise.all(outcomes);
};

const outcomeOf = (
  { publish, mayPublish }: PublishRowsDeps,
  { row, made }: Entry,
  known: ReadonlySet<number> | string,
): Observable<Outcome> => {
  if (isLeft(made)) return of({ _tag: 'Rejected', reason: made.left });
  if (typeof known === 'string') return of({ _tag: 'Refused', detail: known });
  if (known.has(row.nth)) return of(PUBLISHED);
  return mayPublish() ? publish(made.right) : of(STOPPED);
};

const groupsOf = (entries: readonly Entry[]): readonly (readonly Entry[])[] => {
  const groups: Entry[][] = [];
  for (const entry of entries) {
    const last = groups.at(-1);
    const isAlone = entry.row.type === 'chat' || last?.at(-1)?.row.type === 'chat';
    if (last === undefined || isAlone || last.length === GROUP) groups.push([entry]);
    else last.push(entry);
  }
  return groups;
};
