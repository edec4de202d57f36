/** Two pods on one Redis of any kind. */
import { type RedisClientOptions } from '../../../lib/broker/redis/options.js';
import { type RedisPort } from '../../../lib/broker/redis/port.js';
import { type RedisServer } from '../../support/redis.js';
import { ready } from '../../support/watched-bus.js';

export interface Kind {
  readonly name: string;
  /** Stands before every key and channel. */
  readonly prefix?: string;
  readonly open: (over?: Partial<RedisClientOptions>) => RedisPort;
  /** Those that take commands. */
  readonly nodes: readonly RedisServer[];
  /** The node that has a key now. */
  readonly nodeOf: (key: string) => Promise<RedisServer>;
  readonly stop: () => Promise<void>;
}

/** Two pods on one Redis, and Redis itself at the keys of a room. */
export const twoPods = async (kind: Kind) => {
  const { prefix = '' } = kind;
  const open = (over: Partial<RedisClientOptions> = {}): RedisPort =>
    kind.open({ prefix, ...over });
  const named = (key: string): string =>
    key.replace(/^\{(.*?)\}/, (_, channel: string) => `${prefix}{${prefix}${channel}}`);
  const nodeOf = (key: string): Promise<RedisServer> => kind.nodeOf(named(key));
  const a = await ready(open({ serverId: 'pod-a' }));
  const b = await ready(open({ serverId: 'pod-b' }));
  const at = async (
    key: string,
    name: string,
    ...args: readonly (string | number)[]
  ): Promise<unknown> => (await nodeOf(key)).command(name, named(key), ...args);
  return { kind, open, nodeOf, at, a, b };
};

export type TwoPods = Awaited<ReturnType<typeof twoPods>>;
