/** A pod's reports on itself: health, readiness, metrics, stats. */
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import { cachedRender } from '../telemetry/cached-metrics.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Room } from '../protocol/position.js';
import type { Stats, StatsFold } from '../telemetry/stats.js';
import { type Endpoint, isRoom, NO_ROOM } from './endpoint.js';
import {
  HEALTH,
  type Health,
  METRICS,
  READY,
  type Readiness,
  type Ready,
  STATS,
} from './pod-operations.js';

export type { Readiness };

/** The reports of all workers (`WORKERS`). */
export interface Whole {
  /** The `SERVER_ID` of all workers together. */
  readonly serverId: string;
  readonly metrics: () => Promise<string>;
  /** `own`: the stats of the worker that answers, of the same room. */
  readonly stats: (own: Stats, room?: Room) => Promise<Stats>;
}

export interface PodEndpointsDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly stats: StatsFold;
  readonly metrics: Metrics;
  readonly readiness: () => Readiness;
  /** Undefined: this pod is no worker. */
  readonly whole?: Whole | undefined;
}

export const podEndpoints = ({
  config,
  clock,
  stats,
  metrics,
  readiness,
  whole,
}: PodEndpointsDeps): readonly Endpoint[] => {
  const { basePath, serverId, readyRequiresBroker } = config.server;
  const scrape = cachedRender(whole?.metrics ?? metrics.text, () => clock.scheduler.now());
  return [
    {
      method: 'GET',
      path: '/health',
      auth: 'none',
      operation: HEALTH,
      handler: (): Health => ({
        status: 'healthy',
        server_id: whole?.serverId ?? serverId,
        timestamp: Math.floor(clock.wall() / 1000),
      }),
    },
    {
      method: 'GET',
      path: '/ready',
      auth: 'none',
      operation: READY,
      handler: ({ reply }) => {
        const status = readiness();
        const fit = status === 'ready' || (status === 'degraded' && !readyRequiresBroker);
        return reply.code(fit ? 200 : 503).send({ status } satisfies Ready);
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      auth: 'none',
      operation: METRICS,
      handler: async ({ reply }) => reply.type(metrics.contentType).send(await scrape()),
    },
    {
      method: 'GET',
      path: `${basePath}/ws/stats`,
      parameters: ['room'],
      auth: 'token',
      operation: STATS,
      handler: ({ query: { room }, refuse }) => {
        if (room !== undefined && !isRoom(room)) return refuse(NO_ROOM);
        const own = stats.now(room);
        return whole === undefined ? own : whole.stats(own, room);
      },
    },
  ];
};
