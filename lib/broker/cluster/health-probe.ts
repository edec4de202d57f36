/**
 * The probe: a text that goes to Redis and comes back on the pod's own channel, on the way that messages
 * take. The answer of its script has the time of Redis, from which the deadline of a publish is computed.
 */
import { BoundedMap } from '../../bounded-map.js';
import { isLeft, isRight, type Either } from 'fp-ts/lib/Either.js';
import { defer, type Observable, share, tap } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { RedisPort, RedisError } from '../redis/port.js';
import { orTimeout } from './timeout.js';

/** A probe that came back: its number, when it was sent (monotonic), and the seconds that it took. */
export interface Returned {
  readonly number: number;
  readonly sentAt: number;
  readonly seconds: number;
}

export interface HealthProbe {
  /** Sends a probe. Callers that ask while one has no answer yet share its answer. Emits once. */
  readonly send$: Observable<Either<RedisError, number>>;
  /**
   * Sends a new probe. An earlier one that is on its way may have been published before the pod's channel was
   * subscribed.
   */
  readonly sendNew$: Observable<Either<RedisError, number>>;
  /** The number of the last probe sent. */
  readonly last: () => number;
  /**
   * The probe that this payload of the pod's channel is: one that was sent and has not come back yet, with
   * exactly the same text. Undefined for any other payload: other programs may publish there.
   */
  readonly take: (payload: Buffer) => Returned | undefined;
  /** Whether a payload names this life of the pod. */
  readonly isOwn: (payload: Buffer) => boolean;
  /**
   * A lower bound of how far Redis's clock (Unix ms) is ahead of this pod's (monotonic); undefined when not
   * known. Redis read its clock before the answer arrived here, so the true difference may be larger, never
   * smaller. So a deadline that is computed with it is never too late. It is too early by at most the time
   * that the answer took to arrive.
   */
  readonly ahead: () => number | undefined;
  /** `ahead`, as it was last known: `forget` does not change it. */
  readonly lastAhead: () => number | undefined;
  /** The error with which Redis answered the last probe; undefined: it gave its time, or no answer. */
  readonly refusal: () => RedisError | undefined;
  /** Why no probe comes back, for operators. */
  readonly whyNotBack: () => string;
  /** Forgets `ahead`, as the next master has another clock. */
  readonly forget: () => void;
}

/**
 * How many probes may be on their way: a minute of them. When there are more, the oldest one is forgotten, as
 * the later ones have newer information.
 */
const MAX_UNDER_WAY = 128;

const NOT_ANSWERED = 'Redis did not answer: it is frozen or busy, or the network to it is cut';
const NOT_DELIVERED =
  'Redis answers, but does not deliver what this pod publishes to its own channel: check that all connections to its address reach one master, and that the user of this pod may subscribe to realtime:pod:*';

export const healthProbe = ({
  redis,
  clock,
  timeoutMs,
}: {
  readonly redis: Pick<RedisPort, 'probe'>;
  readonly clock: Clock;
  readonly timeoutMs: number;
}): HealthProbe => {
  /** This life of the broker: a pod that restarts under the same name ignores probes of its former life. */
  const life = Math.floor(clock.random() * 0x1_0000_0000).toString(36);
  /**
   * By text, in the order of sending. Nothing is parsed from a payload: only a text that is in this map
   * counts.
   */
  const underWay = new BoundedMap<string, Omit<Returned, 'seconds'>>(MAX_UNDER_WAY);
  let sent = 0;
  let ahead: number | undefined;
  let lastAhead: number | undefined;
  let refusal: RedisError | undefined;
  let isAnswered = false;
  const sendNew$ = defer(() => {
    sent += 1;
    isAnswered = false;
    const sentAt = clock.scheduler.now();
    const text = `${life} ${sent} ${sentAt}`;
    underWay.put(text, { number: sent, sentAt });
    return redis.probe(text).pipe(orTimeout(timeoutMs, clock.scheduler));
  }).pipe(
    tap((answer) => {
      refusal = isLeft(answer) && answer.left._tag !== 'Unreachable' ? answer.left : undefined;
      isAnswered = isRight(answer);
      if (isRight(answer)) lastAhead = ahead = answer.right - clock.scheduler.now();
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
    lastAhead: () => lastAhead,
    refusal: () => refusal,
    whyNotBack: () => refusal?.detail ?? (isAnswered ? NOT_DELIVERED : NOT_ANSWERED),
    forget: () => {
      ahead = undefined;
      refusal = undefined;
    },
  };
};
