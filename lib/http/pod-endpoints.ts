/** A pod's reports on itself: health, readiness, metrics, stats, and the page at `/`. */
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import { cachedRender } from '../telemetry/cached-metrics.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { StatsFold } from '../telemetry/stats.js';
import { type Endpoint, isRoom, NO_ROOM } from './endpoint.js';
import { frontPage } from './front-page.js';
import { FRONT_PAGE } from './document-operations.js';
import { HEALTH, METRICS, READY, type Readiness, STATS } from './pod-operations.js';

export type { Readiness };

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
  const page = frontPage(basePath);
  const scrape = cachedRender(metrics.text, () => clock.scheduler.now());
  return [
    {
      method: 'GET',
      path: '/health',
      auth: 'none',
      operation: HEALTH,
      handler: () => ({
        status: 'healthy',
        server_id: serverId,
        timestamp: Math.floor(clock.wall() / 1000),
      }),
    },
    {
      method: 'GET',
      path: '/',
      auth: 'none',
      operation: FRONT_PAGE,
      handler: ({ reply }) => reply.type('text/html; charset=utf-8').send(page),
    },
    {
      method: 'GET',
      path: '/ready',
      auth: 'none',
      operation: READY,
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
        if (room === undefined) return stats.now();
        return isRoom(room) ? stats.now(room) : refuse(NO_ROOM);
      },
    },
  ];
};
