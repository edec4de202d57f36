/**
 * The probe: a text that goes to Redis and comes back on the pod's own channel the way messages go. Its answer tells the
 * time in Redis too, by which a publish gets its deadline.
 */
import { isLeft, isRight, type Either } from 'fp-ts/lib/Either.js';
import { defer, type Observable, share, tap } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { RedisPort, RedisError } from '../redis/port.js';
import { orTimeout } from './timeout.js';

/** A probe that came round: its number, when it was sent (monotonic), and the seconds it took. */
export interface Returned {
  readonly number: number;
  readonly sentAt: number;
  readonly seconds: number;
}

export interface HealthProbe {
  /** Sends one; those who ask while one is under way share its answer. Emits once. */
  readonly send$: Observable<Either<RedisError, number>>;
  /** Sends one of its own: one that is under way may have gone before the pod's channel was heard. */
  readonly sendNew$: Observable<Either<RedisError, number>>;
  /** The number of the last one sent. */
  readonly last: () => number;
  /** Reads what came on the pod's channel; undefined when it is not ours. */
  readonly read: (payload: Buffer) => Returned | undefined;
  /**
   * The least that Redis's clock (Unix ms) is ahead of ours (monotonic); undefined when not known. Redis read its clock
   * before we got the answer, so the difference can only be larger: a deadline made with it never lies behind the
   * moment that was meant, only before it, by at most one answer's way back.
   */
  readonly ahead: () => number | undefined;
  /** What Redis said instead of its time, when that was the last answer. */
  readonly refusal: () => RedisError | undefined;
  /** The next master has a clock of its own. */
  readonly forget: () => void;
}

export const healthProbe = ({
  bus,
  clock,
  timeoutMs,
}: {
  readonly bus: RedisPort;
  readonly clock: Clock;
  readonly timeoutMs: number;
}): HealthProbe => {
  /** This broker's life: a pod that restarts under the same name takes no probe of its former one. */
  const life = Math.floor(clock.random() * 0x1_0000_0000).toString(36);
  let sent = 0;
  let ahead: number | undefined;
  let refusal: RedisError | undefined;
  const sendNew$ = defer(() => {
    sent += 1;
    return bus
      .probe(`${life} ${sent} ${clock.scheduler.now()}`)
      .pipe(orTimeout(timeoutMs, clock.scheduler));
  }).pipe(
    tap((answer) => {
      refusal = isLeft(answer) && answer.left._tag !== 'Unreachable' ? answer.left : undefined;
      if (isRight(answer)) ahead = answer.right - clock.scheduler.now();
    }),
  );
  return {
    sendNew$,
    send$: sendNew$.pipe(share()),
    last: () => sent,
    read: (payload) => {
      const [whose, number, at] = payload.toString('latin1').split(' ');
      const [n, sentAt] = [Number(number), Number(at)];
      if (whose !== life || !(n >= 1 && n <= sent) || Number.isNaN(sentAt)) return undefined;
      return { number: n, sentAt, seconds: (clock.scheduler.now() - sentAt) / 1_000 };
    },
    ahead: () => ahead,
    refusal: () => refusal,
    forget: () => {
      ahead = undefined;
      refusal = undefined;
    },
  };
};
