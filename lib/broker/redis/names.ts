/**
 * The names of channels and keys in Redis. The port (`port.ts`) uses names without a prefix
 * (docs/operations.md, keys and channels). The prefix exists only in Redis: so two services on one Redis
 * neither receive nor overwrite each other's data.
 *
 * A key hashes with its channel, for scripts on a Cluster: so the braces of the key contain the full name of
 * the channel. The key also begins with the prefix, for `~prefix*` in an ACL. So a key contains the prefix
 * twice, which is at most 2 × 64 bytes.
 */

export interface Names {
  /** The channel's name in Redis. */
  readonly channelAt: (channel: string) => string;
  /** The name that the port uses for a channel of Redis: without the prefix. */
  readonly channelIn: (name: Buffer) => string;
  /** A key that hashes with a channel. */
  readonly keyAt: (channel: string, part: string) => string;
}

export const namesIn = (prefix: string): Names => ({
  channelAt: (channel) => prefix + channel,
  // the prefix has visible ASCII characters only: one byte each
  channelIn: (name) => name.toString('utf8', prefix.length),
  keyAt: (channel, part) => `${prefix}{${prefix}${channel}}:${part}`,
});
