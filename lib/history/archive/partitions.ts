/**
 * The partitions of the messages, one for each day (UTC). They are made some days ahead, and for the day of a
 * message that has none. Old messages are removed by dropping partitions.
 *
 * A partition is made as a table and then attached, and is detached before it is dropped: so pods that store
 * and read do not wait. Pods that make or drop partitions take turns by an advisory lock.
 */
import type pg from 'pg';

export const DAY_MS = 86_400_000;
/** Today, and so many days more. */
const DAYS_AHEAD = 2;
/** The key of the advisory lock: a number that no other program uses in this database. */
const LOCK = '7163384647529591148';
const MAX_MS = 2 ** 48 - 1;

type Client = Pick<pg.Client, 'query'>;

/** The least id with this time. Any id of this ms or later is greater. */
export const firstIdOf = (ms: number): string => {
  const digits = Math.min(Math.max(0, Math.floor(ms)), MAX_MS)
    .toString(16)
    .padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-0000-0000-000000000000`;
};

export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);

const NAME = /^messages_p(\d{4,6})(\d\d)(\d\d)$/;

const nameOf = (day: number): string =>
  `messages_p${new Date(day * DAY_MS).toISOString().split('T')[0]?.replaceAll(/\D/g, '') ?? ''}`;

/** The day of a partition, by its name. */
export const dayIn = (name: string): number | undefined => {
  const [, year, month, date] = NAME.exec(name) ?? [];
  if (year === undefined) return undefined;
  return dayOf(Date.UTC(Number(year), Number(month) - 1, Number(date)));
};

/** Makes the partitions that are missing. */
export const create = async (
  client: Client,
  schema: string,
  days: Iterable<number>,
): Promise<void> => {
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    const known = new Set((await list(client, schema)).map(({ name }) => name));
    for (const day of new Set(days)) {
      const name = nameOf(day);
      if (known.has(name)) continue;
      const [from, to] = [firstIdOf(day * DAY_MS), firstIdOf((day + 1) * DAY_MS)];
      await client.query(
        `CREATE TABLE "${schema}"."${name}" (LIKE "${schema}".messages INCLUDING ALL)`,
      );
      await client.query(
        `ALTER TABLE "${schema}".messages ATTACH PARTITION "${schema}"."${name}" FOR VALUES FROM ('${from}') TO ('${to}')`,
      );
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
};

/** Makes the partitions of the next days. */
export const createdAhead = (client: Client, schema: string, nowMs: number): Promise<void> =>
  create(
    client,
    schema,
    Array.from({ length: DAYS_AHEAD + 1 }, (_, ahead) => dayOf(nowMs) + ahead),
  );

/**
 * Drops the partitions of days that ended before this time; returns how many. A partition whose removal was
 * interrupted is dropped too.
 */
export const drop = async (client: Client, schema: string, beforeMs: number): Promise<number> => {
  const { rows } = await client.query<{ locked: boolean }>(
    'SELECT pg_try_advisory_lock($1) AS locked',
    [LOCK],
  );
  if (rows[0]?.locked !== true) return 0;
  try {
    const old = (await list(client, schema)).filter(({ name }) => {
      const day = dayIn(name);
      return day !== undefined && (day + 1) * DAY_MS <= beforeMs;
    });
    for (const { name, state } of old) {
      const how = state === 'pending' ? 'FINALIZE' : 'CONCURRENTLY';
      if (state !== 'detached')
        await client.query(
          `ALTER TABLE "${schema}".messages DETACH PARTITION "${schema}"."${name}" ${how}`,
        );
      await client.query(`DROP TABLE "${schema}"."${name}"`);
    }
    await client.query(
      `DELETE FROM "${schema}".rejected WHERE rejected_at < to_timestamp($1 / 1000.0)`,
      [beforeMs],
    );
    return old.length;
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [LOCK]).catch(() => undefined);
  }
};

interface Partition {
  readonly name: string;
  readonly state: 'attached' | 'pending' | 'detached';
}

const list = async (client: Client, schema: string): Promise<readonly Partition[]> => {
  const { rows } = await client.query<Partition>(
    `SELECT c.relname AS name,
       CASE WHEN i.inhrelid IS NULL THEN 'detached' WHEN i.inhdetachpending THEN 'pending' ELSE 'attached' END AS state
     FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
     WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r' AND c.relname ~ '^messages_p[0-9]{8,10}$'`,
    [`"${schema}"`],
  );
  return rows;
};
