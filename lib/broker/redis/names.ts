/**
 * How channels and keys are called in Redis. The port (`port.ts`) knows the names of contract section 5; a prefix stands
 * before them in Redis alone, so that two services on one Redis neither hear nor overwrite each other.
 *
 * A key hashes with its channel, for scripts on a Cluster, so the channel's whole name stands in its braces; and it
 * begins with the prefix, for `~prefix*` in an ACL. That writes the prefix twice: 2 x 64 bytes a key at most.
 */

export interface Names {
  /** The channel's name in Redis. */
  readonly channelAt: (channel: string) => string;
  /** The name that a channel of Redis has in the port. */
  readonly channelIn: (name: Buffer) => string;
  /** A key that hashes with a channel. */
  readonly keyAt: (channel: string, part: string) => string;
}

export const namesIn = (prefix: string): Names => ({
  channelAt: (channel) => prefix + channel,
  // of visible characters alone: a byte each
  channelIn: (name) => name.toString('utf8', prefix.length),
  keyAt: (channel, part) => `${prefix}{${prefix}${channel}}:${part}`,
});
