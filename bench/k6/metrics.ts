/** The metrics of a run, in the kinds of k6, with their summary. */

export type Kind = 'trend' | 'rate' | 'counter' | 'gauge';
export type Tags = Readonly<Record<string, string>>;

export interface Metric {
  readonly name: string;
  readonly kind: Kind;
  /** Whether the values are times. */
  readonly isTime: boolean;
  readonly add: (value: number | boolean, tags?: Tags) => void;
  readonly hasSamples: () => boolean;
  /** A number of the samples with these tags: `p(95)`, `avg`, `rate`, `count`, `value`; undefined without samples. */
  readonly value: (aggregate: string, tags?: Tags) => number | undefined;
}

export interface Metrics {
  /** The metric of a name, which is made when it is new. */
  readonly metric: (name: string, kind: Kind, isTime?: boolean) => Metric;
  readonly all: () => readonly Metric[];
  readonly named: (name: string) => Metric | undefined;
}

interface Sample {
  readonly value: number;
  readonly tags: Tags;
}

const NO_TAGS: Tags = {};

/** Between two samples, as k6 does. */
const percentile = (sorted: readonly number[], p: number): number => {
  const at = (p / 100) * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? 0;
  return low + ((sorted[Math.ceil(at)] ?? low) - low) * (at - Math.floor(at));
};

const aggregated = (
  values: readonly number[],
  kind: Kind,
  aggregate: string,
  seconds: number,
): number | undefined => {
  const sum = values.reduce((total, value) => total + value, 0);
  const p = /^p\((\d+(?:\.\d+)?)\)$/.exec(aggregate)?.[1];
  const sorted = (): readonly number[] => [...values].sort((one, other) => one - other);
  if (kind === 'counter') {
    if (aggregate === 'count') return sum;
    return aggregate === 'rate' ? sum / seconds : undefined;
  }
  if (values.length === 0) return undefined;
  if (kind === 'rate') return aggregate === 'rate' ? sum / values.length : undefined;
  if (kind === 'gauge') return aggregate === 'value' ? values.at(-1) : undefined;
  if (p !== undefined) return percentile(sorted(), Number(p));
  switch (aggregate) {
    case 'avg':
      return sum / values.length;
    case 'min':
      return percentile(sorted(), 0);
    case 'med':
      return percentile(sorted(), 50);
    case 'max':
      return percentile(sorted(), 100);
    case 'count':
      return values.length;
    default:
      return undefined;
  }
};

export const metricsSince = (began: number): Metrics => {
  const metrics = new Map<string, Metric>();
  const seconds = (): number => (performance.now() - began) / 1_000;

  const made = (name: string, kind: Kind, isTime: boolean): Metric => {
    const samples: Sample[] = [];
    return {
      name,
      kind,
      isTime,
      hasSamples: () => samples.length > 0,
      add: (value, tags = NO_TAGS) => {
        samples.push({ value: Number(value), tags });
      },
      value: (aggregate, tags = NO_TAGS) => {
        const wanted = Object.entries(tags);
        const of = samples.filter((sample) =>
          wanted.every(([tag, value]) => sample.tags[tag] === value),
        );
        return aggregated(
          of.map(({ value }) => value),
          kind,
          aggregate,
          seconds(),
        );
      },
    };
  };

  return {
    metric: (name, kind, isTime = false) => {
      const known = metrics.get(name);
      if (known && known.kind !== kind)
        throw new Error(`the metric ${name} is a ${known.kind}, not a ${kind}`);
      const metric = known ?? made(name, kind, isTime);
      metrics.set(name, metric);
      return metric;
    },
    all: () => [...metrics.values()].sort((one, other) => (one.name < other.name ? -1 : 1)),
    named: (name) => metrics.get(name),
  };
};

const shown = (value: number | undefined, isTime: boolean): string => {
  if (value === undefined) return '-';
  if (!isTime) return String(Math.round(value * 100) / 100);
  return value < 1_000 ? `${value.toFixed(2)}ms` : `${(value / 1_000).toFixed(2)}s`;
};

const AGGREGATES: Readonly<Record<Kind, readonly string[]>> = {
  trend: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)'],
  rate: ['rate'],
  counter: ['count', 'rate'],
  gauge: ['value'],
};

/** `avg=12.30ms min=… p(95)=…` */
export const summaryOf = ({ kind, isTime, value }: Metric): string => {
  if (kind === 'rate') return `${shown((value('rate') ?? 0) * 100, false)}%`;
  if (kind === 'counter') return `${shown(value('count'), false)} ${shown(value('rate'), false)}/s`;
  return AGGREGATES[kind]
    .map((aggregate) => `${aggregate}=${shown(value(aggregate), isTime)}`)
    .join(' ');
};
