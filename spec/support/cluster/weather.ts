/**
 * The faults of a seed: which, when, for how long. Each knows what it means: from which pods Redis can be
 * reached, and whether anything is forgotten. So what clients get is judged by what was the case.
 */
import { type ModelRedis } from '../model-redis-port.js';
import type { Checker, Fault } from '../invariants.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { ClusterPod } from './pod.js';

/**
 * `calm`: nothing is lost and Redis can be reached, so no `gap` may come. `outage`: Redis cannot be reached
 * for a while. `loss`: Redis forgets something.
 */
export type Climate = 'calm' | 'outage' | 'loss';

export interface WeatherDeps {
  readonly climate: Climate;
  readonly clock: VirtualClock;
  readonly redis: ModelRedis;
  readonly pods: readonly ClusterPod[];
  readonly checker: Checker;
  readonly note: (text: () => string) => void;
  /** Called after each change, to check whether probes can come back. */
  readonly changed: () => void;
}

export interface Weather {
  /** Begins one fault now, and ends it after a while. */
  readonly strike: () => void;
  /** Replaces every pod, one after the other. */
  readonly deploy: () => void;
  /** Ends all faults: what is down comes up. */
  readonly heal: () => void;
  readonly isMurky: (pod: string) => boolean;
  /** How often each fault came. */
  readonly struck: ReadonlyMap<string, number>;
}

interface Kind {
  readonly name: string;
  readonly climates: readonly Climate[];
  /** Whether the fault is about one pod; else about all. */
  readonly one: boolean;
  readonly unreachable?: boolean;
  readonly forgets?: boolean;
  /** During the fault it is not known whether a probe can come back. */
  readonly murky?: boolean;
  readonly ms: readonly [number, number];
  /** Begins the fault; returns a function that ends it. */
  readonly begin: (deps: WeatherDeps, pod: ClusterPod, ms: number) => () => void;
}

const ALL: readonly Climate[] = ['calm', 'outage', 'loss'];
const HARD: readonly Climate[] = ['outage', 'loss'];
const LOSS: readonly Climate[] = ['loss'];
const nothing = (): void => undefined;
const DRAIN = 'a pod is drained';
/** The time from one pod of a deploy to the next. */
const DEPLOY_MS = 3_500;
const BREAKABLE = ['subscriber', 'publisher', 'both'] as const;

const KINDS: readonly Kind[] = [
  {
    name: 'a pod is killed',
    climates: ALL,
    one: true,
    ms: [300, 6_000],
    begin: (_, pod) => {
      pod.kill();
      return () => pod.start();
    },
  },
  {
    name: DRAIN,
    climates: ALL,
    one: true,
    ms: [3_500, 6_000],
    begin: (_, pod) => {
      pod.drain();
      return () => pod.start();
    },
  },
  {
    name: 'a pod stands still',
    climates: ALL,
    one: true,
    // while the process stands still, it cannot reach Redis either
    unreachable: true,
    ms: [100, 6_000],
    begin: (_, pod) => {
      pod.freeze(true);
      return () => pod.freeze(false);
    },
  },
  {
    name: 'the wall clock of a pod jumps',
    climates: ALL,
    one: true,
    ms: [1_000, 2_000],
    begin: ({ clock }, pod) => {
      pod.jump((clock.random() - 0.5) * 7_200_000);
      return nothing;
    },
  },
  {
    name: 'the connections of a pod to Redis break',
    climates: ALL,
    one: true,
    ms: [1_500, 1_500],
    begin: (_, pod) => {
      pod.bus()?.cut();
      return nothing;
    },
  },
  {
    // no outage: no client may get `degraded`, and messages of this time reach all
    name: 'a connection of a pod to Redis breaks, again and again',
    climates: ALL,
    one: true,
    ms: [2_500, 2_500],
    begin: ({ clock }, pod) => {
      const bus = pod.bus();
      const times = 1 + Math.floor(clock.random() * 10);
      for (let i = 0; i < times; i++)
        clock.scheduler.schedule(() => {
          const which = BREAKABLE[Math.floor(clock.random() * BREAKABLE.length)] ?? 'both';
          bus?.breakOff(which);
        }, clock.random() * 2_000);
      return nothing;
    },
  },
  {
    name: 'Redis is slow',
    climates: ALL,
    one: true,
    ms: [500, 5_000],
    begin: ({ clock }, pod) => {
      pod.bus()?.slow(20 + clock.random() * 180);
      return () => pod.bus()?.slow(2);
    },
  },
  {
    name: 'Redis is very slow',
    climates: HARD,
    one: true,
    unreachable: true,
    murky: true,
    ms: [1_000, 9_000],
    begin: ({ clock }, pod, ms) => {
      const bus = pod.bus();
      let isOver = false;
      bus?.slow(ms * (0.1 + clock.random() * 0.3));
      // messages on their way come in order, and the last of them before the end
      clock.scheduler.schedule(() => {
        isOver = true;
        bus?.slow(2);
      }, ms / 2);
      return () => {
        if (isOver) return;
        bus?.slow(2);
        bus?.cut();
      };
    },
  },
  {
    name: 'a pod is cut off from Redis',
    climates: HARD,
    one: true,
    unreachable: true,
    ms: [200, 7_000],
    begin: (_, pod) => {
      const bus = pod.bus();
      bus?.blackHole(true);
      return () => bus?.blackHole(false);
    },
  },
  {
    name: 'answers of Redis do not come',
    climates: HARD,
    one: true,
    unreachable: true,
    murky: true,
    ms: [200, 5_000],
    begin: ({ clock }, pod) => {
      const bus = pod.bus();
      bus?.holdAnswers(true);
      return () => {
        if (clock.random() < 0.5) bus?.cut();
        bus?.holdAnswers(false);
      };
    },
  },
  {
    name: 'what is published does not come',
    climates: HARD,
    one: true,
    unreachable: true,
    ms: [200, 5_000],
    begin: (_, pod) => {
      const bus = pod.bus();
      bus?.deafen(true);
      return () => bus?.deafen(false);
    },
  },
  {
    name: 'subscriptions are dropped',
    climates: ALL,
    one: true,
    ms: [1_000, 1_000],
    begin: ({ redis, clock }, pod) => {
      const rooms = redis.rooms().filter(() => clock.random() < 0.5);
      pod
        .bus()
        ?.drop(rooms.map((room) => (room === '' ? 'realtime:global' : `realtime:room:${room}`)));
      return nothing;
    },
  },
  {
    name: 'Redis is killed, and keeps all',
    climates: HARD,
    one: false,
    unreachable: true,
    ms: [100, 6_000],
    begin: ({ redis }) => {
      redis.crash();
      return () => redis.start();
    },
  },
  {
    name: 'Redis stands still',
    climates: HARD,
    one: false,
    unreachable: true,
    ms: [100, 7_000],
    begin: ({ redis }) => {
      redis.freeze();
      return () => redis.thaw();
    },
  },
  {
    name: 'Redis refuses to write',
    climates: HARD,
    one: false,
    unreachable: true,
    ms: [100, 5_000],
    begin: ({ redis, clock }) => {
      redis.refuse(clock.random() < 0.5 ? 'ReadOnly' : 'OutOfMemory');
      return () => redis.refuse(undefined);
    },
  },
  {
    name: 'the clock of Redis jumps forward',
    climates: ALL,
    one: false,
    ms: [1_000, 1_000],
    begin: ({ redis, clock }) => {
      // five of these pauses together are shorter than the life of a key or a message
      redis.jump(clock.random() * 50_000);
      return nothing;
    },
  },
  {
    name: 'Redis is killed, and loses its last second',
    climates: LOSS,
    one: false,
    unreachable: true,
    forgets: true,
    ms: [100, 4_000],
    begin: ({ redis, clock }) => {
      redis.crash(clock.random() * 1_000);
      return () => redis.start();
    },
  },
  {
    name: 'Redis restarts empty',
    climates: LOSS,
    one: false,
    unreachable: true,
    forgets: true,
    ms: [50, 3_000],
    begin: ({ redis, clock }) => {
      redis.crash();
      redis.wipe();
      if (clock.random() < 0.3) redis.jump(-3_600_000);
      return () => redis.start();
    },
  },
  {
    name: 'another Redis stands in its place',
    climates: LOSS,
    one: false,
    unreachable: true,
    forgets: true,
    ms: [300, 5_000],
    begin: ({ redis }) => {
      redis.swap('other');
      return () => redis.swap('first');
    },
  },
  {
    name: 'Redis fails over to a replica that is behind',
    climates: LOSS,
    one: false,
    unreachable: true,
    forgets: true,
    ms: [1_500, 1_500],
    begin: ({ redis, clock }) => {
      redis.promote(clock.random() * 800, true);
      return nothing;
    },
  },
  {
    // as behind a proxy that keeps its connections
    name: 'Redis fails over unseen',
    climates: LOSS,
    one: false,
    forgets: true,
    ms: [1_500, 1_500],
    begin: ({ redis, clock }) => {
      redis.promote(300 + clock.random() * 700, false);
      return nothing;
    },
  },
];

/** The names of all faults, so that a spec can check that each came. */
export const FAULT_NAMES: readonly string[] = KINDS.map(({ name }) => name);

export const weather = (deps: WeatherDeps): Weather => {
  const { climate, clock, redis, pods, checker, note, changed } = deps;
  const kinds = KINDS.filter(({ climates }) => climates.includes(climate));
  const struck = new Map<string, number>();
  const under = new Set<() => void>();
  const murky = new Set<string>();
  /**
   * At most one fault of the whole of Redis at a time, and one of each pod's connections: the end of one
   * fault must not end another.
   */
  const busy = new Set<string>();

  const one = <A>(of: readonly A[]): A | undefined => of[Math.floor(clock.random() * of.length)];

  const begin = (kind: Kind | undefined, pod: ClusterPod | undefined): void => {
    if (kind === undefined || pod === undefined) return;
    const whom = kind.one ? pod.name : 'Redis';
    const [least, most] = kind.ms;
    const ms = least + clock.random() * (most - least);
    if (busy.has(whom) || (kind.one && !pod.isUp())) return;
    busy.add(whom);
    struck.set(kind.name, (struck.get(kind.name) ?? 0) + 1);
    const { name, unreachable = false, forgets = false } = kind;
    if (kind.murky === true) murky.add(whom);
    const fault: Fault = { name, unreachable, forgets, ...(kind.one ? { pods: [pod.name] } : {}) };
    note(() => `*** ${name}: ${whom}, ${Math.round(ms)} ms`);
    const over = checker.fault(fault, clock.scheduler.now());
    const finish = kind.begin(deps, pod, ms);
    changed();
    const end = (): void => {
      if (!under.delete(end)) return;
      note(() => `*** over: ${name}: ${whom}`);
      finish();
      over(clock.scheduler.now());
      busy.delete(whom);
      murky.delete(whom);
      changed();
    };
    under.add(end);
    clock.scheduler.schedule(end, ms);
  };

  return {
    strike: () => begin(one(kinds), one(pods)),
    deploy: () => {
      const drain = kinds.find(({ name }) => name === DRAIN);
      pods.forEach((pod, i) => clock.scheduler.schedule(() => begin(drain, pod), i * DEPLOY_MS));
    },
    struck,
    isMurky: (pod) => murky.has(pod),
    heal: () => {
      for (const end of [...under]) end();
      redis.start();
      redis.thaw();
      for (const pod of pods) if (!pod.isUp()) pod.start();
      changed();
    },
  };
};
