/** The metrics of the program that runs workers (`WORKERS`): they are added to those of the workers. */
import { instruments, WORKERS_UNSENT } from './instruments.js';

export interface FleetMetrics {
  readonly json: () => Promise<readonly object[]>;
  /** A worker has ended. */
  readonly ended: () => void;
}

export interface FleetMetricsDeps {
  readonly workers: () => number;
  readonly unsentBytes: () => number;
  /** Undefined: the logs are in Redis. */
  readonly logBytes: (() => number) | undefined;
}

export const fleetMetrics = ({
  workers,
  unsentBytes,
  logBytes,
}: FleetMetricsDeps): FleetMetrics => {
  const { registry, gaugeOf, counter } = instruments();
  gaugeOf('realtime_workers', 'Workers that run now', workers);
  const ends = counter('realtime_workers_ended', 'Workers that ended, for whatever reason');
  gaugeOf(...WORKERS_UNSENT, unsentBytes);
  if (logBytes !== undefined)
    gaugeOf(
      'realtime_log_bytes',
      'Bytes of memory that the logs of rooms use, in the process that started the workers',
      logBytes,
    );
  return { json: async () => registry.getMetricsAsJSON(), ended: () => ends.inc() };
};
