/**
 * JSON of a token. RFC 8259 does not say which of two equal names in an object counts: a proxy and this
 * service could read different claims. So a text is refused when one of its objects has the same name twice:
 * at any depth, and also when the two names are escaped differently.
 */
import * as E from 'fp-ts/lib/Either.js';

export type JsonFault = 'NotJson' | 'NameTwice';

export const strictJson = (bytes: Uint8Array): E.Either<JsonFault, unknown> =>
  E.Chain.chain(
    E.tryCatch(
      () => {
        const text = utf8.decode(bytes);
        const value: unknown = JSON.parse(text);
        return { text, value };
      },
      (): JsonFault => 'NotJson',
    ),
    ({ text, value }) => (hasNameTwice(text) ? E.left('NameTwice') : E.right(value)),
  );

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Strings and brackets: in valid JSON they are enough to know in which object a name is. */
const PIECE = /("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/gs;

/** Whether an object of valid JSON has a name twice. */
const hasNameTwice = (json: string): boolean => {
  const open: Set<unknown>[] = [];
  for (const [piece, text, colon] of json.matchAll(PIECE)) {
    if (piece === '{' || piece === '[') open.push(new Set());
    else if (piece === '}' || piece === ']') open.pop();
    else if (text !== undefined && colon !== undefined) {
      const name: unknown = JSON.parse(text);
      const names = open.at(-1);
      if (names?.has(name) === true) return true;
      names?.add(name);
    }
  }
  return false;
};
