/**
 * A token before anybody believes it: its size, its form and its header (RFC 7515). What a header may say is which key and
 * which of four algorithms; whatever else it names (`jku`, `jwk`, `x5u`) nobody follows.
 */
import * as E from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import type { Denial } from './index.js';

export interface Token {
  readonly text: string;
  readonly alg: Algorithm;
  readonly kid: string | undefined;
}

export type Algorithm = 'HS256' | 'RS256' | 'ES256' | 'EdDSA';

/** Contract section 7. */
const MAX_BYTES = 4_096;
/** Three parts in base64url, none of them empty: an encrypted token has five, an unsigned one no third. */
const FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/;

const Header = t.intersection([t.type({ alg: t.string }), t.partial({ kid: t.string })]);

export const tokenOf = (text: string): E.Either<Denial, Token> => {
  if (text.length > MAX_BYTES) return malformed(`at most ${MAX_BYTES} bytes`);
  if (!FORM.test(text)) return malformed('a signed JWT: three parts in base64url');
  const json = utf8Of(text.slice(0, text.indexOf('.')));
  const header = json === undefined ? undefined : parse(json);
  if (json === undefined || !Header.is(header)) return malformed('a header: a JSON object');
  // which of two counted would be for each reader to say
  if (hasTwice(json)) return malformed('a header with each name once');
  // RFC 7515 §4.1.11: what is critical must be understood, and we understand none
  if (Object.hasOwn(header, 'crit')) return malformed('a header without crit');
  const alg = ALGORITHMS.find((known) => known === header.alg);
  return alg === undefined
    ? E.left({ _tag: 'Untrusted' })
    : E.right({ text, alg, kid: header.kid });
};

const ALGORITHMS: readonly Algorithm[] = ['HS256', 'RS256', 'ES256', 'EdDSA'];

const malformed = (expected: string): E.Either<Denial, never> =>
  E.left({ _tag: 'Malformed', expected });

const utf8 = new TextDecoder('utf-8', { fatal: true });

const utf8Of = (base64url: string): string | undefined => {
  try {
    return utf8.decode(Buffer.from(base64url, 'base64url'));
  } catch {
    return undefined;
  }
};

const parse = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
};

/** Strings, and the brackets around them: of valid JSON nothing else says at which depth a name stands. */
const PIECE = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/gs;

/** Whether the outermost object of valid JSON names a key twice, however it is written. */
const hasTwice = (json: string): boolean => {
  const names = new Set<unknown>();
  let depth = 0;
  for (const [piece, colon] of json.matchAll(PIECE)) {
    if (piece === '{' || piece === '[') depth++;
    else if (piece === '}' || piece === ']') depth--;
    else if (depth === 1 && colon !== undefined) {
      const name = parse(piece.slice(0, -colon.length));
      if (names.has(name)) return true;
      names.add(name);
    }
  }
  return false;
};
