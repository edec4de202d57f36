/** JSON values: which ones can be passed on, and how error texts name the others. */
import * as E from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import type { Refusal } from './system-event.js';
import { FIRST_INEXACT, withoutInexact } from './json-numbers.js';

/** Any JSON value. */
export type Json = unknown;

/** docs/protocol.md, section 4.2: nested arrays and objects; bytes of a message as the server encodes it. */
export const MAX_DEPTH = 32;
export const MAX_ENCODED_BYTES = 131_072;

/** A JSON object. */
export const Envelope = t.UnknownRecord;

export const refuse = (code: Refusal['code'], text: string): E.Either<Refusal, never> =>
  E.left({ code, text });

export const wrong = (field: string, expected: string, came: unknown): E.Either<Refusal, never> =>
  refuse('invalid_message', `${field}: expected ${expected}, got ${kindOf(came)}`);

/**
 * A name from a client, for error texts. Only a short and printable name is repeated: a long one could be a
 * token in the wrong field.
 */
export const named = (name: string): string =>
  /^[\w.$-]{1,32}$/.test(name) ? name : `a field with a name of ${name.length} characters`;

/** The kind of a value in words, for error texts. */
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

/** Where in a JSON text a value is: names of fields and indices of arrays, from the outside in. */
export type JsonPath = readonly (string | number)[];

/** The path of the data when the text is one message. */
export const DATA: JsonPath = ['data'];

/** Parsed JSON with its text, which shows what the values do not. */
export class JsonText {
  /** Whether the text has a `\u`: only such an escape can write U+0000 or half of a surrogate pair. */
  private readonly escapes: boolean;
  private exactOnce: { readonly value: unknown } | undefined;

  private constructor(
    private readonly text: string,
    readonly value: unknown,
  ) {
    this.escapes = text.includes('\\u');
  }

  /** Undefined when the text is no JSON. */
  static read(text: string): JsonText | undefined {
    try {
      return new JsonText(text, JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  /** Why `value`, which is at this path, cannot be passed on; undefined when it can. */
  flawIn(value: unknown, path: JsonPath): string | undefined {
    const flaw = flawIn(value, 0, this.escapes, INEXACT);
    return flaw === INEXACT ? flawIn(valueAt(this.exact, path), 0, this.escapes, undefined) : flaw;
  }

  /** Parsed once for each text: a list may have a hundred messages with large numbers. */
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
  'a number is NaN, too large for a double, or an integer that would change its value; send it as a string';

/**
 * Why a value cannot be passed on as JSON; undefined when it can. Goes at most 33 levels deep, so the stack
 * does not overflow as in `JSON.stringify`. `escapes`: texts must be checked. `large`: the error for a number
 * that may be another integer in the JSON text.
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
      // an application may have given BigInt a toJSON
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
      // `for in` makes no array, so it takes a third of the time of `Object.values`
      for (const key in value) {
        const flaw =
          (escapes ? flawIn(key, depth, true) : undefined) ??
          flawIn(Reflect.get(value, key), depth + 1, escapes, large);
        if (flaw !== undefined) return flaw;
      }
      return undefined;
    }
    default:
      return undefined;
  }
};
