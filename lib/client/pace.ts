/**
 * How many frames the client may send: a token bucket below the server's rate limits, so that what waited in
 * an outage is not refused as `rate_limited`. Pure.
 */
import type { Connection, State, Step } from './state.js';
import { wake } from './state.js';

/** The client stays below the server's rate, as the two clocks differ. */
const PART = 0.9;
/** The server limits bytes, too: 1 MiB a second by default. Text of so many characters counts as one more frame. */
const CHARACTERS = 3_000;

/** Sends a frame now or later: when there are no tokens, nothing is sent, and the state wakes when there are. */
export const paced = (
  state: State,
  { socket, session }: Connection,
  text: string,
  now: number,
  sent: (state: State) => State,
): Step => {
  const rate = session?.rate ?? 1;
  const tokens = Math.min(rate, state.tokens + ((now - state.tokensAt) / 1_000) * rate * PART);
  return tokens < 1
    ? [wake(state, now + Math.ceil(((1 - tokens) / rate / PART) * 1_000))]
    : [
        sent({ ...state, tokens: tokens - 1 - text.length / CHARACTERS, tokensAt: now }),
        { _tag: 'Send', socket, text },
      ];
};
