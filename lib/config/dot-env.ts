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

export interface WithDotEnv {
  readonly env: Environment;
  /** A text for each line that is no assignment, no comment, and not empty. */
  readonly warnings: readonly string[];
}

export const withDotEnv = (
  env: Environment,
  directory: string,
): E.Either<readonly Fault[], WithDotEnv> => {
  try {
    const text = readFileSync(join(directory, '.env'), 'utf8').replace(BOM, '');
    const { good, bad } = linesOf(text.replaceAll('\r\n', '\n').split('\n'));
    return E.right({
      env: { ...parseEnv(good.join('\n')), ...set(env) },
      warnings: bad.map((line) => `.env, line ${line}: write NAME=value; the line has no effect`),
    });
  } catch (error) {
    return NO_FILE.has(codeOf(error))
      ? E.right({ env, warnings: [] })
      : E.left([unreadable(directory)]);
  }
};

/** The name, and the quote with which its value begins. */
const ASSIGNMENT = /^\s*(?:export\s+)?[^\s=#]+\s*=\s*(["'`])?/;
const NO_TEXT = /^\s*(?:#|$)/;

/**
 * The lines for Node's parser, and the numbers of the others. Node's parser takes a line without `=` for a
 * part of the next variable's name, so that neither has an effect. A value in quotes may have several lines.
 */
const linesOf = (
  lines: readonly string[],
): { readonly good: readonly string[]; readonly bad: readonly number[] } => {
  const good: string[] = [];
  const bad: number[] = [];
  let next = 0;
  for (const [at, line] of lines.entries()) {
    if (at < next) continue;
    const start = ASSIGNMENT.exec(line);
    next = start === null ? at + 1 : endOf(lines, at, start[0].length, start[1]) + 1;
    if (start === null && !NO_TEXT.test(line)) bad.push(next);
    else good.push(...lines.slice(at, next));
  }
  return { good, bad };
};

/** The last line of a value that begins at `column` of a line, behind this quote. */
const endOf = (
  lines: readonly string[],
  from: number,
  column: number,
  quote: string | undefined,
): number => {
  if (quote === undefined || (lines[from] ?? '').includes(quote, column)) return from;
  const end = lines.findIndex((line, at) => at > from && line.includes(quote));
  return end === -1 ? from : end;
};

/** An empty variable counts as not set: then the value of the file counts. */
const set = (env: Environment): Environment =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));

/** Windows editors write it at the start of a file. */
const BOM = /^\uFEFF/;

/** No such file, a folder of that name, or no access under Node's permission model. */
const NO_FILE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ERR_ACCESS_DENIED']);

const unreadable = (directory: string): Fault => ({
  key: join(directory, '.env'),
  expected: 'a file that this user may read, or none',
});

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';
