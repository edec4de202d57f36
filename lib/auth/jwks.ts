/**
 * The keys behind `JWT_JWKS_URL`. They are read when the first token comes, and again
 *
 *   - when they are ten minutes old,
 *   - when a token names a key that is not among them: at most once a minute, else anybody could make us ask all day,
 *   - while there are none, a second after a failure.
 *
 * Without their server, keys that were had once serve for an hour.
 *
 * Whoever cannot be judged is told so (503), not that the token is bad: clients would throw it away.
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
  /** Told why it could not be had, on one line. */
  readonly failed: (detail: string) => void;
  /** Told of keys that are not used and ought not to be there; once, until it is something else. */
  readonly remarked: (detail: string) => void;
}

/** Those that may have signed a token: emits once. */
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
  /** When they were had, and when they were last asked for. */
  let hadAt = Number.NEGATIVE_INFINITY;
  let askedAt = Number.NEGATIVE_INFINITY;
  let lastFailed = false;
  let remark: string | undefined;
  /** The one under way. */
  let renewal$: Observable<unknown> | undefined;

  const age = (): number => scheduler.now() - hadAt;

  /** One for all who wait. Emits once, when it is over. */
  const renewed = (): Observable<unknown> => {
    if (renewal$ !== undefined) return renewal$;
    askedAt = scheduler.now();
    renewal$ = defer(read).pipe(
      timeout({ first: READ_MS, scheduler }),
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
      // not by reference count: it goes on when they go
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

/** A token that names no key may be any's, a key without a name anybody's. */
export const keysFor = (
  { alg, kid }: Pick<PublicKey, 'alg' | 'kid'>,
  keys: readonly PublicKey[],
): readonly PublicKey[] =>
  keys.filter(
    (key) => key.alg === alg && (kid === undefined || key.kid === undefined || key.kid === kid),
  );
