/**
 * The values of files and programs, sorted into known and unknown keys. Only the known ones are given to
 * convict, which ignores unknown keys, and throws at an object in place of a value.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { jsonFault } from '../protocol/json-fault.js';
import { type Fault, shown, wrongValue } from './error.js';
import { SCHEMA } from './schema.js';
import type { Settings } from './setting.js';

/** The schema by name, for names that come from outside. */
export const GROUPS: Settings = SCHEMA;

export interface Known {
  readonly values: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly faults: readonly Fault[];
}

interface Files {
  readonly files: readonly unknown[];
  readonly faults: readonly Fault[];
}

const ENVIRONMENT = /^[A-Za-z0-9_-]*$/;

/** The files of a directory, `default.json` and `{NODE_ENV}.json`, as far as they exist. */
export const filesOf = (nodeEnv: string, directory: string | undefined): Files => {
  if (directory === undefined) return { files: [], faults: [] };
  // NODE_ENV becomes a part of a file's name
  if (!ENVIRONMENT.test(nodeEnv))
    return {
      files: [],
      faults: [{ key: 'NODE_ENV', value: shown(nodeEnv), expected: 'a name of A-Z a-z 0-9 _ -' }],
    };
  const names = new Set(['default.json', ...(nodeEnv === '' ? [] : [`${nodeEnv}.json`])]);
  const results = [...names].flatMap((name) =>
    existsSync(join(directory, name)) ? [fileOf(join(directory, name))] : [],
  );
  return {
    files: results.flatMap((result) => (E.isRight(result) ? [result.right] : [])),
    faults: results.flatMap((result) => (E.isLeft(result) ? [result.left] : [])),
  };
};

const fileOf = (path: string): E.Either<Fault, unknown> =>
  E.Chain.chain(
    E.tryCatch(
      () => readFileSync(path, 'utf8'),
      () => ({ key: path, expected: 'a file that can be read' }),
    ),
    // Windows editors write a byte order mark at the start
    (text) => jsonOf(path, text.replace(/^\uFEFF/, '')),
  );

const jsonOf = (path: string, text: string): E.Either<Fault, unknown> =>
  text.trim() === ''
    ? E.left({ key: path, expected: 'one JSON object, such as {}: the file is empty' })
    : E.tryCatch(
        (): unknown => JSON.parse(text),
        () => {
          const { line, column } = jsonFault(text);
          const expected = `JSON; the file stops being JSON at line ${line}, column ${column}`;
          return { key: path, expected };
        },
      );

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Sorts one layer. */
export const knownGroups = (file: unknown): Known => {
  if (!isObject(file))
    return { values: {}, faults: [wrongValue('configuration', file, 'an object of groups')] };
  const groups = Object.entries(file).map(([name, group]) => knownGroup(name, group));
  return {
    values: Object.fromEntries(groups.map(({ name, values }) => [name, values])),
    faults: groups.flatMap(({ faults }) => faults),
  };
};

const knownGroup = (
  name: string,
  group: unknown,
): {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly faults: readonly Fault[];
} => {
  const settings = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
  if (group === undefined) return { name, values: {}, faults: [] };
  if (settings === undefined)
    return {
      name,
      values: {},
      faults: [wrongValue(name, group, `a known group: ${Object.keys(GROUPS).join(', ')}`)],
    };
  if (!isObject(group))
    return {
      name,
      values: {},
      faults: [wrongValue(name, group, `an object with ${Object.keys(settings).join(', ')}`)],
    };
  const given = Object.entries(group).filter(([, value]) => value !== undefined);
  return {
    name,
    values: Object.fromEntries(
      given.filter(([key, value]) => Object.hasOwn(settings, key) && !isObject(value)),
    ),
    faults: given.flatMap(([key, value]) => {
      if (!Object.hasOwn(settings, key))
        return [
          wrongValue(`${name}.${key}`, value, `a known key: ${Object.keys(settings).join(', ')}`),
        ];
      return isObject(value)
        ? [wrongValue(`${name}.${key}`, value, 'one value, not an object')]
        : [];
    }),
  };
};
