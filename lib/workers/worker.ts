/**
 * A worker: a pod whose process was started by `fleet.ts`.
 *
 * Source: it subscribes to the frames from the program that started it, until the app has stopped.
 */
import { filter, firstValueFrom, map } from 'rxjs';
import { type App, workerApp } from '../app.js';
import { workerBrokerOf } from '../broker/from-config.js';
import { systemClock } from '../clock.js';
import type { Config } from '../config/index.js';
import type { HubEvent } from '../hub-event.js';
import type { Tracing } from '../telemetry/tracing.js';
import { ToWorker } from './frames.js';
import type { Starter } from './forking.js';
import { whole } from './whole.js';

/** The configuration of a worker. Its `SERVER_ID` is that of the service with `-` and the worker's number. */
export const workerConfig = (config: Config, { worker }: Starter): Config => ({
  ...config,
  server: { ...config.server, serverId: `${config.server.serverId}-${worker}` },
});

export interface WorkerOptions {
  /** Of the service. */
  readonly config: Config;
  readonly starter: Starter;
  /** Undefined unless spans are made. */
  readonly tracing: Tracing | undefined;
  readonly onEvent: (event: HubEvent) => void;
}

/** The app of a worker. */
export const worker = ({ config, starter, tracing, onEvent }: WorkerOptions): App => {
  const clock = systemClock;
  const reports = whole({
    clock,
    serverId: config.server.serverId,
    send: starter.send,
    own: async (about) =>
      about._tag === 'Metrics' ? pod.metricsPart() : pod.statsPart(about.room),
  });
  const pod = workerApp(
    {
      config: workerConfig(config, starter),
      clock,
      onEvent,
      broker: (deps) => workerBrokerOf(deps.config, clock, starter.link),
    },
    { whole: reports, tracing },
  );
  const reporting = starter.frame$.pipe(filter(ToWorker.is)).subscribe((frame) => {
    if (frame._tag !== 'Drain') reports.take(frame);
  });
  return {
    ...pod,
    stop: async (options) => {
      await pod.stop(options);
      reporting.unsubscribe();
    },
  };
};

/** Resolves when the fleet ends this worker. */
export const drainOf = ({ frame$ }: Starter): Promise<'drain'> =>
  firstValueFrom(
    frame$.pipe(
      filter((frame) => ToWorker.is(frame) && frame._tag === 'Drain'),
      map(() => 'drain'),
    ),
  );
