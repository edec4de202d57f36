/**
 * What is wrong with a configuration, in a form that may stand in a log: one line, no secret.
 */

/** One thing that is wrong: `key` is the variable, or the path in a file when the value came from there. */
export interface Fault {
  readonly key: string;
  /** On one line; secrets masked. */
  readonly value: string;
  readonly expected: string;
}

/** A fault as one line of a log. */
export const faultLine = ({ key, value, expected }: Fault): string =>
  `${key}=${value}: expected ${expected}`;

/** What `configOrThrow` throws: its text has a line for each fault, and shows no secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly faults: readonly Fault[]) {
    super(`the configuration has faults:\n${faults.map(faultLine).join('\n')}`);
  }
}

/** What stands where nothing is known: a secret under a mistyped key, perhaps, so its kind is all that is shown. */
export const wrongValue = (key: string, value: unknown, expected: string): Fault => ({
  key: printable(key),
  value: value === null ? 'null' : Array.isArray(value) ? '(an array)' : `(${typeof value})`,
  expected,
});

export const MASK = '***';
const SHOWN = 120;

/** The value on one line, without what stands before an `@` or behind a `?`: passwords do, in any URL. */
export const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return printable(
    withoutPassword(text)
      .replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, `$1${MASK}@`)
      .replace(/[?#].*/s, (rest) => `${rest.charAt(0)}${MASK}`),
  );
};

/** Of a Redis URL whose `@` was forgotten, what stands where only a port may: `redis://:password`. */
const withoutPassword = (text: string): string =>
  text.includes('@')
    ? text
    : text.replace(/^(rediss?:\/\/[^:[\]]*:)(?!\d*(?:[/,]|$)).*/is, `$1${MASK}`);

const printable = (text: string): string => {
  const line = JSON.stringify(text).slice(1, -1);
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
};
