/**
 * A token before its signature is checked: size, form and header (RFC 7515). The header selects a key by
 * `kid` and one of four algorithms. A header with `crit` or `b64` is refused. All else in it
 * (`jku`, `jwk`, `x5u`) is ignored.
 */
import * as E from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import type { Denial } from './index.js';
import { type JsonFault, strictJson } from './strict-json.js';

export interface UnverifiedJwt {
  readonly text: string;
  readonly alg: Algorithm;
  readonly kid: string | undefined;
}

export type Algorithm = 'HS256' | 'RS256' | 'ES256' | 'EdDSA';

/** docs/protocol.md, section 2.1. */
const MAX_BYTES = 4_096;
/**
 * Three parts in base64url, none of them empty. An encrypted token has five parts, and an unsigned one has an
 * empty third part.
 */
const FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/;

const Header = t.intersection([t.type({ alg: t.string }), t.partial({ kid: t.string })]);

export const unverifiedJwt = (text: string): E.Either<Denial, UnverifiedJwt> => {
  if (text.length > MAX_BYTES) return malformed(`at most ${MAX_BYTES} bytes`);
  if (!FORM.test(text)) return malformed('a signed JWT: three parts in base64url');
  // unused bits must be zero: else one token could be written as many different texts (RFC 4648 §3.5)
  if (!text.split('.').every(isCanonical)) return malformed('base64url whose unused bits are zero');
  const json = strictJson(Buffer.from(text.slice(0, text.indexOf('.')), 'base64url'));
  if (E.isLeft(json)) return malformed(HEADER_FAULTS[json.left]);
  const header = json.right;
  if (!Header.is(header)) return malformed(HEADER_FAULTS.NotJson);
  // RFC 7515 §4.1.11: a critical extension must be understood, and none is supported here
  if (Object.hasOwn(header, 'crit')) return malformed('a header without crit');
  // RFC 7797 §7: no JWT has `b64: false`. Software that knows the name would verify other bytes than software
  // that does not
  if (Object.hasOwn(header, 'b64')) return malformed('a header without b64');
  const alg = ALGORITHMS.find((known) => known === header.alg);
  return alg === undefined
    ? E.left({ _tag: 'Untrusted' })
    : E.right({ text, alg, kid: header.kid });
};

const ALGORITHMS: readonly Algorithm[] = ['HS256', 'RS256', 'ES256', 'EdDSA'];

const malformed = (expected: string): E.Either<Denial, never> =>
  E.left({ _tag: 'Malformed', expected });

const HEADER_FAULTS: Readonly<Record<JsonFault, string>> = {
  NotJson: 'a header: a JSON object',
  NameTwice: 'a header with each name once',
};

const isCanonical = (part: string): boolean =>
  Buffer.from(part, 'base64url').toString('base64url') === part;
