/**
 * The rate limit of a connection: messages and bytes a second, with a burst (docs/protocol.md, section 8).
 */
export interface Rates {
  readonly rateLimitPerSecond: number;
  readonly rateLimitBurst: number;
  readonly rateLimitBytes: number;
}

/** The rate of replays: one for each room at once, as after a reconnect, then one a second. */
export const replayRates = (rooms: number): Rates => ({
  rateLimitPerSecond: 1,
  rateLimitBurst: Math.max(LEAST_REPLAYS, rooms),
  rateLimitBytes: 1,
});

/** For a client that has one room at a time and changes it often. */
const LEAST_REPLAYS = 10;

export class TokenBucket {
  private messages: number;
  private bytes: number;

  constructor(
    private readonly rates: Rates,
    private at: number,
  ) {
    this.messages = rates.rateLimitBurst;
    this.bytes = rates.rateLimitBytes;
  }

  /** Takes a message of this size. 0: it passes. Else the milliseconds until it would pass. */
  take(bytes: number, now: number): number {
    const { rateLimitPerSecond, rateLimitBurst, rateLimitBytes } = this.rates;
    const seconds = (now - this.at) / 1000;
    this.at = now;
    this.messages = Math.min(rateLimitBurst, this.messages + seconds * rateLimitPerSecond);
    this.bytes = Math.min(rateLimitBytes, this.bytes + seconds * rateLimitBytes);
    // a message larger than a second's bytes passes when the bucket is full, or it never would
    const enough = Math.min(bytes, rateLimitBytes);
    if (this.messages >= 1 && this.bytes >= enough) {
      this.messages -= 1;
      this.bytes -= enough;
      return 0;
    }
    const forMessages = Math.max(0, 1 - this.messages) / rateLimitPerSecond;
    const forBytes = Math.max(0, enough - this.bytes) / rateLimitBytes;
    return Math.ceil(Math.max(forMessages, forBytes) * 1000);
  }
}
