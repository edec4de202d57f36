/**
 * The configuration. It is read once, before anything else runs, into a frozen plain object. Each layer takes
 * precedence over those before it: the schema (`schema.ts`), `default.json`, `{NODE_ENV}.json`, the
 * environment. All faults are reported together, so that an operator can correct them together. No fault
 * contains a secret.
 */
import * as E from 'fp-ts/lib/Either.js';
import { check, type Environment } from './check.js';
import { ConfigError, type Fault, wrongValue } from './error.js';
import type { Config } from './schema.js';
import { filesOf, knownGroups } from './sources.js';

export type { Environment } from './check.js';
export { envExample } from './env-example.js';
export { ConfigError, type Fault, faultLine } from './error.js';
export type { Endpoint } from './hosts.js';
export type { Config } from './schema.js';

/** Some values of some groups. */
export type DeepPartial<T> = {
  readonly [K in keyof T]?:
    | (T[K] extends string | number | boolean | readonly unknown[] ? T[K] : DeepPartial<T[K]>)
    | undefined;
};

/**
 * Reads the configuration of a pod: the files in `directory`, if one is given, and the environment, which
 * takes precedence. An empty variable counts as not set.
 */
export const readConfig = (
  env: Environment,
  directory: string | undefined,
): E.Either<readonly Fault[], Config> => {
  if (!isEnvironment(env)) return E.left([noEnvironment(env)]);
  const { files, faults } = filesOf(env['NODE_ENV'] ?? '', directory);
  return check(files.map(knownGroups), env, faults);
};

/**
 * The configuration of a program that embeds the library: the defaults and `overrides`, which take
 * precedence, with the same checks as for the service. `Left` lists every fault. The environment counts only
 * when it is passed (`process.env`); then its variables take precedence over `overrides`.
 */
export const configOf = (
  overrides: DeepPartial<Config> = {},
  env: Environment = {},
): E.Either<readonly Fault[], Config> =>
  isEnvironment(env) ? check([knownGroups(overrides)], env, []) : E.left([noEnvironment(env)]);

/**
 * `configOf` for programs that end on a fault: throws a `ConfigError` whose text has a line for each fault.
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

/** Programs without types can pass anything. */
const isEnvironment = (env: unknown): boolean => typeof env === 'object' && env !== null;

const noEnvironment = (env: unknown): Fault =>
  wrongValue('environment', env, 'variables by name, such as process.env');
