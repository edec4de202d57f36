/** Databases with the tables of the archive, and applications that call `chat_publish`. */
import pg from 'pg';
import { connections } from '../../lib/history/archive/connection.js';
import { migrate } from '../../lib/history/archive/schema.js';
import type { SqlRow } from '../../lib/history/archive/sql-outbox-port.js';
import type { PostgresServer } from './postgres.js';

interface Test {
  readonly teardown: (work: () => unknown) => void;
}

/** The URL of a new database. */
export const newDatabase = async (server: PostgresServer, name: string): Promise<string> => {
  await server.query(`CREATE DATABASE ${name}`);
  return server.url.replace(/\/[^/]*$/, `/${name}`);
};

/** The URL of a new database with the tables of the archive. */
export const migrated = async (server: PostgresServer, name: string): Promise<string> => {
  const url = await newDatabase(server, name);
  const sessions = connections({ url, timeoutMs: 10_000 }, 'spec', 1);
  const failure = await migrate(sessions, 'chat_api');
  await sessions.close();
  if (failure !== undefined) throw new Error(failure.detail);
  return url;
};

/** A connection of an application; it ends with the test. */
export const application = async (t: Test, url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  t.teardown(() => client.end());
  return client;
};

/** A row as PostgreSQL gives it. */
export const sqlRow = (nth: number, over: Partial<SqlRow> = {}): SqlRow => ({
  nth,
  key: `00000000-0000-4000-8000-${String(nth).padStart(12, '0')}`,
  room: 'r',
  type: 'notification',
  from: 'server',
  json: `{"n":${nth}}`,
  at: Date.UTC(2026, 0, 15, 12),
  ...over,
});
