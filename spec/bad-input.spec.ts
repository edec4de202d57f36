/**
 * Input that is wrong, hostile or merely odd, row by row as it is numbered. Each family has a pod of its own, a process as
 * users start it; `bad-input/stage.ts` says what is looked at besides the answer. Where a row and the contract differ the
 * contract holds.
 */
import t from 'tap';
import { ENV as FRAMES_ENV, FRAMES, SLOW_FRAMES } from './bad-input/frames.js';
import { ENV as HANDSHAKE_ENV, HANDSHAKES, SLOW_HANDSHAKES } from './bad-input/handshake.js';
import { type Played, tableOf } from './bad-input/row.js';
import { playAll } from './bad-input/stage.js';

/** Of the pod for those that take their time. */
const SLOW_ENV = {
  HANDSHAKE_TIMEOUT_MS: '1000',
  PING_INTERVAL_MS: '400',
  PONG_TIMEOUT_MS: '1500',
};

const families = await Promise.all([
  playAll(t, HANDSHAKES, HANDSHAKE_ENV),
  playAll(t, FRAMES, FRAMES_ENV),
  playAll(t, [...SLOW_HANDSHAKES, ...SLOW_FRAMES], SLOW_ENV, { together: true }),
]);

const played: readonly Played[] = families.flat().sort((a, b) => a.row.localeCompare(b.row));
t.comment(`\n${tableOf(played)}`);

for (const { row, sent, faults } of played)
  t.test(`${row} ${sent}`, async (t) => {
    t.strictSame(faults, []);
  });
