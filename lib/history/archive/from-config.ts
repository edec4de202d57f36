/** The archive that a configuration asks for. */
import type { Clock } from '../../clock.js';
import type { Config } from '../../config/index.js';
import type { Archive } from './port.js';

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
