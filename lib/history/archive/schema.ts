/**
 * The tables of the archive, as migrations. They run under the advisory lock of node-pg-migrate, so pods may
 * start together. A migration that has been released is never changed: write a new one.
 *
 * `messages` is partitioned by its id. An id begins with its time, so a partition holds the messages of a day,
 * and the key needs no other column.
 */
import { type MigrationBuilder, runner, type RunnerOption } from 'node-pg-migrate';
import { isLeft } from 'fp-ts/lib/Either.js';
import type { Connections } from './connection.js';
import type { Failure } from './failure.js';
import { createdAhead } from './partitions.js';
import { sqlPublishSchema } from './sql-publish.js';

/** How long a pod waits for another one that migrates, and for a statement of a migration. */
const MIGRATION_MS = 60_000;

const MIGRATIONS: Readonly<Record<string, (pgm: MigrationBuilder, schema: string) => void>> = {
  '0001_messages': (pgm, schema) => {
    pgm.sql(`
      CREATE TABLE "${schema}".messages (
        room text COLLATE "C" NOT NULL,
        id uuid NOT NULL,
        epoch smallint NOT NULL,
        log_offset bigint NOT NULL,
        type text NOT NULL,
        sender text NOT NULL,
        data text NOT NULL,
        sent_at timestamptz NOT NULL,
        PRIMARY KEY (room, id)
      ) PARTITION BY RANGE (id);
      CREATE INDEX messages_position ON "${schema}".messages (room, epoch, log_offset);
      COMMENT ON COLUMN "${schema}".messages.room IS 'empty: to everybody';
      COMMENT ON COLUMN "${schema}".messages.data IS 'JSON, as it was sent';
      CREATE TABLE "${schema}".rejected (
        room text COLLATE "C" NOT NULL,
        id uuid NOT NULL,
        payload bytea NOT NULL,
        reason text NOT NULL,
        rejected_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (room, id)
      );
      COMMENT ON TABLE "${schema}".rejected IS 'messages that could not be stored';
    `);
  },
  '0002_sql_publish': (pgm, schema) => pgm.sql(sqlPublishSchema(schema)),
};

export const MIGRATION_NAMES: readonly string[] = Object.keys(MIGRATIONS);

/** The runner wants a file of migrations: it gets this one, and the list above in its place. */
const FOLDER = import.meta.dirname;
const OTHER_FILES = '(?!schema\\.[jt]s$).*';

/** Creates or changes the tables, and the partitions of the next days. Never rejects. */
export const migrate = async (
  { session }: Pick<Connections, 'session'>,
  schema: string,
): Promise<Failure | undefined> => {
  const done = await session(MIGRATION_MS, async (client) => {
    // a role that may not create a schema may use one that exists
    const { rows } = await client.query<{ exists: boolean }>(
      'SELECT to_regnamespace($1) IS NOT NULL AS exists',
      [`"${schema}"`],
    );
    await run({
      dbClient: client,
      dir: FOLDER,
      ignorePattern: OTHER_FILES,
      migrationLoaderStrategies: strategiesOf(schema),
      migrationsTable: 'migrations',
      schema,
      createSchema: rows[0]?.exists !== true,
      direction: 'up',
      advisoryLockMode: 'wait',
      log: () => undefined,
    });
    await createdAhead(client, schema);
  });
  return isLeft(done) ? done.left : undefined;
};

/**
 * When the runner cannot read or make its table, it puts the error into the text of another one, with the
 * stack and without the code. A table that is there and that the role may not see is `already exists`.
 */
const run = async (options: RunnerOption): Promise<void> => {
  try {
    await runner(options);
  } catch (error) {
    const text = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : '';
    if (!text.startsWith('Unable to ensure migrations table: ')) throw error;
    const isRight = /permission denied|already exists/.test(text);
    throw Object.assign(new Error(text), isRight ? { code: NO_RIGHT } : {});
  }
};

const NO_RIGHT = '42501';

/** In place of files, the list of migrations. */
const strategiesOf = (schema: string): NonNullable<RunnerOption['migrationLoaderStrategies']> => [
  {
    extensions: ['.js', '.ts'],
    loader: (filePaths) =>
      Promise.resolve(
        Object.entries(MIGRATIONS).map(([id, up]) => ({
          id,
          filePaths,
          actions: { up: (pgm: MigrationBuilder) => up(pgm, schema), down: false as const },
        })),
      ),
  },
];
