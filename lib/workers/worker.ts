/**
 * A worker: a pod whose process was started by `fleet.ts`.
 *
 * Source: it subscribes to the frames of that process, until its own process ends.
 */
import { filter, Subscription } from 'rxjs';
import { type WorkerApp, workerApp } from '../app.js';
import { brokerNameOf } from '../broker/from-config.js';
import { clusterBroker } from '../broker/cluster/cluster-broker.js';
import { exchangePort } from '../broker/exchange/exchange-port.js';
import { systemClock } from '../clock.js';
import type { Config } from '../config/index.js';
import type { HubEvent } from '../hub-event.js';
import { type About, ToWorker } from './frames.js';
import type { Starter } from './forking.js';
import { whole } from './whole.js';

/** The configuration of a worker: the `SERVER_ID` of the service, and the number of the worker. */
export const workerConfig = (config: Config, { worker }: Starter): Config => ({
  ...config,
  server: { ...config.server, serverId: `${config.server.serverId}-${worker}` },
});

export interface WorkerOptions {
  /** Of the service. */
  readonly config: Config;
  readonly starter: Starter;
  readonly onEvent: (event: HubEvent) => void;
  /** The fleet ends this worker. */
  readonly onDrain: () => void;
}

/** The app of a worker. Its broker is the exchange, unless the configuration has Redis. */
export const worker = ({ config, starter, onEvent, onDrain }: WorkerOptions): WorkerApp => {
  const clock = systemClock;
  const own = async (about: About): Promise<unknown> =>
    about._tag === 'Metrics' ? pod.metricsPart() : pod.statsPart(about.room);
  const reports = whole({
    clock,
    serverId: config.server.serverId,
    send: starter.send,
    own,
  });
  const broker =
    brokerNameOf(config) === 'local'
      ? ({ config: { server, broker, log } }: { readonly config: Config }) =>
          clusterBroker({
            name: 'workers',
            redis: exchangePort({ link: starter, clock, serverId: server.serverId }),
            clock,
            serverId: server.serverId,
            timeoutMs: broker.brokerTimeoutMs,
            positionTtlMs: log.logPositionTtlMs,
            logTtlMs: log.logTtlMs,
          })
      : undefined;
  const pod = workerApp(
    {
      config: workerConfig(config, starter),
      clock,
      onEvent,
      ...(broker === undefined ? {} : { broker }),
    },
    reports,
  );
  new Subscription().add(
    starter.frame$
      .pipe(filter(ToWorker.is))
      .subscribe((frame) => (frame._tag === 'Drain' ? onDrain() : reports.take(frame))),
  );
  return pod;
};
