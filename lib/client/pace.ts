/**
 * How many frames the client may send: a token bucket below the server's rate limit, so that what waited in
 * an outage is not refused as `rate_limited`. Pure.
 */
export interface Pace {
  readonly tokens: number;
  /** Wall clock, Unix ms; 0: nothing was sent yet. */
  readonly at: number;
}

/** The server's default, until `welcome` has its own. */
export const DEFAULT_RATE = 100;
/** The client stays below the server's rate, as the two clocks differ. */
const PART = 0.9;

/** A full bucket. */
export const START: Pace = { tokens: Number.POSITIVE_INFINITY, at: 0 };

const filled = ({ tokens, at }: Pace, now: number, rate: number): number =>
  Math.min(rate, tokens + (Math.max(0, now - at) / 1_000) * rate * PART);

/** The bucket after one frame, and whether the frame may be sent. */
export const take = (pace: Pace, now: number, rate: number): readonly [Pace, boolean] => {
  const tokens = filled(pace, now, rate);
  return tokens < 1 ? [pace, false] : [{ tokens: tokens - 1, at: now }, true];
};

/** How long until the next frame may be sent, in ms. */
export const waitMs = (pace: Pace, now: number, rate: number): number =>
  Math.max(1, Math.ceil(((1 - filled(pace, now, rate)) / (rate * PART)) * 1_000));
