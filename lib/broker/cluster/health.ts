/**
 * The outage, as one state machine. Health is measured by what arrives, not by connections: every 500 ms a
 * probe goes to Redis and back, on the way that messages take, and only its return counts.
 *
 *                  probe came back                      none for 2 s
 *   Starting ─────────────────────────────▶ Up ─────────────────────────▶ Degraded
 *      │                                    ▲  ▲                           │  │  ▲
 *      │ none for 3 s                       │  └─ came back, all synced ───┘  │  │
 *      └──────────▶ Degraded                │                                 │  │
 *                                           │              came back, rooms   │  │ none for 2 s,
 *                      all rooms synced,    │              not synced yet     │  │ or connection lost
 *                      or after 1 s         └──────────── Checking ◀──────────┘  │
 *                                                            └───────────────────┘
 *
 * For clients, Checking is still degraded. In every phase, 1.3 s without a probe on a connection that looks
 * ready asks for a new connection, and again each 1.3 s, as a frozen peer looks connected. When Redis became
 * read-only, 0.5 s are enough.
 *
 * Only time in which this process runs is counted: a step adds at most 500 ms, so a stalled event loop or a
 * stopped process does not count as an outage.
 */
import { concatMap, map, merge, Observable, observeOn, queueScheduler, scan, timer } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { BrokerStatus } from '../index.js';

export type Input =
  /** Time passes. Time is judged only at a tick, after ready sockets were read. */
  | { readonly _tag: 'Tick' }
  | { readonly _tag: 'Ready' }
  | { readonly _tag: 'Lost' }
  /** A probe came back. */
  | { readonly _tag: 'Returned' }
  /** Redis answered that it is a replica. */
  | { readonly _tag: 'ReadOnly' }
  /** Whether every room is subscribed and its position checked against the log. */
  | { readonly _tag: 'AllRoomsSynced'; readonly allSynced: boolean };

export interface Health {
  readonly phase: 'Starting' | 'Up' | 'Degraded' | 'Checking';
  /** Unix ms of the last change that is reported to clients. */
  readonly since: number;
  /** When the last input came, monotonic. */
  readonly at: number;
  /** Ms without a probe. This time and the next two count only while the process runs. */
  readonly silentMs: number;
  /** Ms in this phase. */
  readonly phaseMs: number;
  /** Ms since a new connection was asked for, the connection became ready, or a probe came back. */
  readonly triedMs: number;
  readonly ready: boolean;
  readonly allSynced: boolean;
  /** This step asks for a new connection. */
  readonly reconnect: boolean;
}

const TICK_MS = 250;
/** A step counts at most two ticks. */
const STEP_MS = 2 * TICK_MS;
const START_MS = 3_000;
const SILENT_MS = 2_000;
const RECONNECT_MS = 1_300;
/**
 * How long Checking lasts at most. The backoff of the connection takes at most 1 s more: so clients get
 * `restored` within 2 s after Redis is back.
 */
const CHECK_MS = 1_000;
/**
 * A replica answers every command that writes with READONLY: at most one new connection is asked for in this
 * time.
 */
const READ_ONLY_MS = 500;

export const start = (at: number, wall: number): Health => ({
  phase: 'Starting',
  since: wall,
  at,
  silentMs: 0,
  phaseMs: 0,
  triedMs: 0,
  ready: false,
  allSynced: false,
  reconnect: false,
});

/** One step; pure. `at` is monotonic, `wall` Unix ms. */
export const step = (before: Health, input: Input, at: number, wall: number): Health => {
  const passed = Math.min(Math.max(0, at - before.at), STEP_MS);
  const now: Health = {
    ...before,
    at,
    silentMs: before.silentMs + passed,
    phaseMs: before.phaseMs + passed,
    triedMs: before.triedMs + passed,
    reconnect: false,
  };
  switch (input._tag) {
    case 'Tick':
      return wantsReconnect(judged(now, wall));
    case 'Ready':
      return { ...now, ready: true, triedMs: 0 };
    case 'Lost':
      return enter(
        now.phase === 'Checking' ? 'Degraded' : now.phase,
        { ...now, ready: false },
        wall,
      );
    case 'Returned':
      return returned({ ...now, silentMs: 0, triedMs: 0 }, wall);
    case 'ReadOnly':
      return now.ready && now.triedMs >= READ_ONLY_MS
        ? { ...now, reconnect: true, triedMs: 0 }
        : now;
    case 'AllRoomsSynced':
      return enter(
        now.phase === 'Checking' && input.allSynced ? 'Up' : now.phase,
        { ...now, allSynced: input.allSynced },
        wall,
      );
  }
};

const judged = (now: Health, wall: number): Health => {
  switch (now.phase) {
    case 'Starting':
      return now.phaseMs >= START_MS ? enter('Degraded', now, wall) : now;
    case 'Up':
      return now.silentMs >= SILENT_MS ? enter('Degraded', now, wall) : now;
    case 'Checking':
      if (now.silentMs >= SILENT_MS) return enter('Degraded', now, wall);
      // rooms that are not synced yet are repaired when their logs are read
      return now.phaseMs >= CHECK_MS ? enter('Up', now, wall) : now;
    case 'Degraded':
      return now;
  }
};

const returned = (now: Health, wall: number): Health => {
  switch (now.phase) {
    case 'Starting':
      return enter('Up', now, wall);
    case 'Degraded':
      return enter(now.allSynced ? 'Up' : 'Checking', now, wall);
    case 'Up':
    case 'Checking':
      return now;
  }
};

/**
 * A Redis client that is not connected opens connections by itself, with backoff. Asking it for a new
 * connection would start the backoff again.
 */
const wantsReconnect = (now: Health): Health =>
  now.ready && now.triedMs >= RECONNECT_MS ? { ...now, reconnect: true, triedMs: 0 } : now;

const enter = (phase: Health['phase'], now: Health, wall: number): Health => {
  if (phase === now.phase) return now;
  const isChange = tagOf(phase) !== tagOf(now.phase);
  return { ...now, phase, phaseMs: 0, since: isChange ? wall : now.since };
};

const tagOf = (phase: Health['phase']): BrokerStatus['_tag'] =>
  phase === 'Checking' ? 'Degraded' : phase;

export const statusOf = ({ phase, since }: Health): BrokerStatus => {
  const _tag = tagOf(phase);
  return _tag === 'Starting' ? { _tag } : { _tag, since };
};

/**
 * The machine over its inputs, with its own ticks. An input that is caused by an input is handled after it.
 */
export const health = (clock: Clock, input$: Observable<Input>): Observable<Health> => {
  const tick$ = timer(TICK_MS, TICK_MS, clock.scheduler).pipe(
    concatMap(
      () =>
        new Observable<Input>((out) =>
          clock.turn(() => {
            out.next({ _tag: 'Tick' });
            out.complete();
          }),
        ),
    ),
  );
  const { scheduler, wall } = clock;
  return merge(tick$, input$).pipe(
    observeOn(queueScheduler),
    map((input) => ({ input, at: scheduler.now(), wall: wall() })),
    scan(
      (state, { input, at, wall: unix }) => step(state, input, at, unix),
      start(scheduler.now(), wall()),
    ),
  );
};
