/**
 * How many frames the client may send: a token bucket below the server's rate limits, so that what waited in
 * an outage is not refused as `rate_limited`. Pure.
 */
import type { Connection } from './connection.js';
import { type Change, send, type State, wake } from './state.js';

/** The client stays below the server's rate, as the two clocks differ. */
export const PART = 0.9;
/** Each 3,000 characters count as one more frame: the server limits bytes, too (default: 1 MiB a second). */
export const CHARACTERS = 3_000;

/** Sends a frame, and then changes the state; when there are no tokens, it waits until there are. */
export const paced = (
  state: State,
  { socket, perSecond: rate = 1 }: Connection,
  text: string,
  sent: Change,
): State => {
  const { nowMs } = state;
  // a pod that has stood still reads at once all that was sent, and would refuse more than this
  if (state.outbox.filter(({ sentOn }) => sentOn === socket).length >= rate) return state;
  const perMs = (rate * PART) / 1_000;
  const tokens = Math.min(rate, state.tokens + (nowMs - state.tokensAt) * perMs);
  return tokens < 1
    ? wake(state, nowMs + Math.ceil((1 - tokens) / perMs))
    : sent(
        send(
          { ...state, tokens: tokens - 1 - text.length / CHARACTERS, tokensAt: nowMs },
          socket,
          text,
        ),
      );
};
