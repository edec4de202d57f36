/** The faults of a configuration, in a form for the log: one line, no secret. */

/** One fault. `key` is the variable, or `group.key` when the value came from a file or from a program. */
export interface Fault {
  readonly key: string;
  /** On one line; secrets masked. Absent for the fault of a whole file: then `key` is its path. */
  readonly value?: string;
  readonly expected: string;
}

/** A fault as one line of the log. */
export const faultLine = ({ key, value, expected }: Fault): string =>
  `${key}${value === undefined ? '' : `=${value}`}: expected ${expected}`;

/** The error of `configOrThrow`. Its text has a line for each fault and contains no secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly faults: readonly Fault[]) {
    super(`the configuration has faults:\n${faults.map(faultLine).join('\n')}`);
  }
}

/**
 * A fault that shows only the type of the value. A value under an unknown key may be a secret whose key is
 * misspelled.
 */
export const wrongValue = (key: string, value: unknown, expected: string): Fault => ({
  key: printable(key),
  value: value === null ? 'null' : Array.isArray(value) ? '(an array)' : `(${typeof value})`,
  expected,
});

export const MASK = '***';
const SHOWN = 120;

/** The value on one line, without the parts before `@` and after `?` or `#`: passwords of a URL are there. */
export const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return printable(
    withoutPassword(text)
      .replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, `$1${MASK}@`)
      .replace(/[?#].*/s, (rest) => `${rest.charAt(0)}${MASK}`),
  );
};

/**
 * Hides the password of a URL of Redis or PostgreSQL without `@`: the text at a position where only a port is
 * allowed, as in `redis://:password`.
 */
const withoutPassword = (text: string): string =>
  text.includes('@')
    ? text
    : text.replace(
        /^((?:rediss?|postgres(?:ql)?):\/\/[^:[\]]*:)(?!\d*(?:[/,]|$)).*/is,
        `$1${MASK}`,
      );

const printable = (text: string): string => {
  const line = JSON.stringify(text).slice(1, -1);
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
};
