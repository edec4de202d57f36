/**
 * What a pod does again and again while it is connected to Redis: it sends a probe and polls some quiet rooms
 * every half second, and it renews its lease. `cluster-broker.ts` subscribes it.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import {
  filter,
  ignoreElements,
  map,
  merge,
  mergeMap,
  type Observable,
  Subject,
  tap,
  timer,
} from 'rxjs';
import type { Clock } from '../../clock.js';
import type { RedisError, RedisPort } from '../redis/port.js';
import type { Channels } from './channels.js';
import type { HealthProbe } from './health-probe.js';
import { orTimeout } from './timeout.js';

const PROBE_MS = 500;
/** Less than a third of the lease (`LEASE_MS`): one or two failed renewals do no harm. */
const LEASE_RENEWAL_MS = 3_000;

const MIN_CYCLE = 4;
const MAX_CYCLE = 20;
const ROOMS_PER_POLL = 100;

export interface UpkeepDeps {
  readonly redis: RedisPort;
  readonly clock: Clock;
  readonly probe: HealthProbe;
  readonly channels: Channels;
  /** Whether the pod is connected to Redis. */
  readonly ready: () => boolean;
  /**
   * The answer of a probe's script; `Unreachable` without one. The probe itself comes back on the channel.
   */
  readonly answered: (answer: Either<RedisError, number>) => void;
}

export interface Upkeep {
  /** All that is done, while it is subscribed. Emits nothing and never ends by itself. */
  readonly run$: Observable<never>;
  /** Sends a probe now. */
  readonly probe: () => void;
  /** Sends a new probe now, even when one that was sent before is still on its way. */
  readonly probeAnew: () => void;
  readonly renewLease: () => void;
}

export const upkeep = ({ redis, clock, probe, channels, ready, answered }: UpkeepDeps): Upkeep => {
  const { scheduler } = clock;
  const probe$ = new Subject<HealthProbe['send$']>();
  const renewal$ = new Subject<void>();
  let polls = 0;

  const poll = (): void => {
    if (!ready()) return;
    polls += 1;
    for (const room of roomsOfPoll(channels.rooms(), polls)) channels.send(room, { _tag: 'Poll' });
  };

  const every = (ms: number): Observable<unknown> => timer(ms, ms, scheduler);

  return {
    run$: merge(
      merge(probe$, every(PROBE_MS).pipe(map(() => probe.send$))).pipe(
        filter(ready),
        mergeMap((send$) => send$),
        tap(answered),
      ),
      every(PROBE_MS).pipe(tap(poll)),
      merge(renewal$, every(LEASE_RENEWAL_MS)).pipe(
        filter(ready),
        mergeMap(() => redis.lease().pipe(orTimeout(LEASE_RENEWAL_MS, scheduler))),
      ),
    ).pipe(ignoreElements()),
    probe: () => probe$.next(probe.send$),
    probeAnew: () => probe$.next(probe.sendNew$),
    renewLease: () => renewal$.next(),
  };
};

/**
 * The rooms of one poll. With a few hundred rooms each is polled every 2 s, with thousands every 10 s: so the
 * load on Redis stays low.
 */
export const roomsOfPoll = <Room>(rooms: readonly Room[], number: number): readonly Room[] => {
  const cycle = Math.min(MAX_CYCLE, Math.max(MIN_CYCLE, Math.ceil(rooms.length / ROOMS_PER_POLL)));
  return rooms.filter((_, i) => (i + number) % cycle === 0);
};
