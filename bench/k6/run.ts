/** The users of a run: they come and go as the plans of the scenarios say, and repeat their iteration. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Metrics } from './metrics.js';
import type { Options, Plan, Scenario } from './options.js';
import type { Exports } from './script.js';
import { Interrupted, type User } from './user.js';

export interface Run {
  readonly users: () => number;
  /** Ends it as at the end of its plans: iterations that have begun may end. */
  readonly stop: () => void;
  readonly ended: Promise<void>;
}

export interface RunOptions {
  readonly options: Options;
  readonly metrics: Metrics;
  readonly exportsFor: (user: User) => Exports;
  /** What `setup` returned. */
  readonly data: string;
  readonly failed: (error: unknown) => void;
}

interface Member {
  readonly leave: () => void;
  readonly hasLeft: () => boolean;
  readonly ended: Promise<void>;
}

const TICK_MS = 50;

/** How many users there should be; undefined: the plan is over. */
const wantedAt = (plan: Plan, ms: number): number | undefined => {
  if (plan._tag !== 'Ramping') return ms < plan.ms ? plan.users : undefined;
  let [from, start] = [plan.from, 0];
  for (const { ms: length, target } of plan.stages) {
    if (ms < start + length) return Math.round(from + ((target - from) * (ms - start)) / length);
    [from, start] = [target, start + length];
  }
  return undefined;
};

/** A user outside of all scenarios: options, `setup`, `teardown`. */
export const outsider = (metrics: Metrics, failed: User['failed']): User => ({
  number: 0,
  iteration: () => 0,
  metrics,
  tags: {},
  signal: new AbortController().signal,
  failed,
});

export const startRun = ({ options, metrics, exportsFor, data, failed }: RunOptions): Run => {
  let numbers = 0;
  let isStopped = false;
  const present = new Set<Member>();

  const member = (scenario: Scenario): Member => {
    const interrupt = new AbortController();
    let isLeaving = false;
    let iteration = 0;
    const user: User = {
      number: ++numbers,
      iteration: () => iteration,
      metrics,
      tags: { scenario: scenario.name },
      signal: interrupt.signal,
      failed,
    };
    const most = scenario.plan._tag === 'Iterations' ? scenario.plan.each : Infinity;
    const live = async (): Promise<void> => {
      const work = exportsFor(user)[scenario.exec];
      if (typeof work !== 'function')
        throw new Error(`no function is exported as ${scenario.exec}`);
      for (; iteration < most && !isLeaving; iteration++) {
        const began = performance.now();
        try {
          await (work as (data: unknown) => unknown)(JSON.parse(data));
        } catch (error) {
          if (error instanceof Interrupted) return;
          failed(error);
        }
        metrics.metric('iterations', 'counter').add(1, user.tags);
        const ms = performance.now() - began;
        metrics.metric('iteration_duration', 'trend', true).add(ms, user.tags);
      }
    };
    const ended = live().finally(() => present.delete(one));
    const one: Member = {
      ended,
      hasLeft: () => isLeaving,
      leave: () => {
        isLeaving = true;
        const cut = setTimeout(() => interrupt.abort(), scenario.graceMs);
        void ended.finally(() => clearTimeout(cut));
      },
    };
    present.add(one);
    return one;
  };

  const play = async (scenario: Scenario): Promise<void> => {
    await sleep(scenario.startMs);
    const began = performance.now();
    const own: Member[] = [];
    const isOnce = scenario.plan._tag === 'Iterations';
    for (;;) {
      const wanted = isStopped ? undefined : wantedAt(scenario.plan, performance.now() - began);
      if (wanted === undefined) break;
      const staying = own.filter((one) => isOnce || (present.has(one) && !one.hasLeft()));
      for (const one of staying.slice(wanted)) one.leave();
      for (let i = staying.length; i < wanted; i++) own.push(member(scenario));
      if (isOnce && !own.some((one) => present.has(one))) break;
      await sleep(TICK_MS);
    }
    for (const one of own) if (present.has(one)) one.leave();
    await Promise.all(own.map(({ ended }) => ended));
  };

  return {
    users: () => present.size,
    stop: () => {
      isStopped = true;
    },
    ended: Promise.all(options.scenarios.map(play)).then(() => undefined),
  };
};
