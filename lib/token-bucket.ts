/** How much a connection may say: so many messages and bytes a second, with a burst (contract section 4). */
export interface TokenBucket {
  /** Takes one message of this size; 0, or the milliseconds after which it would have been let through. */
  readonly take: (bytes: number, now: number) => number;
}

export interface Rates {
  readonly rateLimitPerSecond: number;
  readonly rateLimitBurst: number;
  readonly rateLimitBytes: number;
}

export const tokenBucket = ({ rateLimitPerSecond, rateLimitBurst, rateLimitBytes }: Rates, start: number): TokenBucket => {
  let messages = rateLimitBurst;
  let volume = rateLimitBytes;
  let at = start;
  return {
    take: (bytes, now) => {
      const seconds = (now - at) / 1000;
      at = now;
      messages = Math.min(rateLimitBurst, messages + seconds * rateLimitPerSecond);
      volume = Math.min(rateLimitBytes, volume + seconds * rateLimitBytes);
      // a message larger than a second's bytes passes when the bucket is full, or it never would
      const enough = Math.min(bytes, rateLimitBytes);
      if (messages >= 1 && volume >= enough) {
        messages -= 1;
        volume -= enough;
        return 0;
      }
      const forMessages = Math.max(0, 1 - messages) / rateLimitPerSecond;
      const forBytes = Math.max(0, enough - volume) / rateLimitBytes;
      return Math.ceil(Math.max(forMessages, forBytes) * 1000);
    },
  };
};
