/**
 * Values of a program that JSON would change silently: a Map becomes `{}`, an instance of a class loses its
 * getters, a function is dropped, `undefined` in a list becomes null. Such a value is refused, and the error
 * text says where it is.
 */
import { flawIn, kindOf, MAX_DEPTH } from './json.js';

/**
 * What JSON would change silently, and where, as the text after `data`; undefined: nothing. A field that is
 * undefined may be dropped. `flawIn` finds the other faults: depth, numbers, characters of texts.
 */
export const nonJsonIn = (value: unknown, path = '', depth = 0): string | undefined => {
  if (depth > MAX_DEPTH) return undefined;
  switch (typeof value) {
    case 'function':
    case 'symbol':
      return `${path}: expected a JSON value, got ${kindOf(value)}; leave it out`;
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return undefined;
  const own = ownJson(value);
  if (own !== undefined) {
    const converted: unknown = own();
    const flaw = flawIn(converted, depth, true);
    return flaw === undefined ? nonJsonIn(converted, path, depth + 1) : `${path}: ${flaw}`;
  }
  if (Array.isArray(value)) return unplainItem(value, path, depth);
  const name = className(value);
  if (name !== undefined)
    return `${path}: expected a plain object or an array, got an instance of ${name}; convert it to a plain value, or give it a toJSON method`;
  for (const key of Object.keys(value)) {
    const flaw = nonJsonIn(Reflect.get(value, key), `${path}${step(key)}`, depth + 1);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
};

const unplainItem = (
  items: readonly unknown[],
  path: string,
  depth: number,
): string | undefined => {
  // by index, as `entries` is slow for a list with holes; a hole counts as undefined
  for (let at = 0; at < items.length; at++) {
    const item = items[at];
    const flaw =
      item === undefined
        ? `${path}[${at}]: expected a JSON value, got nothing; leave it out, or send null`
        : nonJsonIn(item, `${path}[${at}]`, depth + 1);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
};

/** The JSON form of a value that has a `toJSON`: of a Date it is a text. */
const ownJson = (value: object): (() => unknown) | undefined => {
  const own: unknown = Reflect.get(value, 'toJSON');
  return typeof own === 'function' ? (): unknown => Reflect.apply(own, value, ['']) : undefined;
};

/** The class of an instance; undefined for a plain object, also of another realm. */
const className = (value: object): string | undefined => {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== 'object' || prototype === null) return undefined;
  if (Object.getPrototypeOf(prototype) === null) return undefined;
  const made: unknown = Reflect.get(prototype, 'constructor');
  return typeof made === 'function' && made.name !== '' ? made.name : 'a class';
};

/** A field in a path, as JavaScript would write it. */
const step = (key: string): string =>
  /^[A-Za-z_$][\w$]{0,63}$/.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 64))}]`;
