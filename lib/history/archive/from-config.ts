/** The archive, and the SQL outbox in the same database, that a configuration asks for. */
import type { Clock } from '../../clock.js';
import type { Config } from '../../config/index.js';
import type { Archive } from './port.js';
import type { SqlOutbox } from './sql-outbox-port.js';

/**
 * Undefined without `DATABASE_URL`. The modules of PostgreSQL are loaded only when they are needed: they take
 * 0.1 s.
 */
export const archiveOf = (config: Config, clock: Clock): Promise<Archive> | undefined =>
  config.log.databaseUrl === '' ? undefined : loaded(config, clock);

const loaded = async ({ log, broker }: Config, clock: Clock): Promise<Archive> => {
  const { postgresArchive } = await import('./postgres.js');
  return postgresArchive({
    url: log.databaseUrl,
    clock,
    timeoutMs: broker.brokerTimeoutMs,
    retentionDays: log.archiveRetentionDays,
  });
};

/** The messages of `chat_publish`. Undefined without `DATABASE_URL`. */
export const sqlOutboxOf = async (
  { log, broker }: Config,
  clock: Clock,
): Promise<SqlOutbox | undefined> => {
  if (log.databaseUrl === '') return undefined;
  const { sqlOutbox } = await import('./sql-outbox.js');
  return sqlOutbox({ url: log.databaseUrl, clock, timeoutMs: broker.brokerTimeoutMs });
};
