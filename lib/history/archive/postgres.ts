/**
 * The archive in PostgreSQL.
 *
 *   store ─▶ writer ─▶ batches, one connection ─┐
 *   page ──▶ at most 64, four connections ──────┼─▶ PostgreSQL: messages, a partition for each day
 *   circuit ─▶ probe: migrations once, then an  │             rejected
 *              INSERT of no rows ───────────────┤
 *   upkeep, each hour: partitions ──────────────┘
 *
 * Source: it subscribes to its timer of upkeep, and ends it with `close`.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import type pg from 'pg';
import { concat, defer, from, Subject, timer } from 'rxjs';
import type { Clock } from '../../clock.js';
import { circuit } from './circuit.js';
import { connections, type Row } from './connection.js';
import { errorOf, type Failure } from './failure.js';
import { create, createdAhead, dayOf, drop, dropExpired } from './partitions.js';
import type { Archive, ArchiveError, ArchiveEvent, ArchivePage, PageQuery } from './port.js';
import { publicationIn } from './row.js';
import { migrate } from './schema.js';
import { insertOf, pageOf, rejectOf, type Statement } from './statements.js';
import { writer } from './writer.js';

export interface PostgresArchiveOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  readonly clock: Clock;
  /** The schema of the tables: lower-case letters, digits and `_`. */
  readonly schema?: string;
  /** For a statement, and for a new connection. */
  readonly timeoutMs?: number;
  /** Messages of days (UTC) that ended so many days ago are removed; 0: none. */
  readonly retentionDays?: number;
}

/** A batch, and a probe. */
const WRITERS = 2;
const READERS = 4;
/** Pages that are read, or wait for a connection. */
const MAX_PAGES = 64;
const UPKEEP_MS = 3_600_000;
/** A partition is detached when the transactions have ended that may read it. */
const UPKEEP_STATEMENT_MS = 60_000;

/** Other failures of a page are of this page only: PostgreSQL answers. */
const OUTAGE: ReadonlySet<Failure['kind']> = new Set(['Broken', 'Silent', 'Refused']);
const BUSY: ArchiveError = { _tag: 'Unavailable', detail: 'too many pages are being read' };

export const postgresArchive = ({
  url,
  clock,
  schema = 'chat_api',
  timeoutMs = 2_000,
  retentionDays = 0,
}: PostgresArchiveOptions): Archive => {
  const connection = { url, timeoutMs };
  const event$ = new Subject<ArchiveEvent>();
  const report = (event: ArchiveEvent): void => event$.next(event);
  const writing = connections(connection, 'writer', WRITERS);
  const reading = connections(connection, 'reader', READERS);
  const current = {
    isMigrated: false,
    pages: 0,
    /** Days of messages whose partitions could not be made. An INSERT of no rows does not need them. */
    lacking: new Set<number>(),
  };

  const written = async ({ text, values }: Statement): Promise<Failure | undefined> => {
    const answer = await writing.query(text, values);
    return isLeft(answer) ? answer.left : undefined;
  };

  const made = async (days: ReadonlySet<number>): Promise<Failure | undefined> => {
    const answer = await writing.session(timeoutMs, (client) => create(client, schema, days));
    current.lacking = isLeft(answer) ? new Set(days) : new Set();
    if (!isLeft(answer)) return undefined;
    return { ...answer.left, detail: `no partition can be made: ${answer.left.detail}` };
  };

  /** A standby answers a SELECT, but not an INSERT. */
  const probed = async (): Promise<Failure | undefined> => {
    if (!current.isMigrated) {
      const failure = await migrate(writing, schema);
      if (failure !== undefined) return failure;
      current.isMigrated = true;
    }
    const failure = current.lacking.size === 0 ? undefined : await made(current.lacking);
    if (failure !== undefined) return failure;
    return written(insertOf(schema, []));
  };

  const breaker = circuit({
    clock,
    probe$: defer(() => from(probed())),
    interrupted: (error) => {
      report({ _tag: 'Interrupted', error });
      store.interrupt(error);
    },
    restored: () => report({ _tag: 'Restored' }),
  });

  const store = writer({
    clock,
    circuit: breaker,
    report,
    insert: (rows) => written(insertOf(schema, rows)),
    makeRoom: (rows) => made(new Set(rows.map(({ ms }) => dayOf(ms)))),
    setAside: (poisoned) => written(rejectOf(schema, poisoned)),
  });

  const read = async (query: PageQuery): Promise<Either<ArchiveError, ArchivePage>> => {
    const refusal = breaker.refusal() ?? (current.pages >= MAX_PAGES ? BUSY : undefined);
    if (refusal !== undefined) return left(refusal);
    current.pages += 1;
    const { text, values } = pageOf(schema, query);
    const answer = await reading.query(text, values);
    current.pages -= 1;
    if (isLeft(answer)) {
      if (OUTAGE.has(answer.left.kind)) breaker.failed(answer.left);
      return left(errorOf({ ...answer.left, mayHaveRun: false }));
    }
    breaker.succeeded();
    return right(pageIn(query, answer.right));
  };

  const prune = async (
    removed: (client: pg.Client) => Promise<number>,
  ): Promise<Either<ArchiveError, number>> => {
    const refusal = breaker.refusal();
    if (refusal !== undefined) return left(refusal);
    const days = await writing.session(UPKEEP_STATEMENT_MS, removed);
    if (isLeft(days)) return left(errorOf(days.left));
    if (days.right > 0) report({ _tag: 'Pruned', days: days.right });
    return days;
  };

  const upkeep = async (): Promise<void> => {
    if (breaker.refusal() !== undefined) return;
    const ahead = await writing.session(UPKEEP_STATEMENT_MS, (client) =>
      createdAhead(client, schema),
    );
    if (isLeft(ahead)) report({ _tag: 'UpkeepFailed', detail: ahead.left.detail });
    if (retentionDays === 0) return;
    const pruned = await prune((client) => dropExpired(client, schema, retentionDays));
    if (isLeft(pruned)) report({ _tag: 'UpkeepFailed', detail: pruned.left.detail });
  };

  breaker.open();
  const upkeep$ = timer(UPKEEP_MS, UPKEEP_MS, clock.scheduler);
  const keeping = upkeep$.subscribe(() => void upkeep());

  const ended = async (): Promise<void> => {
    keeping.unsubscribe();
    breaker.close();
    await Promise.all([writing.close(), reading.close()]);
    event$.complete();
  };

  return {
    event$: event$.asObservable(),
    refusal: breaker.refusal,
    store: store.store,
    page: (query) => defer(() => from(read(query))),
    prune: (beforeMs) => defer(() => from(prune((client) => drop(client, schema, beforeMs)))),
    gauges: () => ({ ...store.size(), pages: current.pages }),
    close: () =>
      concat(
        store.drained(),
        defer(() => from(ended())),
      ),
  };
};

const pageIn = ({ room, direction }: PageQuery, rows: readonly Row[]): ArchivePage => {
  const entries = rows.flatMap(({ id, type, sender, data, at }) => {
    const row = { room, id: String(id), type: String(type), from: String(sender) };
    return publicationIn({ ...row, json: String(data), at: Number(at) }) ?? [];
  });
  const found = Number(rows[0]?.['found'] ?? 0);
  return {
    entries: direction === 'After' ? entries : entries.reverse(),
    more: found > rows.length,
  };
};
