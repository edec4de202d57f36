/** A pod's hub in virtual time, with a local broker and with peers on played sockets. */
import { isLeft } from 'fp-ts/lib/Either.js';
import { BehaviorSubject, Subject, Subscription } from 'rxjs';
import { NO_AUTH } from '../../lib/auth/from-config.js';
import { ExpiryTimer } from '../../lib/auth/expiry-timer.js';
import type { Auth } from '../../lib/auth/index.js';
import { OutboxBudget } from '../../lib/connection/outbox-budget.js';
import type { Clock } from '../../lib/clock.js';
import type { Broker } from '../../lib/broker/index.js';
import type { Connection } from '../../lib/connection/connection.js';
import { type Config, configOf, type DeepPartial } from '../../lib/config/index.js';
import type { ConnectionDeps } from '../../lib/connection/state.js';
import type { HubEvent } from '../../lib/hub-event.js';
import type { Hooks } from '../../lib/hooks.js';
import { podStreams } from '../../lib/pod-streams.js';
import { NO_EPOCH, type Position, type Room } from '../../lib/protocol/position.js';
import { type Peer, peer, type PeerOptions } from './peer.js';
import { type VirtualClock, virtualClock } from './virtual-clock.js';

/** A running hub; connections are added by the spec. */
export interface PodHub {
  readonly config: Config;
  readonly connections: Set<Connection>;
  readonly deps: ConnectionDeps;
  readonly enter: (connection: Connection) => void;
  readonly shutdown: () => void;
  readonly deadline: () => void;
  readonly running: Subscription;
  /** Whether the hub takes connections. */
  readonly isOpen: () => boolean;
  /** Whether the hub has completed. */
  readonly hasEnded: () => boolean;
  /** Members by room, from the events `Occupied`; rooms without members are not in the map. */
  readonly occupied: () => ReadonlyMap<Room, number>;
}

export interface HubWorld extends Omit<PodHub, 'deps' | 'enter'> {
  readonly clock: VirtualClock;
  readonly events: readonly HubEvent[];
  readonly connect: (options?: PeerOptions) => Peer;
}

export interface PodHubOptions {
  readonly clock: Clock;
  readonly broker: Broker;
  readonly config?: DeepPartial<Config> | undefined;
  readonly hooks?: Hooks | undefined;
  readonly access?: Auth | undefined;
  readonly newId: () => string;
  readonly onEvent?: (event: HubEvent) => void;
}

export interface HubWorldOptions<B extends Broker> {
  readonly broker: (clock: VirtualClock) => B;
  readonly config?: DeepPartial<Config>;
  readonly hooks?: Hooks;
  readonly access?: Auth;
  readonly seed?: number;
}

/** A configuration without a rate limit, unless a spec is about it. */
export const configWith = (overrides: DeepPartial<Config> = {}): Config => {
  const { limits, ...rest } = overrides;
  const made = configOf({
    ...rest,
    limits: {
      rateLimitPerSecond: 1_000_000,
      rateLimitBurst: 1_000_000,
      rateLimitBytes: 1_000_000_000,
      ...limits,
    },
  });
  if (isLeft(made)) throw new Error(JSON.stringify(made.left));
  return made.right;
};

export const podHub = (options: PodHubOptions): PodHub => {
  const { clock, broker, hooks = {}, newId } = options;
  const config = configWith(options.config);
  const connections = new Set<Connection>();
  const connection$ = new Subject<Connection>();
  const shutdown$ = new Subject<void>();
  const deadline$ = new Subject<void>();
  const members = new Map<Room, number>();
  const globalPosition$ = new BehaviorSubject<Position>({ tag: NO_EPOCH, offset: 0, ms: 0 });
  let ended = false;

  const emit = (event: HubEvent): void => {
    options.onEvent?.(event);
    if (event._tag !== 'Occupied') return;
    if (event.members === 0) members.delete(event.room);
    else members.set(event.room, event.members);
  };

  const running = new Subscription();
  const pod = podStreams({
    broker,
    clock,
    config,
    connections,
    globalPosition$,
    shutdown$,
    deadline$,
  });

  const deps: ConnectionDeps = {
    clock,
    config,
    hooks,
    access: options.access ?? NO_AUTH,
    expiries: new ExpiryTimer(clock),
    outboxes: {
      bound: {
        messages: config.limits.sendBufferMessages,
        bytes: config.limits.sendBufferBytes,
      },
      now: () => clock.scheduler.now(),
      backlog: new OutboxBudget(config.limits.outboxTotalBytes),
    },
    emit,
    catchUps: pod.catchUps,
    newId,
    connections,
  };

  // without the heartbeat: played sockets answer no ping
  const [status$, archive$, command$, sent$, , hub$] = pod.streams(connection$);
  for (const one$ of [status$, archive$, command$, sent$]) running.add(one$?.subscribe());
  running.add(
    hub$?.subscribe({
      next: emit,
      complete: () => {
        ended = true;
      },
    }),
  );

  return {
    config,
    connections,
    deps,
    enter: (connection) => connection$.next(connection),
    shutdown: () => shutdown$.next(),
    deadline: () => deadline$.next(),
    running,
    isOpen: () => connection$.observed,
    hasEnded: () => ended,
    occupied: () => members,
  };
};

export const hubWorld = <B extends Broker>(
  options: HubWorldOptions<B>,
): HubWorld & { readonly broker: B } => {
  const clock = virtualClock(options.seed ?? 1);
  const broker = options.broker(clock);
  const events: HubEvent[] = [];
  let ids = 0;
  const { deps, enter, ...rest } = podHub({
    clock,
    broker,
    config: options.config,
    hooks: options.hooks,
    access: options.access,
    newId: () => {
      ids += 1;
      return `c${ids}`;
    },
    onEvent: (event) => events.push(event),
  });
  return {
    ...rest,
    clock,
    broker,
    events,
    connect: (peerOptions) => {
      const made = peer(deps, clock, peerOptions);
      enter(made.connection);
      return made;
    },
  };
};
