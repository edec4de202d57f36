/**
 * One step of the client's state: pure. First the input; then the rules, each of which acts when its time has
 * come, or names the time at which it is to be asked again (`wakeAt`).
 */
import { forward } from './forward.js';
import { ask, dial, handover, watch } from './connections.js';
import { deliver, expire, settled } from './outbox.js';
import { tend } from './rooms.js';
import type { Change, State } from './state.js';

/**
 * The order matters: when `watch` ends a connection, it sets `retryAt`, and `dial` sets `wakeAt` to that time
 * in the same step. When `dial` opens one, `ask` asks for its token in the same step.
 */
const RULES: readonly Change[] = [expire, watch, dial, ask, tend, handover, deliver];

export const step = (before: State, input: Change, wallMs: number, chance: number): State => {
  const state = input({ ...forward(before, wallMs), chance, wakeAt: Infinity, effects: [] });
  return state.final
    ? settled({ ...state, isAsking: false }, () => true, {
        code: 'closed',
        message: state.final.because,
      })
    : RULES.reduce((at, rule) => rule(at), state);
};
