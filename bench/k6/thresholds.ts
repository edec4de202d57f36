/** Thresholds: `p(95)<500` of a metric, or of its samples with a tag, as in `http_req_duration{name:publish}`. */
import type { Metric, Metrics, Tags } from './metrics.js';

export type Thresholds = Readonly<Record<string, readonly string[]>>;

export interface Verdict {
  readonly metric: string;
  readonly expression: string;
  readonly value: number | undefined;
  readonly isKept: boolean;
}

const COMPARE: Readonly<Record<string, (one: number, other: number) => boolean>> = {
  '<': (one, other) => one < other,
  '<=': (one, other) => one <= other,
  '>': (one, other) => one > other,
  '>=': (one, other) => one >= other,
  '==': (one, other) => one === other,
  '===': (one, other) => one === other,
  '!=': (one, other) => one !== other,
};

const SELECTOR = /^([a-z_0-9]+)(?:\{(.*)\})?$/;
const EXPRESSION = /^([a-z]+(?:\([\d.]+\))?)\s*(<=|>=|===?|!=|<|>)\s*(-?[\d.]+)$/;

const tagsOf = (text: string | undefined): Tags =>
  Object.fromEntries(
    (text ?? '')
      .split(',')
      .filter((pair) => pair !== '')
      .map((pair) => pair.split(':', 2).map((part) => part.trim()) as [string, string]),
  );

/** Stricter than k6: a metric that nothing was added to keeps no threshold, but for a counter, which is 0 then. */
const judged = (
  metric: Metric | undefined,
  tags: Tags,
  expression: string,
): Omit<Verdict, 'metric'> => {
  const [, aggregate = '', operator = '', limit] = EXPRESSION.exec(expression.trim()) ?? [];
  const compare = COMPARE[operator];
  if (compare === undefined) throw new Error(`no threshold that is known here: ${expression}`);
  const value = metric?.value(aggregate, tags);
  return { expression, value, isKept: value !== undefined && compare(value, Number(limit)) };
};

export const judge = (thresholds: Thresholds, metrics: Metrics): readonly Verdict[] =>
  Object.entries(thresholds).flatMap(([selector, expressions]) => {
    const [, name = '', tags] = SELECTOR.exec(selector) ?? [];
    return expressions.map((expression) => ({
      metric: selector,
      ...judged(metrics.named(name), tagsOf(tags), expression),
    }));
  });
