/**
 * The probe: a text that goes to Redis and comes back on the pod's own channel the way messages go. Its answer tells the
 * time in Redis too, by which a publish gets its deadline.
 */
import { isLeft, isRight, type Either } from 'fp-ts/lib/Either.js';
import { defer, type Observable, share, tap } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Bus, BusError } from './bus.js';
import { within } from './patience.js';

/** A probe that came round: its number, when it was sent (monotonic), and the seconds it took. */
export interface Returned {
  readonly number: number;
  readonly sentAt: number;
  readonly seconds: number;
}

export interface Probe {
  /** Sends one; those who ask while one is under way share its answer. Emits once. */
  readonly send$: Observable<Either<BusError, number>>;
  /** Sends one of its own: one that is under way may have gone before the pod's channel was heard. */
  readonly sendNew$: Observable<Either<BusError, number>>;
  /** The number of the last one sent. */
  last(): number;
  /**
   * Takes what came on the pod's channel: a probe that was sent and has not come round yet, text for text. Undefined
   * for all else: whoever may publish there can say anything.
   */
  take(payload: Buffer): Returned | undefined;
  /** Whether it bears the name of this life, whatever it says. */
  isOwn(payload: Buffer): boolean;
  /**
   * The least that Redis's clock (Unix ms) is ahead of ours (monotonic); undefined when not known. Redis read its clock
   * before we got the answer, so the difference can only be larger: a deadline made with it never lies behind the
   * moment that was meant, only before it, by at most one answer's way back.
   */
  ahead(): number | undefined;
  /** What Redis said instead of its time, when that was the last answer. */
  refusal(): BusError | undefined;
  /** The next master has a clock of its own. */
  forget(): void;
}

/** Under way at once: a minute of them. Of more the oldest is forgotten: the later ones say the same, and more. */
const MAX_UNDER_WAY = 128;

export const probe = ({
  bus,
  clock,
  timeoutMs,
}: {
  readonly bus: Pick<Bus, 'probe'>;
  readonly clock: Clock;
  readonly timeoutMs: number;
}): Probe => {
  /** This broker's life: a pod that restarts under the same name takes no probe of its former one. */
  const life = Math.floor(clock.random() * 0x1_0000_0000).toString(36);
  /** By text, in the order of sending. Only what stands here is believed: nothing is read out of a payload. */
  const underWay = new Map<string, Omit<Returned, 'seconds'>>();
  let sent = 0;
  let ahead: number | undefined;
  let refusal: BusError | undefined;
  const sendNew$ = defer(() => {
    sent += 1;
    const sentAt = clock.scheduler.now();
    const text = `${life} ${sent} ${sentAt}`;
    underWay.set(text, { number: sent, sentAt });
    if (underWay.size > MAX_UNDER_WAY)
      for (const oldest of underWay.keys()) {
        underWay.delete(oldest);
        break;
      }
    return bus.probe(text).pipe(within(timeoutMs, clock.scheduler));
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
