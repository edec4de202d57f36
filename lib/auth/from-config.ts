/** The authentication that a configuration asks for. */
import { getOrElse, isLeft, right } from 'fp-ts/lib/Either.js';
import { type Observable, of, tap } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import { type PublicKey, publicKeysOf } from '../config/public-keys.js';
import { httpGet } from './http-get.js';
import type { Auth, AuthEvent, Identity } from './index.js';
import { remoteJwks } from './jwks.js';
import { jwtVerifier } from './jwt.js';

export interface AuthDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly emit: (event: AuthEvent) => void;
  /** Whether identities keep all claims of their tokens, for hooks. */
  readonly keepClaims: boolean;
  /** Emits when the app ends: running requests end then. */
  readonly ended$: Observable<unknown>;
}

export const authOf = ({ config, clock, emit, keepClaims, ended$ }: AuthDeps): Auth => {
  const { authEnabled, jwtPublicKey, jwtJwksUrl: url } = config.access;
  if (!authEnabled) return NO_AUTH;
  const access = jwtVerifier({
    config,
    clock,
    keepClaims,
    // the keys were checked with the configuration: the service does not start with a key that cannot be read
    publicKeys: getOrElse(() => NONE)(publicKeysOf(jwtPublicKey)),
    published:
      url === ''
        ? undefined
        : remoteJwks({
            clock,
            ended$,
            read: () => httpGet(url),
            failed: (detail) => emit({ _tag: 'KeysUnavailable', detail }),
            remarked: (detail) => emit({ _tag: 'KeysUnsafe', detail }),
          }),
  });
  return {
    ...access,
    authenticate: (credentials) =>
      access.authenticate(credentials).pipe(
        tap((judged) => {
          if (isLeft(judged)) emit({ _tag: 'Denied', denial: judged.left });
        }),
      ),
  };
};

const NONE: readonly PublicKey[] = [];

/** The identity of every client when authentication is off: it has all rights. */
export const ANONYMOUS: Identity = {
  userId: null,
  rights: { join: 'all', publish: 'all', global: true, admin: true },
  expiresAt: undefined,
};

export const NO_AUTH: Auth = { enabled: false, authenticate: () => of(right(ANONYMOUS)) };
