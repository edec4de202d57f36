/** JSON values: what is fit to be sent on, and how to say what came instead. */
import * as E from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import type { Refusal } from './system-event.js';
import { FIRST_INEXACT, withoutInexact } from './json-numbers.js';

/** `data` as it came: any JSON value. */
export type Json = unknown;

/** Contract sections 1 and 5: arrays and objects inside each other; bytes of a message as encoded again. */
export const MAX_DEPTH = 32;
export const MAX_ENCODED_BYTES = 131_072;

/** A JSON object; an array is one to io-ts too. */
export const Envelope = t.UnknownRecord;

export const refuse = (code: Refusal['code'], text: string): E.Either<Refusal, never> =>
  E.left({ code, text });

export const wrong = (field: string, expected: string, came: unknown): E.Either<Refusal, never> =>
  refuse('invalid_message', `${field}: expected ${expected}, got ${kindOf(came)}`);

/** A name that came, for texts: one that can be read, harms no log, and is too short for a token that stands at the wrong place. */
export const named = (name: string): string =>
  /^[\w.$-]{1,32}$/.test(name) ? name : `a field with a name of ${name.length} characters`;

/** A value's kind, in words, for texts that say what came. */
export const kindOf = (value: unknown): string =>
  value === undefined
    ? 'nothing'
    : value === null
      ? 'null'
      : Array.isArray(value)
        ? 'an array'
        : typeof value === 'object'
          ? 'an object'
          : `a ${typeof value}`;

/** Where in a JSON text a value stands: names of fields and places in arrays, from the outside in. */
export type JsonPath = readonly (string | number)[];

/** The path of a message's data, where the text is one message. */
export const DATA: JsonPath = ['data'];

/** JSON that was read, and its text, which says what the values do not. */
export class JsonText {
  /** Only where the JSON had an escape can a text hold U+0000 or half a surrogate pair. */
  private readonly escapes: boolean;
  private exactOnce: { readonly value: unknown } | undefined;

  private constructor(
    private readonly text: string,
    readonly value: unknown,
  ) {
    this.escapes = text.includes('\\u');
  }

  /** Undefined where the text is no JSON. */
  static read(text: string): JsonText | undefined {
    try {
      return new JsonText(text, JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  /** What makes the value at this path, which is `value`, unfit to be sent on, or undefined. */
  flawIn(value: unknown, path: JsonPath): string | undefined {
    const flaw = flawIn(value, 0, this.escapes, INEXACT);
    return flaw === INEXACT ? flawIn(valueAt(this.exact, path), 0, this.escapes, undefined) : flaw;
  }

  /** Once a text: a list may have a hundred messages with large numbers. */
  private get exact(): unknown {
    this.exactOnce ??= { value: JSON.parse(withoutInexact(this.text)) };
    return this.exactOnce.value;
  }
}

const valueAt = (root: unknown, path: JsonPath): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined,
    root,
  );

const INEXACT =
  'a number is beyond a double, NaN, or an integer with digits that a double does not keep; send it as a string';

/**
 * What makes a value unfit to be sent on as JSON, or undefined. Goes at most 33 levels deep, so it cannot overflow the
 * stack where `JSON.stringify` would. `escapes`: texts need a look. `large`: the flaw of a number that may have been another
 * integer in the text that it was read from.
 */
export const flawIn = (
  value: unknown,
  depth: number,
  escapes: boolean,
  large?: string,
): string | undefined => {
  switch (typeof value) {
    case 'string':
      if (!escapes) return undefined;
      if (value.includes('\u0000')) return 'remove the character U+0000 from the text';
      return value.isWellFormed()
        ? undefined
        : 'expected well-formed Unicode, got a lone surrogate';
    case 'number':
      if (Math.abs(value) < FIRST_INEXACT) return undefined;
      return Number.isFinite(value) ? large : INEXACT;
    case 'bigint':
      // an application may have taught JSON about it
      return 'toJSON' in BigInt.prototype
        ? undefined
        : 'a bigint is no JSON value; send it as a string';
    case 'object': {
      if (value === null) return undefined;
      if (depth === MAX_DEPTH)
        return `expected at most ${MAX_DEPTH} arrays and objects inside each other, got more`;
      if (Array.isArray(value)) {
        for (const item of value) {
          const flaw = flawIn(item, depth + 1, escapes, large);
          if (flaw !== undefined) return flaw;
        }
        return undefined;
      }
      for (const key of Object.keys(value)) {
        const item: unknown = Reflect.get(value, key);
        const flaw =
          (escapes ? flawIn(key, depth, true) : undefined) ??
          flawIn(item, depth + 1, escapes, large);
        if (flaw !== undefined) return flaw;
      }
      return undefined;
    }
    default:
      return undefined;
  }
};
