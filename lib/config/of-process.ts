/** The configuration as a process reads it: the files of the package, `.env`, and the environment. */
import * as E from 'fp-ts/lib/Either.js';
import { fileURLToPath } from 'node:url';
import type { Environment } from './check.js';
import { withDotEnv } from './dot-env.js';
import type { Fault } from './error.js';
import { readConfig } from './index.js';
import type { Config } from './schema.js';
import { unknownVariables } from './unknown-variables.js';

/** sysexits.h: the exit code for a configuration that is wrong. */
export const EX_CONFIG = 78;

export interface ProcessConfig {
  readonly config: E.Either<readonly Fault[], Config>;
  /** A text for each line of `.env` and each variable that has no effect. */
  readonly warnings: readonly string[];
}

const FILES = fileURLToPath(new URL('../../config', import.meta.url));

/** `directory`: the folder that may have a `.env`. */
export const configOfProcess = (env: Environment, directory: string): ProcessConfig => {
  const dotEnv = withDotEnv(env, directory);
  if (E.isLeft(dotEnv)) return { config: dotEnv, warnings: [] };
  return {
    config: readConfig(dotEnv.right.env, FILES),
    warnings: [...dotEnv.right.warnings, ...unknownVariables(dotEnv.right.env)],
  };
};
