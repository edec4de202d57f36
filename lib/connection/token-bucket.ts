/** How much a connection may say: so many messages and bytes a second, with a burst (contract section 4). */
export interface Rates {
  readonly rateLimitPerSecond: number;
  readonly rateLimitBurst: number;
  readonly rateLimitBytes: number;
}

/** Replays of a connection: each of its rooms at once, as after a break of the line, then one a second. */
export const replayRates = (rooms: number): Rates => ({
  rateLimitPerSecond: 1,
  rateLimitBurst: Math.max(LEAST_REPLAYS, rooms),
  rateLimitBytes: 1,
});

/** Somebody with one room, who goes from one to the next. */
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

  /** Takes one message of this size; 0, or the milliseconds after which it would have been let through. */
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
