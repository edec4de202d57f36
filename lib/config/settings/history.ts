/** Settings of the log (the last messages of each room) and of the archive. */
import { databaseUrl, duration, whole } from '../formats.js';
import { setting } from '../setting.js';

export const log = {
  logMessages: setting(
    'LOG_MESSAGES',
    1000,
    whole(0, 1_000_000),
    "How many of a room's last messages are kept; 0: no log.",
  ),
  logTtlMs: setting('LOG_TTL_MS', 600_000, duration(1), 'How long messages are kept.'),
  logPositionTtlMs: setting(
    'LOG_POSITION_TTL_MS',
    86_400_000,
    duration(1),
    'How long the position of a room that nobody uses is kept. Not less than LOG_TTL_MS.',
  ),
  databaseUrl: setting(
    'DATABASE_URL',
    '',
    databaseUrl,
    'PostgreSQL for the archive: postgres://user:password@host:port/database. Empty: no archive.',
  ),
  archiveRetentionDays: setting(
    'ARCHIVE_RETENTION_DAYS',
    0,
    whole(0, 36_500),
    'The archive removes the messages of a day (UTC) when this many days have passed since its end; 0: never.',
  ),
};
