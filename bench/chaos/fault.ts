/** A thing that goes wrong, and how what clients notice of it is measured. */
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
  /** No other fault at the same time: bars of time hold. */
  readonly alone: boolean;
}

/** `ms` is Infinity where it never happened. */
export interface Measure {
  readonly what: string;
  readonly ms: number;
  readonly barMs: number;
}

export interface Outcome {
  readonly measures?: readonly Measure[];
  /** What must not have been, whatever else went wrong. */
  readonly wrongs?: readonly string[];
  /** What must not have been when nothing else went wrong. */
  readonly wrongsAlone?: readonly string[];
  /** Numbers worth telling. */
  readonly counts?: Readonly<Record<string, number>>;
}

/** What a fault takes for itself: two that take different things may happen at once. */
export type Claim = 'redis' | 'line' | 'pod' | 'clients';

export interface Fault {
  /** Its row in the table of failures. */
  readonly row: string;
  readonly what: string;
  readonly claims: readonly Claim[];
  /** Roughly how long, for the plan. */
  readonly ms: number;
  readonly isPossible?: (stage: Stage) => boolean;
  readonly act: (scene: Scene) => Promise<Outcome>;
}

/** Tells the checker what is wrong with Redis while something is done. */
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

/** How much longer than its bar something is waited for. */
const PATIENCE = 2;

/** Polls; answers after how long it was true, Infinity when it was not within twice the bar. */
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

/** Those who are in on these pods since before a moment. */
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

/** After how long the last of those who stayed was told. */
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

/** After how long each of these pods had acknowledged something for the whole cluster that was said after a moment. */
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
 * How many messages did not get further than their pod. A repeat is answered as the first time: that may have been in the
 * fault before.
 */
export const keptOnPod = (crowd: Crowd, from: number, to: number): number =>
  acked(crowd, from, to).filter(({ onPod, duplicate }) => onPod && !duplicate).length;

/** The slowest but one in a hundred. */
export const p99 = (values: readonly number[]): number => {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;
};

/**
 * After how long the last but one in a hundred of these was in again with all its rooms. Who broke off by itself more than
 * `ownBreaks` times meanwhile was away for another reason.
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
