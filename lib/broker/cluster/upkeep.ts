/**
 * What a pod does again and again while it is connected: a probe and a look at some quiet rooms each half second, and the renewal
 * of its lease. A source of ticks; `cluster-broker.ts` adds it to its life.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import { map, merge, type Observable, Subscription, timer } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { RedisError, RedisPort } from '../redis/port.js';
import type { Channels } from './channels.js';
import type { HealthProbe } from './health-probe.js';
import { orTimeout } from './timeout.js';

const PROBE_MS = 500;
/** Less than a third of the lease (`LEASE_MS`): one or two renewals that fail cost nothing. */
const LEASE_RENEWAL_MS = 3_000;

const MIN_TURNS = 4;
const MAX_TURNS = 20;
const ROOMS_PER_TURN = 100;

export interface UpkeepDeps {
  readonly bus: RedisPort;
  readonly clock: Clock;
  readonly probe: HealthProbe;
  readonly channels: Channels;
  /** Whether the bus is connected. */
  readonly ready: () => boolean;
  /** A probe was answered; whether it came back is another question. */
  readonly answered: (answer: Either<RedisError, number>) => void;
}

export interface Upkeep {
  /** Starts the ticks; what is returned ends them, and all that is under way. */
  readonly start: () => Subscription;
  /** Sends a probe now. */
  readonly probe: () => void;
  /** The same, and it is no probe that was sent before. */
  readonly probeAnew: () => void;
  readonly renewLease: () => void;
}

export const upkeep = ({ bus, clock, probe, channels, ready, answered }: UpkeepDeps): Upkeep => {
  const { scheduler } = clock;
  const life = new Subscription();
  let turn = 0;

  const send = (probe$: HealthProbe['send$']): void => {
    if (ready()) life.add(probe$.subscribe(answered));
  };

  const renewLease = (): void => {
    if (ready()) life.add(bus.lease().pipe(orTimeout(LEASE_RENEWAL_MS, scheduler)).subscribe());
  };

  const poll = (): void => {
    if (!ready()) return;
    turn += 1;
    for (const room of roomsOfTurn(channels.rooms(), turn)) channels.send(room, { _tag: 'Poll' });
  };

  const every = (ms: number, run: () => void): Observable<() => void> =>
    timer(ms, ms, scheduler).pipe(map(() => run));

  return {
    start: () => {
      life.add(
        merge(
          every(PROBE_MS, () => send(probe.send$)),
          every(PROBE_MS, poll),
          every(LEASE_RENEWAL_MS, renewLease),
        ).subscribe((run) => run()),
      );
      return life;
    },
    probe: () => send(probe.send$),
    probeAnew: () => send(probe.sendNew$),
    renewLease,
  };
};

/** The rooms of one poll: each of a few hundred every 2 s, each of thousands every 10 s, so that Redis hardly feels it. */
export const roomsOfTurn = <Room>(rooms: readonly Room[], turn: number): readonly Room[] => {
  const turns = Math.min(MAX_TURNS, Math.max(MIN_TURNS, Math.ceil(rooms.length / ROOMS_PER_TURN)));
  return rooms.filter((_, i) => (i + turn) % turns === 0);
};
