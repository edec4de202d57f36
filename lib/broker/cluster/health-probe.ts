/**
 * The probe: a text that goes to Redis and comes back on the pod's own channel the way messages go. Its answer tells the
 * time in Redis too, by which a publish gets its deadline.
 */
import { BoundedMap } from '../../bounded-map.js';
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
  /**
   * Takes a payload of the pod's channel: a probe that was sent and has not come round yet, text for text. Undefined for
   * all else: whoever may publish there can write anything.
   */
  readonly take: (payload: Buffer) => Returned | undefined;
  /** Whether a payload names this life of the pod, whatever else it says. */
  readonly isOwn: (payload: Buffer) => boolean;
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

/** Under way at once: a minute of them. Of more the oldest is forgotten: the later ones say the same, and more. */
const MAX_UNDER_WAY = 128;

export const healthProbe = ({
  bus,
  clock,
  timeoutMs,
}: {
  readonly bus: Pick<RedisPort, 'probe'>;
  readonly clock: Clock;
  readonly timeoutMs: number;
}): HealthProbe => {
  /** This broker's life: a pod that restarts under the same name takes no probe of its former one. */
  const life = Math.floor(clock.random() * 0x1_0000_0000).toString(36);
  /** By text, in the order of sending. Only what stands here is believed: nothing is read out of a payload. */
  const underWay = new BoundedMap<string, Omit<Returned, 'seconds'>>(MAX_UNDER_WAY);
  let sent = 0;
  let ahead: number | undefined;
  let refusal: RedisError | undefined;
  const sendNew$ = defer(() => {
    sent += 1;
    const sentAt = clock.scheduler.now();
    const text = `${life} ${sent} ${sentAt}`;
    underWay.put(text, { number: sent, sentAt });
    return bus.probe(text).pipe(orTimeout(timeoutMs, clock.scheduler));
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
    take: (payload) => {
      const text = payload.toString('latin1');
      const back = underWay.get(text);
      if (back === undefined) return undefined;
      underWay.delete(text);
      return { ...back, seconds: (clock.scheduler.now() - back.sentAt) / 1_000 };
    },
    isOwn: (payload) => payload.toString('latin1', 0, life.length + 1) === `${life} `,
    ahead: () => ahead,
    refusal: () => refusal,
    forget: () => {
      ahead = undefined;
      refusal = undefined;
    },
  };
};
