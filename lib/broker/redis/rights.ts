/**
 * What a Redis says of a user before a pod starts: the rights that are missing, and its clock. Each right is
 * tried with a command that changes nothing, or only a key and a channel of the check itself. `ACL DRYRUN`
 * would be simpler, but needs a right that a pod does not have. Redis checks rights before the slot of a key:
 * so on a Cluster each node can be asked, whichever slots it has.
 */
import * as E from 'fp-ts/lib/Either.js';
import { Redis } from 'ioredis';
import type { Endpoint } from '../../config/hosts.js';
import { isReply } from './errors.js';
import { namesIn } from './names.js';
import {
  type ConnectionSettings,
  connectionOptions,
  type RedisClientOptions,
  redisAddresses,
  whereOf,
} from './options.js';
import { channelOf, CONTROL_CHANNEL, GLOBAL_CHANNEL, podChannel } from './port.js';
import { reasons } from './reasons.js';
import { drop } from './standalone.js';

export interface RedisFacts {
  /** `host:port`; with Sentinels the name of the master. */
  readonly node: string;
  /** How far the clock of Redis is ahead of this machine's, in ms; undefined without the right to ask. */
  readonly aheadMs: number | undefined;
  /** The ACL rules that are missing, such as `+xadd` or `&realtime:room:*`. */
  readonly missing: readonly string[];
}

type Command = readonly [name: string, ...args: readonly string[]];

/**
 * The rights of docs/security.md that the connection itself does not use: a command of each. The first
 * channel is the check's own, so nobody gets what is published there. The first key is the check's own, and
 * the others do not exist.
 */
const commandsOf = (
  [key, ...keys]: readonly [string, ...string[]],
  [channel, ...channels]: readonly [string, ...string[]],
  isCluster: boolean,
): readonly Command[] => {
  const kind = isCluster ? 's' : '';
  return [
    ['ping'],
    ['info', 'server'],
    ['eval', 'return 1', '1', key],
    // of a script that no Redis knows: NOSCRIPT comes after the check of rights
    ['evalsha', '0'.repeat(40), '1', key],
    ['set', key, '', 'XX'],
    ['mget', key],
    ['pexpire', key, '1000'],
    ['hset', key, 'check', '1'],
    ['hmget', key, 'check'],
    ['hgetall', key],
    ['hdel', key, 'check'],
    ['zadd', key, 'XX', '1', 'check'],
    ['zrem', key, 'check'],
    ['zrangebyscore', key, '0', '0'],
    ['zremrangebyscore', key, '0', '0'],
    ['xadd', key, 'NOMKSTREAM', '*', 'check', '1'],
    ['xlen', key],
    ['xrange', key, '-', '+', 'COUNT', '1'],
    ['xtrim', key, 'MAXLEN', '0'],
    ...keys.map((other): Command => ['xtrim', other, 'MAXLEN', '0']),
    ['unlink', key],
    ...(isCluster ? CLUSTER_ONLY : []),
    [`${kind}publish`, channel, ''],
    ...[channel, ...channels].map((one): Command => [`${kind}subscribe`, one]),
    [`${kind}unsubscribe`, channel],
  ];
};

const CLUSTER_ONLY: readonly Command[] = [['cluster', 'slots'], ['cluster', 'info'], ['asking']];

/** The nodes that the configuration names, one after the other. Never rejects. */
export const redisFacts = async (
  options: RedisClientOptions,
  isCluster: boolean,
): Promise<readonly E.Either<string, RedisFacts>[]> => {
  const facts: E.Either<string, RedisFacts>[] = [];
  const nodes: readonly Partial<Endpoint>[] = isCluster ? redisAddresses(options.url) : [{}];
  for (const { host, port } of nodes) {
    const where = whereOf(options, 0);
    const settings = host === undefined || port === undefined ? where : { ...where, host, port };
    facts.push(await factsAt({ ...connectionOptions(options), ...settings }, options, isCluster));
  }
  return facts;
};

const factsAt = async (
  settings: ConnectionSettings,
  options: RedisClientOptions,
  isCluster: boolean,
): Promise<E.Either<string, RedisFacts>> => {
  const { host = '', port = 0, name } = settings;
  const node = options.sentinels.length > 0 ? String(name) : `${host}:${port}`;
  const redis = new Redis({ ...settings, lazyConnect: true });
  const reason = reasons('the connection was closed', settings.tls !== undefined);
  redis.on('error', (error: Error) => reason.add(error));
  redis.on('sentinelError', (error: Error) => reason.addOfSentinel(error, options.sentinelName));
  try {
    await redis.connect();
    reason.answered();
    const aheadMs = await aheadOf(redis, options);
    const missing = await missingAt(redis, options, isCluster);
    return E.right({
      node,
      aheadMs,
      missing: aheadMs === undefined ? ['+time', ...missing] : missing,
    });
  } catch (thrown) {
    // when the socket breaks, ioredis rejects with a text that hides the reason
    if (thrown instanceof Error && thrown.message !== CLOSED) reason.add(thrown);
    return E.left(`${node}: ${reason.why().detail}`);
  } finally {
    drop(redis);
  }
};

const CLOSED = 'Connection is closed.';

/** The time is that of the middle of the round trip. */
const aheadOf = async (
  redis: Redis,
  { clock }: RedisClientOptions,
): Promise<number | undefined> => {
  const before = clock.wall();
  const reply = await replyTo(redis, ['time']);
  if (E.isLeft(reply) || !Array.isArray(reply.right)) return undefined;
  const [seconds, micros] = reply.right.map(Number);
  const redisMs = (seconds ?? 0) * 1_000 + (micros ?? 0) / 1_000;
  return redisMs - (before + clock.wall()) / 2;
};

const missingAt = async (
  redis: Redis,
  { prefix, serverId }: RedisClientOptions,
  isCluster: boolean,
): Promise<readonly string[]> => {
  const { channelAt, keyAt } = namesIn(prefix);
  const own = podChannel(serverId);
  const others = [GLOBAL_CHANNEL, CONTROL_CHANNEL, channelOf('check')];
  const keyOf = (channel: string): string => keyAt(channel, 'check');
  const commands = commandsOf(
    [keyOf(own), ...others.map(keyOf)],
    [channelAt(own), ...others.map(channelAt)],
    isCluster,
  );
  const refused = new Set<string>();
  for (const command of commands) {
    const reply = await replyTo(redis, command);
    if (E.isLeft(reply))
      for (const rule of rulesFor(reply.left, command, prefix)) refused.add(rule);
  }
  return [...refused];
};

/** `Left`: the text with which Redis refused. A connection that broke is thrown. */
const replyTo = async (
  redis: Redis,
  [name, ...args]: Command,
): Promise<E.Either<string, unknown>> => {
  try {
    return E.right(await redis.call(name, ...args));
  } catch (thrown) {
    if (isReply(thrown)) return E.left(thrown.message);
    throw thrown;
  }
};

/** The rule that allows what was refused; none when Redis refused it for another reason. */
const rulesFor = (refusal: string, [name, ...args]: Command, prefix: string): readonly string[] => {
  if (!refusal.startsWith('NOPERM')) return [];
  if (/\bchannel/.test(refusal)) return [`&${patternOf(args[0] ?? '', prefix)}`];
  if (/\bkeys?\b/.test(refusal)) return [prefix === '' ? '~{realtime:*' : `~${prefix}*`];
  return [name === 'cluster' ? `+cluster|${args[0] ?? ''}` : `+${name}`];
};

/** The pattern that allows a channel: `realtime:room:*` for `realtime:room:check`, and the same for pods. */
const patternOf = (channel: string, prefix: string): string =>
  `${prefix}${channel.slice(prefix.length).replace(/^(realtime:(?:room|pod):).*$/, '$1*')}`;
