/**
 * From layers of values to a checked configuration. All faults are found together, relations included:
 *
 *   layers ──convict──► raw values ──formats──► valid values ──relations──► Config, or every fault
 *
 * convict only merges the layers and the variables. convict's own formats would coerce a value by the type
 * of the setting's default, and convict's `validate` puts all faults into one text, with secrets. So
 * convict has one format that changes no value, and `Setting.read` checks each value.
 */
import convict from 'convict';
import * as E from 'fp-ts/lib/Either.js';
import { type Fault, MASK, shown } from './error.js';
import { type Misfit, misfitsIn } from './relations.js';
import { type Config, type PartialConfig, SCHEMA } from './schema.js';
import { AS_IT_IS, type Setting } from './setting.js';
import { GROUPS, type Known } from './sources.js';

/** Variables by name, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

convict.addFormat({ name: AS_IT_IS, coerce: (raw: unknown) => raw, validate: () => undefined });

/** `early`: faults that were found while the files were read. An empty variable counts as not set. */
export const check = (
  layers: readonly Known[],
  env: Environment,
  early: readonly Fault[],
): E.Either<readonly Fault[], Config> => {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const raw = merged(layers, set);
  const readings = Object.entries(GROUPS).flatMap(([group, settings]) =>
    Object.entries(settings).map(([key, setting]): Reading => {
      const value = readBy(setting, raw[group]?.[key]);
      return { group, key, value };
    }),
  );
  const good = goodOf(readings);
  const misfits = readings.flatMap(({ group, key, value }): readonly Misfit[] =>
    E.isLeft(value) ? [{ group, key, expected: value.left }] : [],
  );
  const faults = [
    ...early,
    ...layers.flatMap((layer) => layer.faults),
    ...[...misfits, ...misfitsIn(good)].map((misfit) => faultOf(misfit, raw, layers, set)),
  ];
  return faults.length === 0 && isComplete(good) ? E.right(frozen(good)) : E.left(faults);
};

type Values = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const merged = (layers: readonly Known[], set: Environment): Values => {
  const merging = convict<Record<string, Record<string, unknown>>>(GROUPS, { env: set, args: [] });
  for (const { values } of layers) merging.load(values);
  return merging.getProperties();
};

// reading

/** One setting after reading: `Left` says what is expected. */
interface Reading {
  readonly group: string;
  readonly key: string;
  readonly value: E.Either<string, unknown>;
}

/**
 * Settings whose value may have blanks around it: PEM ends with a line end, and a blank may be part of a
 * secret. For a secret there is a warning (`credentials.ts`).
 */
const MAY_END_BLANK: ReadonlySet<string> = new Set(['JWT_PUBLIC_KEY', 'JWT_SECRET']);

/** Blanks around a value are refused: nobody sees them, and they would be part of the value. */
const readBy = ({ read, env }: Setting<unknown>, raw: unknown): E.Either<string, unknown> =>
  typeof raw === 'string' && raw !== raw.trim() && !MAY_END_BLANK.has(env)
    ? E.left('a value without blanks or line ends around it')
    : read(raw);

const goodOf = (readings: readonly Reading[]): PartialConfig => {
  const groups = Object.keys(GROUPS).map((name) => {
    const values = readings.flatMap(({ group, key, value }) =>
      group === name && E.isRight(value) ? [[key, value.right] as const] : [],
    );
    return [name, Object.fromEntries(values)] as const;
  });
  // each value came from the format of its own setting, and the type of `Config` is made of these formats
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion
  return Object.fromEntries(groups) as PartialConfig;
};

const sizeOf = (groups: object): number => Object.values(groups).flatMap(Object.keys).length;

/** Whether every setting of the schema has its value. */
const isComplete = (good: PartialConfig): good is Config => sizeOf(good) === sizeOf(SCHEMA);

const frozen = <A>(value: A): A => {
  if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
};

// faults

/**
 * Names the path (`group.key`) when the value came from a file or from a program, else the variable. A value
 * that may be secret is masked.
 */
const faultOf = (
  { group, key, expected }: Misfit,
  raw: Values,
  layers: readonly Known[],
  set: Environment,
): Fault => {
  const setting = GROUPS[group]?.[key];
  const value = raw[group]?.[key];
  const variable = setting?.env ?? key;
  // a file may repeat the default of the schema: nobody chose that value, so the variable is named
  const isFromFile =
    !(variable in set) &&
    layers.some(({ values }) => values[group]?.[key] !== undefined) &&
    value !== setting?.default;
  return {
    key: isFromFile ? `${group}.${key}` : variable,
    value: setting?.sensitive === false ? shown(value) : MASK,
    expected: isFromFile ? `${expected} (as a variable: ${variable})` : expected,
  };
};
