/**
 * The SQL outbox in PostgreSQL. A session is one connection, which holds the advisory lock of the owner: when
 * the connection ends, for whatever reason, PostgreSQL frees the lock. A pod that is not the owner asks for
 * the lock each second. It does not wait for it in a statement, as that would keep a snapshot open, and so
 * the dead rows of all tables.
 *
 *   connect ─▶ ask for the lock, each second ─▶ LISTEN ─▶ session: read, remove, sleep, wake
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import type pg from 'pg';
import {
  concat,
  concatMap,
  defer,
  exhaustMap,
  filter,
  from,
  fromEvent,
  lastValueFrom,
  map,
  merge,
  NEVER,
  Observable,
  ReplaySubject,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import type { Clock } from '../../clock.js';
import { type ArchiveConnection, connections } from './connection.js';
import { channelOf, lockClass, OWNER, SLEEP } from './sql-publish.js';
import type { Settled, SqlOutbox, SqlRow, SqlSession } from './sql-outbox-port.js';

export interface SqlOutboxOptions extends ArchiveConnection {
  readonly clock: Pick<Clock, 'scheduler'>;
  /** The schema of the archive. */
  readonly schema?: string;
}

const CONTEND_MS = 1_000;
/** PostgreSQL ends the session of a pod that is frozen or cut off, so another pod becomes the owner. */
const IDLE_MS = 10_000;
/** The second one: while an answer waits to be read, the session is not idle. */
const BOUNDED = `SET idle_session_timeout = ${IDLE_MS}; SET tcp_user_timeout = ${IDLE_MS}`;
/** The pod stops earlier than that. */
const LEASE_MS = 8_000;
/** The data of a read. Its first row is there however large it is. */
const READ_BYTES = 4_194_304;

type Client = Pick<pg.Client, 'query'>;

export const sqlOutbox = ({
  clock,
  schema = 'chat_api',
  ...connection
}: SqlOutboxOptions): SqlOutbox => {
  const sessions = connections(connection, 'outbox', 1);
  const { scheduler } = clock;

  const ownership = (client: Client): Observable<unknown> =>
    timer(0, CONTEND_MS, scheduler).pipe(
      exhaustMap(() => from(client.query<{ owned: boolean }>(contendOf(schema)))),
      filter(({ rows: [row] }) => row?.owned === true),
      take(1),
    );

  const began = async (client: pg.Client): Promise<SqlSession> => {
    await client.query(`LISTEN "${channelOf(schema)}"`);
    const { rows } = await client.query<{ top: string }>(
      `SELECT coalesce(max(nth), 0)::text AS top FROM "${schema}".outbox_commits`,
    );
    return sessionOf(client, schema, Number(rows[0]?.top), scheduler);
  };

  return {
    session$: new Observable((out) => {
      /** Replayed, as the connection may be made after the end. */
      const left$ = new ReplaySubject<void>(1);
      const run = (client: pg.Client): Promise<unknown> =>
        lastValueFrom(
          merge(
            brokenOf(client),
            concat(
              defer(() => client.query(BOUNDED)).pipe(
                concatMap(() => ownership(client)),
                concatMap(() => began(client)),
                tap((session) => out.next(session)),
              ),
              NEVER,
            ),
          ).pipe(takeUntil(left$)),
          { defaultValue: undefined },
        );
      void sessions.session(connection.timeoutMs, run).then((answer) => {
        if (isLeft(answer)) out.error(answer.left);
        else out.complete();
      });
      return () => left$.next();
    }),
    close: sessions.close,
  };
};

/** Errors when the connection ends. */
const brokenOf = (client: pg.Client): Observable<never> =>
  merge(fromEvent(client, 'error'), fromEvent(client, 'end')).pipe(
    map((error): never => {
      throw error instanceof Error ? error : new Error('the connection was closed');
    }),
  );

/** The tables come with the migration, which may still run. */
const contendOf = (schema: string): string => `
  SELECT CASE WHEN to_regclass('"${schema}".outbox_commits') IS NULL THEN false
    ELSE pg_try_advisory_lock(${lockClass(schema)}, ${OWNER}) END AS owned`;

const sessionOf = (
  client: pg.Client,
  schema: string,
  doubtfulTo: number,
  { now }: { readonly now: () => number },
): SqlSession => {
  const current = { confirmedAt: now() };
  const lock = `${lockClass(schema)}, ${SLEEP}`;

  /** The answer shows that the session lived when the statement was sent. */
  const sent = async <R extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<readonly R[]> => {
    const at = now();
    const { rows } = await client.query<R>(text, [...values]);
    current.confirmedAt = at;
    return rows;
  };

  /** A message that an operator has deleted leaves its number behind. */
  const read = async (except: readonly string[], limit: number): Promise<readonly SqlRow[]> => {
    const found = await sent<RowOf>(readOf(schema), [except, limit]);
    const deleted = found.flatMap(({ key, nth }) => (key === null ? [nth] : []));
    if (deleted.length === 0) return found.flatMap(rowIn);
    await sent(removeOf(schema), [deleted]);
    return read(except, limit);
  };

  return {
    doubtfulTo,
    notified$: fromEvent(client, 'notification').pipe(map(() => undefined)),
    isOwner: () => now() - current.confirmedAt < LEASE_MS,
    read,
    remove: async ({ published, rejected }: Settled) => {
      if (published.length > 0) await sent(removeOf(schema), [published]);
      if (rejected.length === 0) return;
      const reasons = rejected.map(({ reason }) => reason.replaceAll('\u0000', '').toWellFormed());
      await sent(rejectOf(schema), [rejected.map(({ nth }) => nth), reasons]);
    },
    sleep: async () => {
      const [row] = await sent<{ asleep: boolean }>(
        `SELECT pg_try_advisory_lock(${lock}) AS asleep`,
      );
      return row?.asleep === true;
    },
    wake: async () => {
      await sent(`SELECT pg_advisory_unlock(${lock})`);
    },
    ping: async () => {
      await sent('SELECT 1');
    },
  };
};

interface RowOf {
  readonly nth: string;
  /** Null: there is no message. */
  readonly key: string | null;
  readonly room: string;
  readonly type: string;
  readonly sender: string;
  readonly data: string;
  readonly at: string;
}

const rowIn = ({ nth, key, room, type, sender, data, at }: RowOf): readonly SqlRow[] =>
  key === null
    ? []
    : [
        {
          nth: Number(nth),
          key,
          room,
          type: type === 'chat' ? 'chat' : 'notification',
          from: sender,
          json: data,
          at: Number(at),
        },
      ];

const readOf = (schema: string): string => `
  SELECT nth, key, room, type, sender, data, at FROM (
    SELECT nth, key, o.room, type, sender, data,
      floor(extract(epoch FROM made_at) * 1000)::int8 AS at,
      sum(bytes) OVER (ORDER BY nth) - bytes AS bytes_before
    FROM (
      SELECT nth, message FROM "${schema}".outbox_commits
      WHERE room <> ALL ($1::text[]) ORDER BY nth LIMIT $2
    ) AS next
    LEFT JOIN "${schema}".outbox AS o ON o.id = message
    CROSS JOIN LATERAL (SELECT coalesce(octet_length(data), 0) AS bytes) AS size
  ) AS counted
  WHERE bytes_before < ${READ_BYTES} ORDER BY nth`;

const removeOf = (schema: string): string => `
  WITH gone AS (DELETE FROM "${schema}".outbox_commits WHERE nth = ANY ($1::int8[]) RETURNING message)
  DELETE FROM "${schema}".outbox USING gone WHERE id = message`;

const rejectOf = (schema: string): string => `
  WITH flawed AS (SELECT * FROM unnest($1::int8[], $2::text[]) AS f (nth, reason)),
  gone AS (
    DELETE FROM "${schema}".outbox_commits AS c USING flawed WHERE c.nth = flawed.nth
    RETURNING message, reason
  ),
  moved AS (
    DELETE FROM "${schema}".outbox USING gone WHERE id = message
    RETURNING room, key, type, sender, data, reason
  )
  INSERT INTO "${schema}".rejected (room, id, payload, reason)
  SELECT room, key, convert_to(
    json_build_object('type', type, 'room', room, 'from', sender, 'data', data::json)::text, 'UTF8'
  ), reason FROM moved ON CONFLICT DO NOTHING`;
