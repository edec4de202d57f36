/** Variables that nobody knows and that look like ours: told, as a value under a mistyped name does nothing. */
import { GROUPS } from './layers.js';

const NAMES: readonly string[] = [
  'NODE_ENV',
  ...Object.values(GROUPS).flatMap((group) => Object.values(group).map(({ env }) => env)),
];
/** Of a shorter name too many other programs' variables are one letter off: only swapped letters count. */
const MIN_LENGTH = 6;

/** Whether one letter more, less, changed, or two swapped make one text of the other. */
const isOneOff = (a: string, b: string): boolean => {
  if (a === b || Math.abs(a.length - b.length) > 1) return false;
  let from = 0;
  while (from < a.length && a[from] === b[from]) from += 1;
  const [restA, restB] = [a.slice(from), b.slice(from)];
  return (
    restA.slice(1) === restB ||
    restA === restB.slice(1) ||
    restA.slice(1) === restB.slice(1) ||
    areSwapped(restA, restB)
  );
};

const areSwapped = (a: string, b: string): boolean =>
  a[0] === b[1] && a[1] === b[0] && a.length === b.length && a.slice(2) === b.slice(2);

const isMeant = (name: string, known: string): boolean => {
  if (known.includes('_') && name.toUpperCase().replaceAll('-', '_') === known) return true;
  return known.length < MIN_LENGTH
    ? name.length === known.length &&
        name !== known &&
        isOneOff(name, known) &&
        isShuffled(name, known)
    : isOneOff(name.toUpperCase(), known);
};

const isShuffled = (a: string, b: string): boolean =>
  Buffer.from(a).sort().equals(Buffer.from(b).sort());

/** A line for each variable of an environment that is set, that is none of ours, and that looks like one of ours. */
export const unknownVariables = (
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] =>
  Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined || value === '' || NAMES.includes(name)) return [];
    const meant = NAMES.find((known) => isMeant(name, known));
    return meant === undefined
      ? []
      : [`${name} is no variable of this service: is ${meant} meant?`];
  });
