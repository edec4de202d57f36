/** What a command sees of the process, and the options that it was given. */
import * as E from 'fp-ts/lib/Either.js';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { type Fault, faultLine } from '../config/index.js';
import { EX_CONFIG } from '../config/of-process.js';

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that may have a `.env`. */
  readonly directory: string;
  /** How many files the process may open; undefined: the system does not limit it, or does not report it. */
  readonly openFiles: number | undefined;
  /** Writes a line to standard output: the result, for other programs too. */
  readonly print: (line: string) => void;
  /** Writes a line to standard error. */
  readonly complain: (line: string) => void;
  /** Resolves when a signal ends the command. */
  readonly stopped: Promise<string>;
}

/** sysexits.h: the command was written wrongly. */
export const EX_USAGE = 64;

interface Parsing<T> {
  readonly args: string[];
  readonly options: T;
  readonly allowPositionals: true;
  readonly strict: true;
}

/** Reads the options of a command. `Left` says what is wrong. */
export const optionsIn = <T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
): E.Either<string, ReturnType<typeof parseArgs<Parsing<T>>>> =>
  E.tryCatch(
    () => parseArgs({ args: [...args], options, allowPositionals: true, strict: true }),
    // Node's text goes on with a way to write arguments that begin with a dash
    (error) => (error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error)),
  );

/** One line for each fault on standard error. */
export const misconfigured = (faults: readonly Fault[], { complain }: Terminal): number => {
  for (const fault of faults) complain(faultLine(fault));
  return EX_CONFIG;
};

export const misused = (text: string, { complain }: Terminal): number => {
  complain(text);
  return EX_USAGE;
};
