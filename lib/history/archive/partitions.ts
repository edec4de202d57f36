/**
 * The partitions of the messages, one for each day (UTC). They are made some days ahead, and for the day of a
 * message that has none. Old messages are removed by dropping partitions.
 *
 * A partition is made as a table and then attached, and is detached before it is dropped: so pods that store
 * and read do not wait. Pods that make or drop partitions take turns by an advisory lock.
 *
 * The clock of PostgreSQL decides which days are next, and which are old. That of a pod may be wrong.
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
      const madeAt = new Date(await serverMs(client)).toISOString();
      await client.query(`COMMENT ON TABLE "${schema}"."${name}" IS '${MADE}${madeAt}'`);
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
export const createdAhead = async (client: Client, schema: string): Promise<void> => {
  const today = dayOf(await serverMs(client));
  await create(
    client,
    schema,
    Array.from({ length: DAYS_AHEAD + 1 }, (_, ahead) => today + ahead),
  );
};

/**
 * Drops the partitions of days that ended before this time; returns how many. A partition whose removal was
 * interrupted is dropped too.
 */
export const drop = (client: Client, schema: string, beforeMs: number): Promise<number> =>
  dropped(client, schema, () => ({ beforeMs, isOld: (day) => endOf(day) <= beforeMs }));

/**
 * Drops the partitions of days that ended so many days ago. The broker's clock gave the ids, and it may be
 * behind: then today's messages are in a partition of an old day. Such a partition was made after its day, or
 * late in it. So a partition is old, too, when so many days have passed since a day after it was made.
 */
export const dropExpired = (client: Client, schema: string, days: number): Promise<number> =>
  dropped(client, schema, async () => {
    const beforeMs = (await serverMs(client)) - days * DAY_MS;
    const isOld = (day: number, madeMs: number): boolean =>
      Math.max(endOf(day), madeMs + DAY_MS) <= beforeMs;
    return { beforeMs, isOld };
  });

interface Age {
  /** Messages that were set aside before this time are removed. */
  readonly beforeMs: number;
  readonly isOld: (day: number, madeMs: number) => boolean;
}

const dropped = async (
  client: Client,
  schema: string,
  ageOf: () => Age | Promise<Age>,
): Promise<number> => {
  const { rows } = await client.query<{ locked: boolean }>(
    'SELECT pg_try_advisory_lock($1) AS locked',
    [LOCK],
  );
  if (rows[0]?.locked !== true) return 0;
  try {
    const { beforeMs, isOld } = await ageOf();
    const old = (await list(client, schema)).filter(({ name, comment }) => {
      const day = dayIn(name);
      return day !== undefined && isOld(day, madeIn(comment));
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

const endOf = (day: number): number => (day + 1) * DAY_MS;

const serverMs = async (client: Client): Promise<number> => {
  const { rows } = await client.query<{ ms: number }>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('PostgreSQL answered with no row');
  return row.ms;
};

/** The comment of a partition: when it was made. */
const MADE = 'made at ';

/** Without a comment, as of an operator, the day in the name counts alone. */
const madeIn = (comment: string | null): number => {
  const ms = Date.parse(comment?.startsWith(MADE) === true ? comment.slice(MADE.length) : '');
  return Number.isNaN(ms) ? -Infinity : ms;
};

interface Partition {
  readonly name: string;
  readonly state: 'attached' | 'pending' | 'detached';
  readonly comment: string | null;
}

const list = async (client: Client, schema: string): Promise<readonly Partition[]> => {
  const { rows } = await client.query<Partition>(
    `SELECT c.relname AS name, obj_description(c.oid, 'pg_class') AS comment,
       CASE WHEN i.inhrelid IS NULL THEN 'detached' WHEN i.inhdetachpending THEN 'pending' ELSE 'attached' END AS state
     FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
     WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r' AND c.relname ~ '^messages_p[0-9]{8,10}$'`,
    [`"${schema}"`],
  );
  return rows;
};
