/**
 * The life of connections. A session is all the connections that the client needs at a time: it opens,
 * becomes ready, and breaks as a whole. ioredis's own reconnecting is off: half a session (the connection
 * that publishes without the one that is subscribed) is of no use, and a frozen peer must be dropped at once.
 */
import {
  catchError,
  concat,
  defer,
  filter,
  merge,
  type MonoTypeOperatorFunction,
  type Observable,
  of,
  repeat,
  switchMap,
  tap,
  throwError,
  timeout,
  timer,
} from 'rxjs';
import type { Clock } from '../../clock.js';
import { backoffMs } from '../../rx/backoff.js';
import type { RedisEvent } from './port.js';

/**
 * A session that is not ready in this time is given up: 1.5 s for the first tries, then 3 s. While Sentinels
 * elect another master, a try may get to the old one, which is frozen. With 1.5 s it costs little, and
 * `CONNECT_MS` still ends first. With 3 s a Redis that is slow, or is asked for after three Sentinels
 * (`SENTINEL_MS` each), has the time that it needs.
 */
const readyMs = (attempt: number): number => (attempt < SHORT_TRIES ? 1_500 : 3_000);
const SHORT_TRIES = 4;
/**
 * A session that was ready and broke is opened again after a random part of these few ms: so not all pods
 * connect in the same moment.
 */
const AT_ONCE_MS = 10;
/**
 * After this many sessions in a row that lived less than a second, the next ones wait up to `UNSTEADY_MS`:
 * the server seems to accept connections only to close them.
 */
const MAX_AT_ONCE = 20;
const STEADY_MS = 1_000;
const UNSTEADY_MS = 100;

/**
 * Opens one session after another while it is subscribed. `open` emits `Ready`, and errors when the session
 * breaks; its teardown drops the connections. `again$` emits why the present session is dropped.
 */
export const redisConnections = (
  open: (attempt: number) => Observable<RedisEvent>,
  again$: Observable<string>,
  clock: Clock,
): Observable<RedisEvent> => {
  const kept$ = defer(() => {
    let attempt = 0;
    let short = 0;
    let readyAt: number | undefined;
    const waitMs = (): number => {
      if (readyAt === undefined) {
        attempt += 1;
        return backoffMs(attempt - 1, clock.random);
      }
      attempt = 0;
      short = clock.scheduler.now() - readyAt > STEADY_MS ? 0 : short + 1;
      readyAt = undefined;
      return (short > MAX_AT_ONCE ? UNSTEADY_MS : AT_ONCE_MS) * clock.random();
    };
    return defer(() => open(attempt).pipe(answersWithin(readyMs(attempt), clock))).pipe(
      tap(({ _tag }) => {
        if (_tag === 'Ready') readyAt = clock.scheduler.now();
      }),
      catchError((thrown: unknown) =>
        of(lost(thrown instanceof Error ? thrown.message : String(thrown))),
      ),
      repeat({
        delay: () => timer(waitMs(), clock.scheduler),
      }),
    );
  });
  return merge(of(undefined), again$).pipe(
    switchMap((why) => (why === undefined ? kept$ : concat(of(lost(why)), kept$))),
    withoutRepeats(),
  );
};

const answersWithin = (ms: number, { scheduler }: Clock): MonoTypeOperatorFunction<RedisEvent> =>
  timeout({
    first: ms,
    scheduler,
    with: () =>
      throwError(
        () =>
          new Error(
            `Redis did not answer within ${ms} ms: it is frozen or busy, or the network to it is cut`,
          ),
      ),
  });

const lost = (detail: string): RedisEvent => ({ _tag: 'Lost', detail });

/**
 * `Lost` is emitted once until the next `Ready`. In between, `Refused` is emitted when its reason differs
 * from the last one, that of `Lost` included.
 */
const withoutRepeats = (): MonoTypeOperatorFunction<RedisEvent> => (source$) =>
  defer(() => {
    let isLost = false;
    let lastDetail: string | undefined;
    return source$.pipe(
      filter((event) => {
        const { _tag } = event;
        const isNews =
          _tag === 'Refused' ? isLost && event.detail !== lastDetail : _tag !== 'Lost' || !isLost;
        isLost = _tag === 'Lost' || (isLost && _tag !== 'Ready');
        if (isNews && (_tag === 'Lost' || _tag === 'Refused')) lastDetail = event.detail;
        return isNews;
      }),
    );
  });
