/** A fault, and how its effect on clients is measured. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chance } from './chance.js';
import type { Checker, Fault as Cause } from '../../spec/support/invariants.js';
import type { Ack, Crowd, Rare } from './crowd.js';
import type { Stage, StagePod } from './stage.js';
import { OWN, type Wanderer } from './wanderer.js';

export interface Scene {
  readonly stage: Stage;
  readonly crowd: Crowd;
  readonly chance: Chance;
  readonly checker: Checker;
  /** No other fault comes at the same time, so the bounds of time hold. */
  readonly alone: boolean;
}

/** `ms` is Infinity when it never happened. */
export interface Measure {
  readonly what: string;
  readonly ms: number;
  readonly barMs: number;
}

export interface Outcome {
  readonly measures?: readonly Measure[];
  /** What must not happen, whatever else fails. */
  readonly wrongs?: readonly string[];
  /** What must not happen when nothing else fails. */
  readonly wrongsAlone?: readonly string[];
  /** Numbers for the report. */
  readonly counts?: Readonly<Record<string, number>>;
}

/** What a fault needs for itself: two faults that need different things may come at once. */
export type Claim = 'redis' | 'line' | 'pod' | 'clients';

export interface Fault {
  /** Its row in the table of faults. */
  readonly row: string;
  readonly what: string;
  readonly claims: readonly Claim[];
  /** How long it takes, about; for the plan. */
  readonly ms: number;
  readonly isPossible?: (stage: Stage) => boolean;
  readonly act: (scene: Scene) => Promise<Outcome>;
}

/** Reports a fault of Redis to the checker while a function runs. */
export const during = async <A>(
  { checker }: Scene,
  cause: Cause,
  work: () => Promise<A>,
): Promise<A> => {
  const over = checker.fault(cause, now());
  try {
    return await work();
  } finally {
    over(now());
  }
};

export const now = (): number => performance.now();

/** The wait for something is this many times its bound. */
const PATIENCE = 2;

/** Polls; resolves with the time after which it was true, Infinity when it was not within twice the bound. */
export const within = async (
  from: number,
  barMs: number,
  is: () => boolean | Promise<boolean>,
): Promise<number> => {
  for (;;) {
    if (await is()) return now() - from;
    if (now() - from > PATIENCE * barMs + 1_000) return Infinity;
    await sleep(10);
  }
};

/** The clients that have been connected to these pods since before a moment. */
export const stayed = (
  { crowd }: Scene,
  pods: readonly StagePod[],
  since: number,
): readonly Wanderer[] => {
  const names = new Set(pods.map(({ name }) => name));
  return crowd.wanderers.filter(
    (each) => names.has(each.pod() ?? '') && (each.inSince() ?? Infinity) < since,
  );
};

/** The time until the last of the clients that stayed got the event. */
export const notified = async (
  scene: Scene,
  what: Measure['what'],
  pods: readonly StagePod[],
  from: number,
  barMs: number,
  is: (rare: Rare) => boolean,
): Promise<Measure> => {
  let last = from;
  const ms = await within(from, barMs, () => {
    const when = new Map<string, number>();
    for (const rare of scene.crowd.rare)
      if (rare.at >= from && is(rare) && !when.has(rare.who)) when.set(rare.who, rare.at);
    const all = stayed(scene, pods, from);
    last = Math.max(from, ...all.map(({ who }) => when.get(who) ?? from));
    return all.every(({ who }) => when.has(who));
  });
  return { what, ms: ms === Infinity ? Infinity : last - from, barMs };
};

export const isNotifiedOf =
  (event: 'degraded' | 'restored') =>
  (rare: Rare): boolean =>
    rare._tag === 'Notified' && rare.event === event;

/**
 * The time until each of these pods had acknowledged, without `scope`, a message that was sent after a
 * moment.
 */
export const deliveredAgain = async (
  { crowd }: Scene,
  pods: readonly StagePod[],
  from: number,
  barMs: number,
): Promise<Measure> => {
  let last = from;
  const ms = await within(from, barMs, () => {
    const first = pods.map(({ name }) =>
      Math.min(
        ...acked(crowd, from, Infinity, name)
          .filter(({ onPod }) => !onPod)
          .map((ack) => ack.sentAt + ack.ms),
      ),
    );
    last = Math.max(...first);
    return last < Infinity;
  });
  return { what: 'delivered again', ms: ms === Infinity ? Infinity : last - from, barMs };
};

/** The names of clients that stop reading begin with this. */
export const SLOW = 'slow-';

export const acked = (crowd: Crowd, from: number, to: number, pod?: string): readonly Ack[] =>
  crowd.acks.filter(
    (ack) => ack.sentAt >= from && ack.sentAt < to && (pod === undefined || ack.pod === pod),
  );

/**
 * How many messages reached their pod only. A repeat gets the answer of the first time, which may have been
 * during the fault.
 */
export const keptOnPod = (crowd: Crowd, from: number, to: number): number =>
  acked(crowd, from, to).filter(({ onPod, duplicate }) => onPod && !duplicate).length;

/** The 99th percentile. */
export const p99 = (values: readonly number[]): number => {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;
};

/**
 * The time until 99 of 100 of these clients were back in all their rooms. A client that broke its own
 * connection more than `ownBreaks` times meanwhile does not count.
 */
export const back = async (
  { crowd }: Scene,
  what: string,
  some: readonly Wanderer[],
  from: number,
  barMs: number,
  ownBreaks = 0,
): Promise<Measure> => {
  const first = new Map<Wanderer, number>();
  const breaks = (who: string): number =>
    crowd.rare.filter(
      (rare) => rare.who === who && rare.at >= from && rare._tag === 'Closed' && rare.cause === OWN,
    ).length;
  await within(from, barMs, () => {
    for (const each of some) {
      const since = each.inSince() ?? 0;
      if (since > from && !first.has(each)) first.set(each, since - from);
    }
    return first.size === some.length;
  });
  const steady = some.filter(({ who }) => breaks(who) <= ownBreaks);
  return { what, ms: p99(steady.map((each) => first.get(each) ?? Infinity)), barMs };
};

export const until = async (at: number): Promise<void> => {
  await sleep(Math.max(0, at - now()));
};
