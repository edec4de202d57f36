/**
 * The faults of a seed: which, when, for how long. Each knows what it means: whether Redis can be had from which pod, and
 * whether anything is forgotten, so that what is told is judged by what was the case.
 */
import { type ModelRedis } from '../model-redis-port.js';
import type { Checker, Fault } from '../invariants.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { ClusterPod } from './pod.js';

/**
 * `calm`: nothing is lost and Redis can be had, so no `gap` may be told. `outage`: it cannot be had for a while.
 * `loss`: it forgets.
 */
export type Climate = 'calm' | 'outage' | 'loss';

export interface WeatherDeps {
  readonly climate: Climate;
  readonly clock: VirtualClock;
  readonly redis: ModelRedis;
  readonly pods: readonly ClusterPod[];
  readonly checker: Checker;
  readonly note: (text: () => string) => void;
  /** Told after each change, to see whether probes can go round. */
  readonly changed: () => void;
}

export interface Weather {
  /** One fault now, and its end after a while. */
  readonly strike: () => void;
  /** All is over: what is down comes up. */
  readonly heal: () => void;
  readonly isMurky: (pod: string) => boolean;
  /** How often each came. */
  readonly struck: ReadonlyMap<string, number>;
}

interface Kind {
  readonly name: string;
  readonly climates: readonly Climate[];
  /** Whether it concerns one pod; else all. */
  readonly one: boolean;
  readonly unreachable?: boolean;
  readonly forgets?: boolean;
  /** Whether a probe can go round meanwhile is not known. */
  readonly murky?: boolean;
  readonly ms: readonly [number, number];
  /** Begins; answers how to end it. */
  readonly begin: (deps: WeatherDeps, pod: ClusterPod, ms: number) => () => void;
}

const ALL: readonly Climate[] = ['calm', 'outage', 'loss'];
const HARD: readonly Climate[] = ['outage', 'loss'];
const LOSS: readonly Climate[] = ['loss'];
const nothing = (): void => undefined;
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
    name: 'a pod is drained',
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
    // while it stands, it cannot have Redis either
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
    // no outage: nobody is told one, and what is said meanwhile reaches all
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
      // what is on its way comes in order, and the last of it before the end
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
      // five of them together are less than a key or a message lives
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
    // behind a proxy that keeps its connections
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

/** All that can happen, so that a spec can see that it did. */
export const FAULT_NAMES: readonly string[] = KINDS.map(({ name }) => name);

export const weather = (deps: WeatherDeps): Weather => {
  const { climate, clock, redis, pods, checker, note, changed } = deps;
  const kinds = KINDS.filter(({ climates }) => climates.includes(climate));
  const struck = new Map<string, number>();
  const under = new Set<() => void>();
  const murky = new Set<string>();
  /** A fault of the whole of Redis is one at a time, as is one of a pod's bus: what ends one must not end another. */
  const busy = new Set<string>();

  const strike = (): void => {
    const kind = kinds[Math.floor(clock.random() * kinds.length)];
    const pod = pods[Math.floor(clock.random() * pods.length)];
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
    strike,
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
