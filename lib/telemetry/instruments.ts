/** Makes the instruments of Prometheus in one registry, by the service's rules for names. */
import { type Aggregator, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** Name and help of the gauge that workers and the process that started them have in common. */
export const WORKERS_UNSENT = [
  'realtime_workers_unsent_bytes',
  'Bytes that wait to be written to the pipes between workers and the process that started them',
] as const;

export interface Instruments {
  readonly registry: Registry;
  /** `aggregator`: how the values of several processes become one (default: their sum). */
  readonly gauge: (name: string, help: string, aggregator?: Aggregator) => Gauge;
  /** A gauge that is read at each scrape. */
  readonly gaugeOf: (
    name: string,
    help: string,
    now: () => number,
    aggregator?: Aggregator,
  ) => void;
  readonly counter: (name: string, help: string) => Counter;
  /** A counter with one label. */
  readonly labelled: (name: string, help: string, label: string) => Counter;
  /**
   * A counter whose value is read at each scrape. A counter of prom-client looks up its labels each time: 0.2
   * µs a message.
   */
  readonly counterOf: (name: string, help: string, now: () => number) => void;
}

export const instruments = (): Instruments => {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  /**
   * Prometheus names counters with `_total`. Each counter also has its old name without `_total`, as
   * dashboards use it.
   */
  const withTotal = (counter: Counter, name: string, help: string, label?: string): Counter => {
    new Counter({
      name: `${name}_total`,
      help,
      labelNames: label === undefined ? [] : [label],
      registers,
      async collect() {
        this.reset();
        const { values } = await counter.get();
        for (const { labels, value } of values) this.inc(labels, value);
      },
    });
    return counter;
  };

  return {
    registry,
    gauge: (name, help, aggregator = 'sum') => new Gauge({ name, help, aggregator, registers }),
    gaugeOf: (name, help, now, aggregator = 'sum') => {
      new Gauge({
        name,
        help,
        aggregator,
        registers,
        collect() {
          this.set(now());
        },
      });
    },
    counter: (name, help) => withTotal(new Counter({ name, help, registers }), name, help),
    labelled: (name, help, label) =>
      withTotal(new Counter({ name, help, labelNames: [label], registers }), name, help, label),
    counterOf: (name, help, now) => {
      const counter = new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(now());
        },
      });
      withTotal(counter, name, help);
    },
  };
};
