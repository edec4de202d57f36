/**
 * Authentication by token and by API key:
 *
 *   text ─unverifiedJwt─► header ─► the keys of its algorithm ─jose─► payload ─identityIn─► Identity
 *
 * Each algorithm has keys of its own: no token can make a public key the secret of HS256. jose checks the
 * signature alone (`compactVerify`). Its `jwtVerify` accepts invalid claims: `docs/architecture.md`
 * ("Libraries") lists them.
 */
import * as E from 'fp-ts/lib/Either.js';
import { compactVerify, errors } from 'jose';
import { createSecretKey, type KeyObject } from 'node:crypto';
import { catchError, defer, from, map, mergeMap, type Observable, of } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import type { PublicKey } from '../config/public-keys.js';
import { knownKeys } from './api-keys.js';
import { identityIn } from './claims.js';
import type { Auth, Denial, Identity } from './index.js';
import { type KeySource, keysFor } from './jwks.js';
import { type UnverifiedJwt, unverifiedJwt } from './jwt-header.js';

export interface JwtVerifierDeps {
  readonly config: Config;
  readonly clock: Clock;
  /** The keys of `JWT_PUBLIC_KEY`. */
  readonly publicKeys: readonly PublicKey[];
  /** The keys of `JWT_JWKS_URL`. */
  readonly published: KeySource | undefined;
  /** Whether identities keep their claims. */
  readonly keepClaims?: boolean;
}

type Answer<A> = Observable<E.Either<Denial, A>>;

export const jwtVerifier = ({
  config,
  clock,
  publicKeys,
  published,
  keepClaims = false,
}: JwtVerifierDeps): Auth => {
  const { jwtSecret, jwtIssuer: issuer, jwtAudience: audience, apiKeys } = config.access;
  const secrets = jwtSecret === '' ? [] : [createSecretKey(jwtSecret, 'utf8')];
  const isKnown = knownKeys(apiKeys);

  const payloadOf = (token: UnverifiedJwt): Answer<Uint8Array> => {
    const { alg, kid } = token;
    if (alg === 'HS256') return signedBy(token, secrets);
    const own = keysFor({ alg, kid }, publicKeys).map(({ key }) => key);
    return signedBy(token, own).pipe(
      mergeMap((payload) =>
        E.isRight(payload) || published === undefined
          ? of(payload)
          : published({ alg, kid }).pipe(
              mergeMap((found) =>
                E.isLeft(found)
                  ? of(found)
                  : signedBy(
                      token,
                      found.right.map(({ key }) => key),
                    ),
              ),
            ),
      ),
    );
  };

  const identityOf = (text: string): Answer<Identity> => {
    const token = unverifiedJwt(text);
    if (E.isLeft(token)) return of(token);
    return payloadOf(token.right).pipe(
      map((payload) =>
        E.isLeft(payload)
          ? payload
          : identityIn(payload.right, { issuer, audience, now: clock.wall(), keepClaims }),
      ),
    );
  };

  return {
    enabled: true,
    authenticate: ({ token, apiKey }) => {
      if (apiKey !== undefined && !isKnown(apiKey)) return of(UNKNOWN_KEY);
      if (token === undefined) return of(apiKey === undefined ? MISSING : E.right(PROGRAM));
      const identity$ = identityOf(token);
      return apiKey === undefined ? identity$ : identity$.pipe(map(E.map(asAdmin)));
    },
  };
};

/** The identity of a request with an API key and no token. */
const PROGRAM: Identity = {
  userId: null,
  rights: { join: 'all', publish: 'all', global: true, admin: true },
  expiresAt: undefined,
};

/** A program that acts for a user: the name of the user, the rights of the program. */
const asAdmin = (identity: Identity): Identity => ({
  ...identity,
  rights: PROGRAM.rights,
  byKey: true,
});

/** The payload, if one of the keys has signed the token. */
const signedBy = (token: UnverifiedJwt, keys: readonly KeyObject[]): Answer<Uint8Array> => {
  const [key, ...others] = keys;
  if (key === undefined) return of(UNTRUSTED);
  return defer(() => from(compactVerify(token.text, key, { algorithms: [token.alg] }))).pipe(
    map(({ payload }) => E.right(payload)),
    catchError((error: unknown) =>
      error instanceof errors.JWSSignatureVerificationFailed
        ? signedBy(token, others)
        : of(UNTRUSTED),
    ),
  );
};

const UNTRUSTED: E.Either<Denial, never> = E.left({ _tag: 'Untrusted' });
const UNKNOWN_KEY: E.Either<Denial, never> = E.left({ _tag: 'UnknownKey' });
const MISSING: E.Either<Denial, never> = E.left({ _tag: 'Missing' });
