/** JSON values: what is fit to be sent on, and how to say what came instead. */
import * as E from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import type { Refusal } from '../control.js';

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

/**
 * What makes a JSON value unfit to be sent on, or undefined. Goes at most 33 levels deep, so it cannot overflow the
 * stack where `JSON.stringify` would. Texts need a look only where the JSON had an escape: raw UTF-8 holds neither
 * U+0000 nor half a surrogate pair.
 */
export const flawIn = (value: unknown, depth: number, escapes: boolean): string | undefined => {
  switch (typeof value) {
    case 'string':
      if (!escapes) return undefined;
      if (value.includes('\u0000')) return 'expected text without U+0000, got one with it';
      return value.isWellFormed()
        ? undefined
        : 'expected well-formed Unicode, got a lone surrogate';
    case 'number':
      return Number.isFinite(value)
        ? undefined
        : 'expected a number that a double can hold, got a larger one';
    case 'object': {
      if (value === null) return undefined;
      if (depth === MAX_DEPTH)
        return `expected at most ${MAX_DEPTH} arrays and objects inside each other, got more`;
      if (Array.isArray(value)) {
        for (const item of value) {
          const flaw = flawIn(item, depth + 1, escapes);
          if (flaw !== undefined) return flaw;
        }
        return undefined;
      }
      for (const key of Object.keys(value)) {
        const item: unknown = Reflect.get(value, key);
        const flaw =
          (escapes ? flawIn(key, depth, true) : undefined) ?? flawIn(item, depth + 1, escapes);
        if (flaw !== undefined) return flaw;
      }
      return undefined;
    }
    default:
      return undefined;
  }
};
