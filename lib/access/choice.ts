/** Which access a configuration asks for. */
import { getOrElse, isLeft, right } from 'fp-ts/lib/Either.js';
import { type Observable, of, tap } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import { type PublicKey, publicKeysOf } from '../config/public-keys.js';
import type { HubEvent } from '../events.js';
import { document } from './document.js';
import type { Access, Identity } from './index.js';
import { publishedKeys } from './published-keys.js';
import { tokens } from './tokens.js';

export interface AccessDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly tell: (event: HubEvent) => void;
  /** Whether somebody will ask for claims. */
  readonly keepClaims: boolean;
  /** Whatever it does ends then. */
  readonly ended$: Observable<unknown>;
}

export const accessOf = ({ config, clock, tell, keepClaims, ended$ }: AccessDeps): Access => {
  const { authEnabled, jwtPublicKey, jwtJwksUrl: url } = config.access;
  if (!authEnabled) return OPEN;
  const access = tokens({
    config,
    clock,
    keepClaims,
    // the configuration is checked: what cannot be read has stopped the start
    publicKeys: getOrElse(() => NONE)(publicKeysOf(jwtPublicKey)),
    published:
      url === ''
        ? undefined
        : publishedKeys({
            clock,
            ended$,
            read: () => document(url),
            failed: (detail) => tell({ _tag: 'KeysUnavailable', detail }),
            remarked: (detail) => tell({ _tag: 'KeysUnsafe', detail }),
          }),
  });
  return {
    ...access,
    identify: (credentials) =>
      access.identify(credentials).pipe(
        tap((judged) => {
          if (isLeft(judged)) tell({ _tag: 'Denied', denial: judged.left });
        }),
      ),
  };
};

const NONE: readonly PublicKey[] = [];

/** Everybody is nobody in particular, and may do all that sockets and routes offer. */
export const ANYBODY: Identity = {
  userId: null,
  rights: { join: 'all', publish: 'all', global: true, admin: true },
  expiresAt: undefined,
};

export const OPEN: Access = { isOn: false, identify: () => of(right(ANYBODY)) };
