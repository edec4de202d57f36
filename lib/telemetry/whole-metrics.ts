/**
 * The metrics of several processes as one text. Counters and histograms are added up. Gauges are added up, or
 * combined as their `aggregator` says.
 */
import { AggregatorRegistry } from 'prom-client';
import * as t from 'io-ts';

/** The metrics of one process (`Metrics.json`). */
const Part = t.array(t.type({ name: t.string, aggregator: t.string, type: t.string }));

/** A part in another form (from a process of another version) is left out. */
export const wholeMetrics = async (parts: readonly unknown[]): Promise<string> =>
  AggregatorRegistry.aggregate(parts.filter(Part.is)).metrics();
