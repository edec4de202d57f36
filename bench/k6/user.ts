/** One user of a run (a VU), and the module `k6` as its script sees it. What its calls wait for ends with it. */
import { setTimeout as after } from 'node:timers/promises';
import type { Metrics, Tags } from './metrics.js';

export interface User {
  readonly number: number;
  readonly iteration: () => number;
  readonly metrics: Metrics;
  /** Of the scenario: every sample has them. */
  readonly tags: Tags;
  /** Aborts when the run takes the user away in the middle of an iteration. */
  readonly signal: AbortSignal;
  /** A failure in a callback of the script. */
  readonly failed: (error: unknown) => void;
}

/** The user was taken away. */
export class Interrupted extends Error {}

/** Called with what a script does in a callback: it may throw, now or later. */
export const guarded = (user: User, work: () => unknown): void => {
  const failed = (error: unknown): void => {
    if (!(error instanceof Interrupted)) user.failed(error);
  };
  try {
    void Promise.resolve(work()).catch(failed);
  } catch (error) {
    failed(error);
  }
};

type Checks = Readonly<Record<string, (value: unknown) => unknown>>;

export const k6Module = (user: User): Readonly<Record<string, unknown>> => ({
  sleep: async (seconds: number) => {
    try {
      await after(seconds * 1_000, undefined, { signal: user.signal });
    } catch {
      throw new Interrupted();
    }
  },
  check: (value: unknown, checks: Checks, tags: Tags = {}) =>
    Object.entries(checks)
      .map(([name, holds]) => {
        const isTrue = Boolean(holds(value));
        user.metrics.metric('checks', 'rate').add(isTrue, { ...user.tags, ...tags, check: name });
        return isTrue;
      })
      .every(Boolean),
  group: (_name: string, work: () => unknown) => work(),
  fail: (text = 'fail') => {
    throw new Error(text);
  },
});

export const metricsModule = (user: User): Readonly<Record<string, unknown>> => {
  const kindOf = (kind: 'trend' | 'rate' | 'counter' | 'gauge') =>
    class {
      readonly name: string;
      constructor(name: string, isTime = false) {
        this.name = name;
        user.metrics.metric(name, kind, isTime);
      }
      add(value: number | boolean, tags: Tags = {}): void {
        user.metrics.metric(this.name, kind).add(value, { ...user.tags, ...tags });
      }
    };
  return {
    Trend: kindOf('trend'),
    Rate: kindOf('rate'),
    Counter: kindOf('counter'),
    Gauge: kindOf('gauge'),
  };
};
