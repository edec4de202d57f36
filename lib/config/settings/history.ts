/** Settings of the log (the last messages of each room) and of the archive. */
import { duration, text, unavailable, whole } from '../formats.js';
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
    unavailable(
      text,
      (address) => address === '',
      'nothing: the archive in PostgreSQL comes with a later version',
    ),
    'PostgreSQL for the archive. Not in this version: a value stops the start.',
  ),
};
