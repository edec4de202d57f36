/**
 * Relations between settings: which values do not go together, and which one must be changed. A relation is
 * checked only when all its values could be read.
 */
import { credentialFaults } from './credentials.js';
import { databaseOf } from './redis-url.js';
import type { Config, PartialConfig } from './schema.js';

/** A setting with a wrong value, and what is expected in its place. */
export interface Misfit {
  readonly group: string;
  readonly key: string;
  readonly expected: string;
}

export const misfitsIn = ({ limits, log, access, broker }: PartialConfig): readonly Misfit[] => [
  ...timesThatCross(limits, log),
  ...withoutAnyKey(access),
  ...weakCredentials(access),
  ...ofSentinels(broker),
  ...ofCluster(broker),
];

type Part<G extends keyof Config> = PartialConfig[G];

const misfit = <G extends keyof Config>(
  isWrong: boolean,
  group: G,
  key: keyof Config[G] & string,
  expected: string,
): readonly Misfit[] => (isWrong ? [{ group, key, expected }] : []);

const timesThatCross = (
  { pingIntervalMs: ping, pongTimeoutMs: pong }: Part<'limits'>,
  { logTtlMs: messages, logPositionTtlMs: position }: Part<'log'>,
): readonly Misfit[] => [
  ...misfit(
    ping !== undefined && pong !== undefined && ping >= pong,
    'limits',
    'pingIntervalMs',
    `less than PONG_TIMEOUT_MS, which is ${String(pong)}`,
  ),
  ...misfit(
    messages !== undefined && position !== undefined && messages > position,
    'log',
    'logPositionTtlMs',
    `not less than LOG_TTL_MS, which is ${String(messages)}`,
  ),
];

const withoutAnyKey = (access: Part<'access'>): readonly Misfit[] => {
  const { authEnabled, jwtSecret, jwtPublicKey, jwtJwksUrl, apiKeys } = access;
  return misfit(
    authEnabled === true &&
      jwtSecret === '' &&
      jwtPublicKey === '' &&
      jwtJwksUrl === '' &&
      apiKeys?.length === 0,
    'access',
    'authEnabled',
    'false, or one of JWT_SECRET, JWT_PUBLIC_KEY, JWT_JWKS_URL and API_KEYS set too: without a key no ' +
      'client can connect',
  );
};

const weakCredentials = (access: Part<'access'>): readonly Misfit[] => {
  const { authEnabled, jwtSecret, apiKeys } = access;
  if (authEnabled === undefined || jwtSecret === undefined || apiKeys === undefined) return [];
  return credentialFaults({ authEnabled, jwtSecret, apiKeys }).flatMap(({ key, expected }) =>
    misfit(true, 'access', key, expected),
  );
};

const ofSentinels = (broker: Part<'broker'>): readonly Misfit[] => {
  const { redisSentinels: sentinels, redisSentinelName: name } = broker;
  return [
    ...misfit(
      isFilled(sentinels) && name === '',
      'broker',
      'redisSentinelName',
      'the name of the master, as REDIS_SENTINELS is set',
    ),
    ...misfit(
      sentinels?.length === 0 && isFilled(name),
      'broker',
      'redisSentinels',
      'host:port of the Sentinels, as REDIS_SENTINEL_NAME is set',
    ),
  ];
};

const ofCluster = (broker: Part<'broker'>): readonly Misfit[] => {
  const { redisCluster: isCluster, redisUrl: url, redisSentinels: sentinels } = broker;
  return [
    ...misfit(
      isCluster === true && url === '',
      'broker',
      'redisUrl',
      'one node or more, as REDIS_CLUSTER is true',
    ),
    ...misfit(
      isCluster === false && url?.includes(',') === true,
      'broker',
      'redisUrl',
      'one address, as REDIS_CLUSTER is false',
    ),
    ...misfit(
      isCluster === true && url !== undefined && databaseOf(url) !== 0,
      'broker',
      'redisUrl',
      'no database but 0, as REDIS_CLUSTER is true: a Cluster has no other',
    ),
    ...misfit(
      isCluster === true && isFilled(sentinels),
      'broker',
      'redisCluster',
      'false, as REDIS_SENTINELS is set: a Cluster has no Sentinels',
    ),
  ];
};

/** Whether a value could be read, and is not empty. */
const isFilled = (value: { readonly length: number } | undefined): boolean =>
  value !== undefined && value.length > 0;
