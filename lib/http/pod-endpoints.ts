/** A pod's reports on itself: health, readiness, metrics, stats. */
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import { cachedRender } from '../telemetry/cached-metrics.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { StatsFold } from '../telemetry/stats.js';
import { type Endpoint, isRoom, NO_ROOM } from './endpoint.js';

/**
 * The status of `GET /ready`. `degraded`: messages reach the members on this pod only. `draining`: no new
 * connections.
 */
export type Readiness = 'starting' | 'ready' | 'degraded' | 'draining';

export interface PodEndpointsDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly stats: StatsFold;
  readonly metrics: Metrics;
  readonly readiness: () => Readiness;
}

export const podEndpoints = ({
  config,
  clock,
  stats,
  metrics,
  readiness,
}: PodEndpointsDeps): readonly Endpoint[] => {
  const { basePath, serverId, readyRequiresBroker } = config.server;
  const scrape = cachedRender(metrics.text, () => clock.scheduler.now());
  return [
    {
      method: 'GET',
      path: '/health',
      auth: 'none',
      handler: () => ({
        status: 'healthy',
        server_id: serverId,
        timestamp: Math.floor(clock.wall() / 1000),
      }),
    },
    {
      method: 'GET',
      path: '/ready',
      auth: 'none',
      handler: ({ reply }) => {
        const status = readiness();
        const fit = status === 'ready' || (status === 'degraded' && !readyRequiresBroker);
        return reply.code(fit ? 200 : 503).send({ status });
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      auth: 'none',
      handler: async ({ reply }) => reply.type(metrics.contentType).send(await scrape()),
    },
    {
      method: 'GET',
      path: `${basePath}/ws/stats`,
      parameters: ['room'],
      auth: 'token',
      handler: ({ query: { room }, refuse }) => {
        if (room === undefined) return stats.now();
        return isRoom(room) ? stats.now(room) : refuse(NO_ROOM);
      },
    },
  ];
};
