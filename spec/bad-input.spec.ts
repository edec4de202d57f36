/**
 * Input that is wrong, hostile or unusual, by the numbers of its rows. Each family of rows has a pod of its
 * own, a process as users start it. What is checked besides the answer is in `bad-input/stage.ts` and
 * `support/watched-pod.ts`. `ROWS=R04 npm test -- spec/bad-input.spec.ts` runs some rows only.
 */
import t from 'tap';
import { ACCESS } from './bad-input/access.js';
import { ENV as ACCESS_ENV, RESIDENT } from './bad-input/knocks.js';
import { farKeys } from './bad-input/far-keys.js';
import { brokerRows } from './bad-input/broker.js';
import { ENV as FRAMES_ENV, FRAMES, SLOW_FRAMES } from './bad-input/frames.js';
import { ENV as HANDSHAKE_ENV, HANDSHAKES, SLOW_HANDSHAKES } from './bad-input/handshake.js';
import { REQUESTS, SLOW_REQUESTS } from './bad-input/http.js';
import { ENV as MESSAGES_ENV } from './bad-input/refusals.js';
import { MESSAGES } from './bad-input/messages.js';
import { refusingRedis } from './bad-input/refusing-redis.js';
import { type Played, type Row, tableOf } from './bad-input/row.js';
import { playAll, type StageOptions } from './bad-input/stage.js';
import { startRedis } from './support/redis.js';

const ROWS = process.env['ROWS'] ?? '';

const family = async (
  rows: readonly Row[],
  env: Readonly<Record<string, string>> = {},
  options: StageOptions = {},
): Promise<readonly Played[]> => {
  const chosen = rows.filter(({ row }) => row.startsWith(ROWS));
  return chosen.length === 0 ? [] : playAll(t, chosen, env, options);
};

/** Of the pod for rows that take their time. */
const SLOW_ENV = { HANDSHAKE_TIMEOUT_MS: '1000', PING_INTERVAL_MS: '400', PONG_TIMEOUT_MS: '1500' };
const SLOW = [...SLOW_FRAMES, ...SLOW_HANDSHAKES, ...SLOW_REQUESTS];

const redis = await startRedis();
const refusing = await refusingRedis(redis.port);
const keys = await farKeys();

const families = await Promise.all([
  family(SLOW, SLOW_ENV, { together: true }),
  family(ACCESS, ACCESS_ENV, { headers: RESIDENT }),
  family(HANDSHAKES, HANDSHAKE_ENV),
  family(FRAMES, FRAMES_ENV),
  family(MESSAGES, MESSAGES_ENV),
  family(REQUESTS),
]);
// by themselves: the keys of tokens come from this process, within a time that a busy machine does not keep
const far = await family(keys.rows, keys.env, { headers: RESIDENT });
// alone: the proxy before its Redis is in this process, and while that is busy with other rows the pod sees
// an outage
const broker = await family(brokerRows(redis, refusing), { REDIS_URL: refusing.url });

refusing.stop();
keys.stop();
await redis.stop();

const played = [...families.flat(), ...far, ...broker].sort((a, b) => a.row.localeCompare(b.row));
t.comment(`\n${tableOf(played)}`);

for (const { row, sent, faults } of played)
  t.test(`${row} ${sent}`, async (t) => {
    t.strictSame(faults, []);
  });
