/**
 * What a PostgreSQL says before a pod starts: its version, its clock, the tables of the archive, and the
 * rights that the role lacks. It changes nothing.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import type pg from 'pg';
import type { Clock } from '../../clock.js';
import { connections } from './connection.js';
import { missingRights, type Table } from './rights.js';
import { MIGRATION_NAMES } from './schema.js';

export interface ArchiveFacts {
  /** Such as `15.6`. */
  readonly version: string;
  /** Such as 150006. */
  readonly versionNumber: number;
  /** The time of one question and its answer. */
  readonly answeredMs: number;
  /** How far the clock of PostgreSQL is ahead of this machine's. */
  readonly aheadMs: number;
  readonly role: string;
  readonly encoding: string;
  /** A standby, or a server or role that is set to read only. */
  readonly isReadOnly: boolean;
  /** Whether the tables exist. */
  readonly hasTables: boolean;
  /** What the next start runs; undefined: the role may not see it. */
  readonly pending: readonly string[] | undefined;
  /** Statements that give the role what a pod needs and the role lacks. */
  readonly missing: readonly string[];
}

export interface InspectionOptions {
  readonly url: string;
  readonly clock: Pick<Clock, 'wall'>;
  readonly timeoutMs: number;
  readonly schema?: string;
}

/** `Left`: why there are no facts, with what to do about it. Never rejects. */
export const archiveFacts = async ({
  url,
  clock,
  timeoutMs,
  schema = 'chat_api',
}: InspectionOptions): Promise<Either<string, ArchiveFacts>> => {
  const { session, close } = connections({ url, timeoutMs }, 'check', 1);
  const facts = await session(timeoutMs, (client) => factsOf(client, clock, schema));
  await close();
  return isLeft(facts) ? left(facts.left.detail) : right(facts.right);
};

interface Server {
  readonly ms: number;
  readonly version: string;
  readonly number: number;
  readonly role: string;
  readonly encoding: string;
  readonly read_only: boolean;
  readonly may_create_schema: boolean;
  readonly has_schema: boolean;
  readonly may_use: boolean | null;
  readonly may_create: boolean | null;
}

const SERVER = `
  SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms,
    current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
    current_user AS role, current_setting('server_encoding') AS encoding,
    pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS read_only,
    has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
    n.oid IS NOT NULL AS has_schema,
    has_schema_privilege(n.oid, 'USAGE') AS may_use, has_schema_privilege(n.oid, 'CREATE') AS may_create
  FROM (SELECT $1::text AS name) AS wanted LEFT JOIN pg_namespace n ON n.nspname = wanted.name`;

/** The tables of the archive, and the partitions that retention drops. */
const TABLES = `
  SELECT c.relname AS name, pg_has_role(c.relowner, 'USAGE') AS "isOwned",
    has_table_privilege(c.oid, 'SELECT') AS "maySelect", has_table_privilege(c.oid, 'INSERT') AS "mayInsert",
    has_table_privilege(c.oid, 'DELETE') AS "mayDelete"
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
    AND (
      c.relname IN ('messages', 'rejected', 'migrations', 'outbox', 'outbox_commits')
      OR c.relname ~ '^messages_p[0-9]{8,10}$'
    )
  ORDER BY c.relname`;

const factsOf = async (
  client: pg.Client,
  clock: Pick<Clock, 'wall'>,
  schema: string,
): Promise<ArchiveFacts> => {
  const before = clock.wall();
  const asked = await client.query<Server>(SERVER, [schema]);
  const after = clock.wall();
  const [server] = asked.rows;
  if (server === undefined) throw new Error('PostgreSQL answered with no row');
  const { rows: tables } = await client.query<Table>(TABLES, [schema]);
  const { version, number, role, encoding } = server;
  const missing = missingRights({
    role,
    schema,
    mayCreateSchema: server.may_create_schema,
    hasSchema: server.has_schema,
    mayUse: server.may_use === true,
    mayCreate: server.may_create === true,
    tables,
  });
  return {
    version,
    versionNumber: number,
    answeredMs: after - before,
    // the time is that of the middle of the round trip
    aheadMs: server.ms - (before + after) / 2,
    role,
    encoding,
    isReadOnly: server.read_only,
    hasTables: tables.some(({ name }) => name === 'messages'),
    pending: await pendingIn(client, schema, server.may_use === true, tables),
    missing,
  };
};

const pendingIn = async (
  client: pg.Client,
  schema: string,
  mayUse: boolean,
  tables: readonly Table[],
): Promise<readonly string[] | undefined> => {
  const migrations = tables.find(({ name }) => name === 'migrations');
  if (migrations === undefined) return MIGRATION_NAMES;
  if (!mayUse || !migrations.maySelect) return undefined;
  const { rows } = await client.query<{ readonly name: string }>(
    `SELECT name FROM "${schema}".migrations`,
  );
  const done = new Set(rows.map(({ name }) => name));
  return MIGRATION_NAMES.filter((name) => !done.has(name));
};
