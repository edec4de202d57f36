/**
 * The public keys behind `JWT_JWKS_URL`. A token that needs them causes a read
 *
 *   - when it is the first one,
 *   - when the keys are more than ten minutes old, or none of them fits the token: at most once a minute, so
 *     clients cannot cause endless requests,
 *   - when the last read failed, and there are no keys: at most once a second.
 *
 * When the key server does not answer, the keys that were read last are used for up to an hour.
 *
 * A token for which no key can be read is answered with 503, not with 401: after a 401 a client may discard a
 * good token.
 */
import * as E from 'fp-ts/lib/Either.js';
import {
  catchError,
  defaultIfEmpty,
  defer,
  map,
  type Observable,
  of,
  shareReplay,
  take,
  takeUntil,
  tap,
  throwError,
  timeout,
} from 'rxjs';
import type { Clock } from '../clock.js';
import { type PublicKey, publishedKeysOf } from '../config/public-keys.js';
import type { Denial } from './index.js';

export interface JwksDeps {
  readonly clock: Clock;
  readonly ended$: Observable<unknown>;
  /** Reads the JWKS. */
  readonly read: () => Observable<string>;
  /** Called with the reason, on one line, when the keys could not be read. */
  readonly failed: (detail: string) => void;
  /**
   * Called when the set has unsafe keys, which are not used, or when none of its keys can be used. Called
   * again only when the text changes.
   */
  readonly remarked: (detail: string) => void;
}

/** The keys that may have signed a token. Emits once. */
export type KeySource = (
  wanted: Pick<PublicKey, 'alg' | 'kid'>,
) => Observable<E.Either<Denial, readonly PublicKey[]>>;

const FRESH_MS = 600_000;
const KEPT_MS = 3_600_000;
const UNKNOWN_MS = 60_000;
const RETRY_MS = 1_000;
const READ_MS = 5_000;

export const remoteJwks = ({ clock, ended$, read, failed, remarked }: JwksDeps): KeySource => {
  const { scheduler } = clock;
  let keys: readonly PublicKey[] = [];
  /** When the keys were read, and when they were last asked for. */
  let hadAt = Number.NEGATIVE_INFINITY;
  let askedAt = Number.NEGATIVE_INFINITY;
  let lastFailed = false;
  let remark: string | undefined;
  /** The request that is running. */
  let renewal$: Observable<unknown> | undefined;

  const age = (): number => scheduler.now() - hadAt;

  /** One request for all that wait. Emits once, when the request has ended. */
  const renewed = (): Observable<unknown> => {
    if (renewal$ !== undefined) return renewal$;
    askedAt = scheduler.now();
    renewal$ = defer(read).pipe(
      timeout({ first: READ_MS, scheduler, with: () => throwError(noAnswer) }),
      map(publishedKeysOf),
      catchError((error: unknown) =>
        of(E.left(error instanceof Error ? error.message : 'nothing')),
      ),
      tap((had) => {
        renewal$ = undefined;
        lastFailed = E.isLeft(had);
        if (E.isLeft(had)) return failed(had.left);
        keys = had.right.keys;
        hadAt = scheduler.now();
        const before = remark;
        remark = had.right.remark;
        if (remark !== undefined && remark !== before) remarked(remark);
      }),
      takeUntil(ended$),
      defaultIfEmpty(undefined),
      // no reference count: the request goes on when all that wait have unsubscribed
      shareReplay({ bufferSize: 1, refCount: false }),
    );
    return renewal$;
  };

  return (wanted) =>
    defer(() => {
      const holds = (): boolean => age() <= KEPT_MS;
      const verdict = (): E.Either<Denial, readonly PublicKey[]> => {
        const found = holds() ? keysFor(wanted, keys) : [];
        if (found.length > 0) return E.right(found);
        return E.left({ _tag: lastFailed || !holds() ? 'Unavailable' : 'Untrusted' });
      };
      const now = verdict();
      if (E.isRight(now) && age() <= FRESH_MS) return of(now);
      const pause = lastFailed && !holds() ? RETRY_MS : UNKNOWN_MS;
      return renewal$ !== undefined || scheduler.now() - askedAt >= pause
        ? renewed().pipe(map(verdict), take(1))
        : of(now);
    });
};

const noAnswer = (): Error =>
  new Error(`no answer within ${READ_MS / 1_000} s: check JWT_JWKS_URL and the network to it`);

/**
 * The candidates are keys of the token's algorithm: those with its `kid` or without a `kid`. For a token
 * without `kid`, all of them.
 */
export const keysFor = (
  { alg, kid }: Pick<PublicKey, 'alg' | 'kid'>,
  keys: readonly PublicKey[],
): readonly PublicKey[] =>
  keys.filter(
    (key) => key.alg === alg && (kid === undefined || key.kid === undefined || key.kid === kid),
  );
