/**
 * A pod in virtual time: hub, broker, heartbeat and drain are the real code; sockets and the connections to
 * Redis are played. It can be started, killed, frozen, drained, and started again under the same name.
 */
import { Subscription } from 'rxjs';
import { ANONYMOUS } from '../../../lib/auth/from-config.js';
import type { BrokerStatus } from '../../../lib/broker/index.js';
import { clusterBroker, type ClusterBroker } from '../../../lib/broker/cluster/cluster-broker.js';
import { CLOSE } from '../../../lib/protocol/close-codes.js';
import type { Config, DeepPartial } from '../../../lib/config/index.js';
import { connection } from '../../../lib/connection/socket-connection.js';
import { drain } from '../../../lib/connection/drain.js';
import { heartbeat } from '../../../lib/connection/heartbeat.js';
import type { Room } from '../../../lib/protocol/position.js';
import { resumesOf } from '../../../lib/protocol/resume.js';
import { type PodHub, podHub } from '../hub-world.js';
import { type ModelBus, modelBus } from '../model-bus.js';
import { type ModelRedis } from '../model-redis-port.js';
import type { ProcessClock, VirtualClock } from '../virtual-clock.js';
import { type Link, link, type LinkEvents } from './link.js';

export interface Call {
  readonly user: string | null;
  readonly room: Room | undefined;
  readonly lastId: string | undefined;
  readonly events: LinkEvents;
}

export interface ClusterPod {
  readonly name: string;
  readonly isUp: () => boolean;
  readonly isOpen: () => boolean;
  readonly isFrozen: () => boolean;
  /** Undefined: the pod does not run, or it drains. */
  readonly call: (call: Call) => Link | undefined;
  readonly bus: () => ModelBus | undefined;
  readonly start: () => void;
  readonly kill: () => void;
  readonly drain: () => void;
  readonly freeze: (on: boolean) => void;
  /** From now on its wall clock is wrong by this much. */
  readonly jump: (ms: number) => void;
  /** What is in its memory and should not be when no client uses it. */
  readonly holdings: () => Readonly<Record<string, number>>;
}

export interface ClusterPodOptions {
  readonly name: string;
  readonly world: VirtualClock;
  readonly redis: ModelRedis;
  readonly config: DeepPartial<Config>;
  readonly delayMs: () => number;
  readonly status: (status: BrokerStatus['_tag'] | 'Draining' | 'Gone') => void;
  /** Called when a life of the pod ends, with the most messages that one outbox had. */
  readonly outboxPeak: (messages: number, bound: number) => void;
  /** Called with what is left when it has ended in order. */
  readonly left: (what: string, count: number) => void;
  readonly failed: (detail: string) => void;
}

interface Life {
  readonly clock: ProcessClock;
  readonly bus: ModelBus;
  readonly broker: ClusterBroker;
  readonly hub: PodHub;
  readonly beside: Subscription;
  readonly links: Set<Link>;
  state: 'open' | 'draining';
  frozen: boolean;
}

/** As in `shutdown.ts`: after this part of the drain the remaining connections are cut. */
const LAST_CALL = 0.9;
const EMPTY_CHECK_MS = 10;

export const clusterPod = (options: ClusterPodOptions): ClusterPod => {
  const { name, world, redis, config, delayMs, status, outboxPeak, left, failed } = options;
  let life: Life | undefined;
  let connections = 0;

  const start = (): void => {
    if (life !== undefined) return;
    const clock = world.process();
    const bus = modelBus(redis, clock, name, world);
    const broker = clusterBroker({ redis: bus, clock, serverId: name, timeoutMs: 2_000 });
    const hub = podHub({
      clock,
      broker,
      config,
      newId: () => {
        connections += 1;
        return `${name}/${connections}`;
      },
      onEvent: (event) => {
        if (event._tag === 'RoomFailed') failed(`a room of ${name} failed: ${String(event.error)}`);
      },
    });
    const { pingIntervalMs, pongTimeoutMs } = hub.config.limits;
    const beside = heartbeat({ clock, pingIntervalMs, pongTimeoutMs })(hub.connections).subscribe(
      ({ connection: overdue, why }) =>
        why === 'silent' ? overdue.terminate() : overdue.close(CLOSE.halfMessage),
    );
    life = { clock, bus, broker, hub, beside, links: new Set(), state: 'open', frozen: false };
    const mine = life;
    beside.add(
      broker.status$.subscribe(({ _tag }) => {
        if (mine.state === 'open') status(_tag);
      }),
    );
  };

  const peak = ({ hub }: Life): void =>
    outboxPeak(hub.deps.outboxes.backlog.peak, hub.config.limits.sendBufferMessages);

  const kill = (): void => {
    if (life === undefined) return;
    const { clock, bus, links } = life;
    peak(life);
    status('Gone');
    bus.kill();
    clock.kill();
    for (const each of links) each.reset();
    life = undefined;
  };

  /** Does what `stop` of the app does. */
  const leave = (): void => {
    if (life?.state !== 'open') return;
    const mine = life;
    const { clock, hub } = mine;
    const drainMs = hub.config.server.drainMs;
    mine.state = 'draining';
    status('Draining');
    hub.shutdown();
    const waits = new Subscription();
    const once = (): void => {
      waits.unsubscribe();
      end(mine);
    };
    waits.add(clock.scheduler.schedule(once, drainMs * LAST_CALL));
    const untilEmpty = (): void => {
      if (hub.connections.size === 0) once();
      else waits.add(clock.scheduler.schedule(untilEmpty, EMPTY_CHECK_MS));
    };
    waits.add(drain({ clock, drainMs })(hub.connections).subscribe({ complete: untilEmpty }));
  };

  const end = (mine: Life): void => {
    const { hub, broker, beside, clock, links } = mine;
    peak(mine);
    hub.deadline();
    for (const each of hub.connections) each.terminate();
    broker.close().subscribe({
      complete: () => {
        hub.running.unsubscribe();
        beside.unsubscribe();
        // sockets that were cut end with the turn; a close that is not answered is given up after 2 s
        world.scheduler.schedule(() => {
          if (!hub.hasEnded()) left(`hub of ${name} running`, 1);
          left(`connections of ${name}`, hub.connections.size);
          left(`timers of ${name}`, clock.pending());
          const { channels, rooms, queues, counts } = broker.holdings();
          left(`channels of ${name}`, channels);
          left(`rooms, queues and counts of ${name}`, rooms + queues + counts);
          for (const each of links) each.reset();
          clock.kill();
        }, ENDED_MS);
        status('Gone');
        if (life === mine) life = undefined;
      },
    });
  };

  return {
    name,
    isUp: () => life !== undefined,
    isOpen: () => life?.state === 'open' && !life.frozen,
    isFrozen: () => life?.frozen === true,
    call: ({ user, room, lastId, events }) => {
      if (life?.state !== 'open') return undefined;
      const { clock, hub, links } = life;
      const made = link({
        pod: clock,
        network: world,
        delayMs,
        events: {
          text: events.text,
          closed: (code) => {
            links.delete(made);
            events.closed(code);
          },
        },
      });
      links.add(made);
      const identity = { ...ANONYMOUS, userId: user };
      const admission = { identity, room, resumes: resumesOf(lastId ?? null) };
      hub.enter(connection(hub.deps)(made.webSocket, made.socket, admission));
      return made;
    },
    bus: () => life?.bus,
    start,
    kill,
    drain: leave,
    freeze: (on) => {
      if (life === undefined || life.frozen === on) return;
      life.frozen = on;
      if (on) life.clock.freeze();
      else life.clock.thaw();
    },
    jump: (ms) => life?.clock.jump(ms),
    holdings: () => {
      if (life === undefined) return {};
      const { channels, rooms, queues, counts } = life.broker.holdings();
      return {
        connections: life.hub.connections.size,
        'occupied rooms': life.hub.occupied().size,
        // its own channel for probes, the global channel, and `realtime:control`
        channels: channels - OWN_CHANNELS,
        rooms,
        queues,
        counts,
      };
    },
  };
};

const OWN_CHANNELS = 3;
const ENDED_MS = 2_500;
