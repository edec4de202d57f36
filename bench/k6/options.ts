/** The options of a script: what is known here, in one form. Anything else is an error, not left out in silence. */
import type { Thresholds } from './thresholds.js';

export interface Stage {
  readonly ms: number;
  readonly target: number;
}

export type Plan =
  | { readonly _tag: 'Ramping'; readonly from: number; readonly stages: readonly Stage[] }
  | { readonly _tag: 'Constant'; readonly users: number; readonly ms: number }
  | {
      readonly _tag: 'Iterations';
      readonly users: number;
      readonly each: number;
      /** Users who are not done by then are taken away. */
      readonly ms: number;
    };

export interface Scenario {
  readonly name: string;
  /** The export that a user calls. */
  readonly exec: string;
  readonly plan: Plan;
  readonly startMs: number;
  /** How long an iteration that has begun may take when its user is to go. */
  readonly graceMs: number;
}

export interface Options {
  readonly scenarios: readonly Scenario[];
  readonly thresholds: Thresholds;
}

type Fields = Readonly<Record<string, unknown>>;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `1m30s` in ms. */
export const msOf = (duration: unknown): number => {
  const text = String(duration);
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text))
    throw new Error(`a duration is written as 1m30s, not ${text}`);
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce(
    (sum, [, count, unit = 'ms']) => sum + Number(count) * (UNITS[unit] ?? 0),
    0,
  );
};

const only = (fields: Fields, known: readonly string[], where: string): void => {
  for (const name of Object.keys(fields))
    if (!known.includes(name)) throw new Error(`${where}: ${name} is not known here`);
};

const stagesOf = (stages: unknown): readonly Stage[] =>
  (stages as readonly Fields[]).map(({ duration, target }) => ({
    ms: msOf(duration),
    target: Number(target),
  }));

const COMMON = ['executor', 'exec', 'startTime', 'gracefulStop'];

const planOf = (fields: Fields, where: string): Plan => {
  switch (fields['executor']) {
    case 'ramping-vus':
      only(fields, [...COMMON, 'startVUs', 'stages', 'gracefulRampDown'], where);
      return {
        _tag: 'Ramping',
        from: Number(fields['startVUs'] ?? 1),
        stages: stagesOf(fields['stages']),
      };
    case 'constant-vus':
      only(fields, [...COMMON, 'vus', 'duration'], where);
      return {
        _tag: 'Constant',
        users: Number(fields['vus'] ?? 1),
        ms: msOf(fields['duration']),
      };
    case 'per-vu-iterations':
      only(fields, [...COMMON, 'vus', 'iterations', 'maxDuration'], where);
      return {
        _tag: 'Iterations',
        users: Number(fields['vus'] ?? 1),
        each: Number(fields['iterations'] ?? 1),
        ms: msOf(fields['maxDuration'] ?? '10m'),
      };
    default:
      throw new Error(`${where}: the executor ${String(fields['executor'])} is not known here`);
  }
};

const scenarioOf = ([name, fields]: readonly [string, Fields]): Scenario => ({
  name,
  exec: typeof fields['exec'] === 'string' ? fields['exec'] : 'default',
  plan: planOf(fields, `scenario ${name}`),
  startMs: msOf(fields['startTime'] ?? '0s'),
  graceMs: msOf(fields['gracefulRampDown'] ?? fields['gracefulStop'] ?? '30s'),
});

const scenariosOf = (fields: Fields): Readonly<Record<string, Fields>> => {
  const { scenarios, stages, vus, duration } = fields;
  if (scenarios !== undefined) return scenarios as Readonly<Record<string, Fields>>;
  if (stages !== undefined)
    return { default: { executor: 'ramping-vus', stages, startVUs: vus ?? 1 } };
  return { default: { executor: 'constant-vus', vus: vus ?? 1, duration: duration ?? '10s' } };
};

export const optionsOf = (fields: Fields): Options => {
  only(
    fields,
    ['scenarios', 'stages', 'vus', 'duration', 'thresholds', 'summaryTrendStats'],
    'options',
  );
  return {
    scenarios: Object.entries(scenariosOf(fields)).map(scenarioOf),
    thresholds: (fields['thresholds'] ?? {}) as Thresholds,
  };
};
