/**
 * The configuration. Read once, before anything else runs, into a frozen plain object. Layers, the later the stronger:
 * the schema (`config/settings.ts`), `default.json`, `{NODE_ENV}.json`, the environment. Whatever is wrong is found in
 * one go, relations between values included, so that a pod is configured in one try. No secret stands in a fault.
 */
import convict from 'convict';
import { sequenceS } from 'fp-ts/lib/Apply.js';
import * as E from 'fp-ts/lib/Either.js';
import * as RA from 'fp-ts/lib/ReadonlyArray.js';
import { credentialFaults } from './config/credentials.js';
import { ConfigError, type Fault, MASK, shown, strange } from './config/fault.js';
import { filesOf, GROUPS, type Known, known } from './config/layers.js';
import { databaseOf } from './config/redis-url.js';
import { type Config, type Group, OURS, SCHEMA, type Setting } from './config/settings.js';

export { ConfigError, type Fault, faultLine } from './config/fault.js';
export type { Endpoint } from './config/hosts.js';
export type { Config } from './config/settings.js';

/** Some values of some groups. */
export type DeepPartial<T> = {
  readonly [K in keyof T]?:
    | (T[K] extends string | number | boolean | readonly unknown[] ? T[K] : DeepPartial<T[K]>)
    | undefined;
};

/** Variables by name, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * convict merges the layers and names the variables. It would coerce a value by the type of its default unless the
 * format is a registered one, and its `validate` puts all faults into one text, secrets too: so the one format that is
 * registered leaves values as they are, and `Setting.read` judges them.
 */
convict.addFormat({ name: OURS, coerce: (raw: unknown) => raw, validate: () => undefined });

/**
 * Reads the configuration of a pod: files in `directory`, if one is given, and the environment above them.
 * An empty variable is as if it were not set.
 */
export const readConfig = (
  env: Environment,
  directory: string | undefined,
): E.Either<readonly Fault[], Config> => {
  if (!isEnvironment(env)) return E.left([noEnvironment(env)]);
  const { files, faults } = filesOf(env['NODE_ENV'] ?? '', directory);
  return check(files.map(known), env, faults);
};

/**
 * The configuration of a program that embeds the library: the defaults with `overrides` above them, checked as the service checks its own.
 * `Left` lists every fault. The environment is not read unless it is given (`process.env`): its variables are above `overrides` then.
 */
export const configOf = (
  overrides: DeepPartial<Config> = {},
  env: Environment = {},
): E.Either<readonly Fault[], Config> =>
  isEnvironment(env) ? check([known(overrides)], env, []) : E.left([noEnvironment(env)]);

/**
 * The same, for programs that end when something is wrong: throws a `ConfigError` whose text lists every fault, a line each.
 *
 *   const config = configOrThrow({ limits: { maxRoomsPerConnection: 10 } }, process.env);
 */
export const configOrThrow = (
  overrides: DeepPartial<Config> = {},
  env: Environment = {},
): Config => {
  const config = configOf(overrides, env);
  if (E.isLeft(config)) throw new ConfigError(config.left);
  return config.right;
};

/** A program may hand over anything, whatever the types say. */
const isEnvironment = (env: unknown): boolean => typeof env === 'object' && env !== null;

const noEnvironment = (env: unknown): Fault =>
  strange('environment', env, 'variables by name, such as process.env');

/** PEM ends with a line end; a blank may be part of a secret, and is warned of (`config/credentials.ts`). */
const MAY_END_BLANK: ReadonlySet<string> = new Set(['JWT_PUBLIC_KEY', 'JWT_SECRET']);

type Validated<A> = E.Either<readonly Fault[], A>;

/** Applies to a record of results: all of them, or the faults of all. */
const every = sequenceS(E.getApplicativeValidation(RA.getSemigroup<Fault>()));

const check = (
  layers: readonly Known[],
  env: Environment,
  early: readonly Fault[],
): Validated<Config> => {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const merged = convict<Record<string, Record<string, unknown>>>(GROUPS, { env: set, args: [] });
  for (const { values } of layers) merged.load(values);
  const raw = merged.getProperties();

  const fault = (group: keyof Config, key: string, expected: string): Fault => {
    const settings: Readonly<Record<string, Setting<unknown>>> = SCHEMA[group];
    const value = raw[group]?.[key];
    const variable = settings[key]?.env ?? key;
    // what a file says as the schema does is said by nobody: the variable is what one would set
    const filed =
      !(variable in set) &&
      layers.some(({ values }) => values[group]?.[key] !== undefined) &&
      value !== settings[key]?.default;
    const masked = settings[key]?.sensitive !== false;
    return {
      key: filed ? `${group}.${key}` : variable,
      value: masked ? MASK : shown(value),
      expected: filed ? `${expected} (as a variable: ${variable})` : expected,
    };
  };
  const of = <G extends keyof Config, K extends keyof Config[G] & string>(
    group: G,
    key: K,
  ): Validated<Config[G][K]> => {
    const settings: Group<Config[G]> = SCHEMA[group];
    const { read, env: variable } = settings[key];
    const value = raw[group]?.[key];
    // nobody sees them, and a secret or a name would have one character more
    if (typeof value === 'string' && value !== value.trim() && !MAY_END_BLANK.has(variable))
      return E.left([fault(group, key, 'no blank and no line end before or behind it')]);
    return E.mapLeft((expected: string) => [fault(group, key, expected)])(read(value));
  };

  const config: Validated<Config> = every({
    server: every({
      port: of('server', 'port'),
      host: of('server', 'host'),
      serverId: of('server', 'serverId'),
      logLevel: of('server', 'logLevel'),
      logFormat: of('server', 'logFormat'),
      workers: of('server', 'workers'),
      maxConnections: of('server', 'maxConnections'),
      httpKeepAliveMs: of('server', 'httpKeepAliveMs'),
      drainMs: of('server', 'drainMs'),
      readyRequiresBroker: of('server', 'readyRequiresBroker'),
      allowedOrigins: of('server', 'allowedOrigins'),
      basePath: of('server', 'basePath'),
      trustedProxies: of('server', 'trustedProxies'),
    }),
    access: every({
      authEnabled: of('access', 'authEnabled'),
      jwtSecret: of('access', 'jwtSecret'),
      jwtPublicKey: of('access', 'jwtPublicKey'),
      jwtJwksUrl: of('access', 'jwtJwksUrl'),
      jwtIssuer: of('access', 'jwtIssuer'),
      jwtAudience: of('access', 'jwtAudience'),
      apiKeys: of('access', 'apiKeys'),
      globalPublish: of('access', 'globalPublish'),
    }),
    limits: every({
      maxMessageBytes: of('limits', 'maxMessageBytes'),
      sendBufferMessages: of('limits', 'sendBufferMessages'),
      sendBufferBytes: of('limits', 'sendBufferBytes'),
      pingIntervalMs: of('limits', 'pingIntervalMs'),
      pongTimeoutMs: of('limits', 'pongTimeoutMs'),
      maxRoomsPerConnection: of('limits', 'maxRoomsPerConnection'),
      rateLimitPerSecond: of('limits', 'rateLimitPerSecond'),
      rateLimitBurst: of('limits', 'rateLimitBurst'),
      rateLimitBytes: of('limits', 'rateLimitBytes'),
      handshakeTimeoutMs: of('limits', 'handshakeTimeoutMs'),
      maxConnectionsPerUser: of('limits', 'maxConnectionsPerUser'),
      maxConnectionsPerAddress: of('limits', 'maxConnectionsPerAddress'),
      outboxTotalBytes: of('limits', 'outboxTotalBytes'),
      roomLingerMs: of('limits', 'roomLingerMs'),
    }),
    broker: every({
      redisUrl: of('broker', 'redisUrl'),
      redisSentinels: of('broker', 'redisSentinels'),
      redisSentinelName: of('broker', 'redisSentinelName'),
      redisCluster: of('broker', 'redisCluster'),
      redisPrefix: of('broker', 'redisPrefix'),
      brokerTimeoutMs: of('broker', 'brokerTimeoutMs'),
      kafkaBrokers: of('broker', 'kafkaBrokers'),
      kafkaTopic: of('broker', 'kafkaTopic'),
    }),
    log: every({
      logMessages: of('log', 'logMessages'),
      logTtlMs: of('log', 'logTtlMs'),
      logPositionTtlMs: of('log', 'logPositionTtlMs'),
      databaseUrl: of('log', 'databaseUrl'),
    }),
    presence: every({
      presenceEvents: of('presence', 'presenceEvents'),
      presenceMaxRoom: of('presence', 'presenceMaxRoom'),
    }),
  });

  const relation = <A, B>(
    a: Validated<A>,
    b: Validated<B>,
    holds: (a: A, b: B) => boolean,
    otherwise: (a: A, b: B) => Fault,
  ): readonly Fault[] =>
    E.isLeft(a) || E.isLeft(b) || holds(a.right, b.right) ? [] : [otherwise(a.right, b.right)];

  const keys = every({
    secret: of('access', 'jwtSecret'),
    publicKey: of('access', 'jwtPublicKey'),
    jwksUrl: of('access', 'jwtJwksUrl'),
    apiKeys: of('access', 'apiKeys'),
  });
  const credentials = every({
    authEnabled: of('access', 'authEnabled'),
    jwtSecret: of('access', 'jwtSecret'),
    apiKeys: of('access', 'apiKeys'),
  });
  const redisUrl = of('broker', 'redisUrl');
  const sentinels = of('broker', 'redisSentinels');
  const sentinelName = of('broker', 'redisSentinelName');
  const cluster = of('broker', 'redisCluster');
  const faults = [
    ...early,
    ...layers.flatMap((layer) => layer.faults),
    ...(E.isLeft(config) ? config.left : []),
    ...relation(
      of('limits', 'pingIntervalMs'),
      of('limits', 'pongTimeoutMs'),
      (ping, pong) => ping < pong,
      (_, pong) => fault('limits', 'pingIntervalMs', `less than PONG_TIMEOUT_MS, which is ${pong}`),
    ),
    ...relation(
      of('log', 'logTtlMs'),
      of('log', 'logPositionTtlMs'),
      (messages, position) => messages <= position,
      (messages) =>
        fault('log', 'logPositionTtlMs', `not less than LOG_TTL_MS, which is ${messages}`),
    ),
    ...relation(
      of('access', 'authEnabled'),
      keys,
      (on, { secret, publicKey, jwksUrl, apiKeys }) =>
        !on || secret !== '' || publicKey !== '' || jwksUrl !== '' || apiKeys.length > 0,
      () =>
        fault(
          'access',
          'authEnabled',
          'JWT_SECRET, JWT_PUBLIC_KEY, JWT_JWKS_URL or API_KEYS beside it: nobody could come in',
        ),
    ),
    ...(E.isLeft(credentials)
      ? []
      : credentialFaults(credentials.right).map(({ key, expected }) =>
          fault('access', key, expected),
        )),
    ...relation(
      sentinels,
      sentinelName,
      (list, name) => list.length === 0 || name !== '',
      () =>
        fault('broker', 'redisSentinelName', 'the name of the master, as REDIS_SENTINELS is set'),
    ),
    ...relation(
      sentinels,
      sentinelName,
      (list, name) => list.length > 0 || name === '',
      () =>
        fault(
          'broker',
          'redisSentinels',
          'host:port of the Sentinels, as REDIS_SENTINEL_NAME is set',
        ),
    ),
    ...relation(
      cluster,
      redisUrl,
      (on, address) => !on || address !== '',
      () => fault('broker', 'redisUrl', 'a node or more, as REDIS_CLUSTER is true'),
    ),
    ...relation(
      cluster,
      redisUrl,
      (on, address) => on || !address.includes(','),
      () => fault('broker', 'redisUrl', 'one address, as REDIS_CLUSTER is false'),
    ),
    ...relation(
      cluster,
      redisUrl,
      (on, address) => !on || databaseOf(address) === 0,
      () =>
        fault(
          'broker',
          'redisUrl',
          'no database but 0, as REDIS_CLUSTER is true: a Cluster has no other',
        ),
    ),
    ...relation(
      cluster,
      sentinels,
      (on, list) => !on || list.length === 0,
      () => fault('broker', 'redisCluster', 'false, as REDIS_SENTINELS is set: a Cluster has none'),
    ),
  ];
  if (faults.length > 0 || E.isLeft(config)) return E.left(faults);
  return E.right(frozen(config.right));
};

const frozen = <A>(value: A): A => {
  if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
};

/** The text of `.env.example`: every variable, what it is, its default. */
export const envExample = (): string => {
  const groups = Object.entries(GROUPS).map(([name, settings]) => {
    const lines = Object.values(settings).map(
      ({ doc, env, default: fallback }) => `# ${doc}\n${env}=${String(fallback)}\n`,
    );
    return `# --- ${name} ---\n\n${lines.join('\n')}`;
  });
  return `${HEADER}\n${groups.join('\n')}`;
};

const HEADER = `# Every variable with its default; an empty one is as if not set. Times are in milliseconds.
# Written by \`npm run env-example\` from lib/config.ts. NODE_ENV=production reads config/production.json too.
`;
