/**
 * `.env` in the folder in which the service starts. The environment takes precedence, as with `node
 * --env-file`.
 */
import * as E from 'fp-ts/lib/Either.js';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Fault } from './error.js';

type Environment = Readonly<Record<string, string | undefined>>;

export const withDotEnv = (
  env: Environment,
  directory: string,
): E.Either<readonly Fault[], Environment> => {
  try {
    const text = readFileSync(join(directory, '.env'), 'utf8').replace(BOM, '');
    return E.right({ ...parseEnv(text), ...set(env) });
  } catch (error) {
    return NO_FILE.has(codeOf(error)) ? E.right(env) : E.left([UNREADABLE]);
  }
};

/** An empty variable counts as not set, in the file too. */
const set = (env: Environment): Environment =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));

/** Windows editors write it at the start of a file. */
const BOM = /^\uFEFF/;

/** No such file, a folder of that name, or no access under Node's permission model. */
const NO_FILE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ERR_ACCESS_DENIED']);

const UNREADABLE: Fault = {
  key: '.env',
  value: 'the file',
  expected: 'a file that this user may read, or none',
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';
