/**
 * The tokens of a client (RFC 7519): asked for before each connection, and again before the last one ends.
 * One request at a time: a second one gets the answer of the first. A request that fails is tried again.
 */
import {
  defer,
  EMPTY,
  exhaustMap,
  from,
  merge,
  type Observable,
  type ObservableInput,
  of,
  retry,
  share,
  type SchedulerLike,
  Subject,
  switchMap,
  tap,
  timeout,
  timer,
} from 'rxjs';

/** Gives a token, at once or later. */
export type TokenSource = () => string | ObservableInput<string>;

export interface TokenDeps {
  readonly source: TokenSource;
  readonly scheduler: SchedulerLike;
  /** Unix ms. */
  readonly wall: () => number;
  /** The wait after so many failures, in ms. */
  readonly backoff: (failures: number) => number;
}

export interface Tokens {
  /** A new token: emits once. */
  readonly next$: Observable<string>;
  /** Tokens that take the place of the one in use: in time, and whenever `now$` emits. */
  readonly refreshedBy: (now$: Observable<unknown>) => Observable<string>;
}

/** A request has so long. */
const ANSWER_MS = 10_000;
const BEFORE_END_MS = 30_000;
const MAX_TIMER_MS = 0x7fffffff;

export const tokens = ({ source, scheduler, wall, backoff }: TokenDeps): Tokens => {
  const given$ = new Subject<string>();
  const next$ = defer(() => {
    const given = source();
    return typeof given === 'string' ? of(given) : from(given);
  }).pipe(
    timeout({ first: ANSWER_MS, scheduler }),
    retry({ delay: (_, count) => timer(backoff(count - 1), scheduler) }),
    tap((token) => given$.next(token)),
    share(),
  );
  const beforeEnd$ = given$.pipe(
    switchMap((token) => {
      const end = endOf(token);
      const ms = end === undefined ? undefined : end - wall() - BEFORE_END_MS;
      return ms === undefined || ms > MAX_TIMER_MS ? EMPTY : timer(Math.max(0, ms), scheduler);
    }),
  );
  return {
    next$,
    refreshedBy: (now$) => merge(now$, beforeEnd$).pipe(exhaustMap(() => next$)),
  };
};

/** When a JWT ends, Unix ms; undefined when it has no end, or is no JWT. Nothing is verified. */
export const endOf = (token: string): number | undefined => {
  try {
    const [, body = ''] = token.split('.');
    const claims: unknown = JSON.parse(atob(body.replaceAll('-', '+').replaceAll('_', '/')));
    const exp = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : 0;
    return typeof exp === 'number' && exp > 0 ? exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
};

/** A token on the way to the server: in a subprotocol, so it is in no URL and no access log. */
export const protocolsOf = (token: string | undefined): readonly string[] =>
  token === undefined ? ['realtime.v1'] : ['realtime.v1', `bearer.${token}`];
