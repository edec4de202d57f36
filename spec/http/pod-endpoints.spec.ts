/** A pod's reports on itself over HTTP. */
import t from 'tap';
import { podEndpoints, type Readiness } from '../../lib/http/pod-endpoints.js';
import type { Stats } from '../../lib/telemetry/stats.js';
import { endpointAt, exchangeOf, handled } from '../support/exchange.js';
import { configWith } from '../support/hub-world.js';
import { virtualClock } from '../support/virtual-clock.js';

const STATS: Stats = {
  connections: 1,
  rooms: 1,
  server_id: 'pod',
  uptime_s: 1,
  messages_received: 0,
  messages_sent: 0,
  broker: 'local',
};

const world = (readyRequiresBroker = false) => {
  const clock = virtualClock();
  const self = { readiness: 'ready' as Readiness, renders: 0 };
  const endpoints = podEndpoints({
    config: configWith({ server: { basePath: '/b', serverId: 'pod', readyRequiresBroker } }),
    clock,
    stats: {
      now: (name) => (name === undefined ? STATS : { ...STATS, room: { name, connections: 2 } }),
      roomNames: () => [],
      fold: () => undefined,
    },
    metrics: {
      text: async () => {
        self.renders += 1;
        return 'metrics';
      },
      json: async () => [],
      contentType: 'text/metrics',
      fold: () => undefined,
    },
    readiness: () => self.readiness,
  });
  const get = (path: string, query = {}) =>
    handled(endpointAt(endpoints, `GET ${path}`), exchangeOf({ query }));
  return Object.assign(self, { clock, endpoints, get });
};

t.test('when a pod endpoint is requested, then no token is needed, except for stats', async (t) => {
  const { endpoints } = world();
  t.same(
    endpoints.map(({ path, auth }) => `${path} ${auth}`),
    ['/health none', '/ready none', '/metrics none', '/b/ws/stats token'],
  );
});

t.test('when the process lives, then it is healthy', async (t) => {
  const w = world();
  const { body } = await w.get('/health');
  t.same(body, {
    status: 'healthy',
    server_id: 'pod',
    timestamp: Math.floor(w.clock.wall() / 1_000),
  });
});

t.test('when a pod takes no connections, then it is not ready', async (t) => {
  const answers = async (readyRequiresBroker: boolean): Promise<readonly string[]> => {
    const w = world(readyRequiresBroker);
    const some: string[] = [];
    for (const status of ['starting', 'ready', 'degraded', 'draining'] as const) {
      w.readiness = status;
      const answered = await w.get('/ready');
      t.same(answered.body, { status });
      some.push(`${status} ${answered.status}`);
    }
    return some;
  };
  const serving = ['starting 503', 'ready 200', 'degraded 200', 'draining 503'];
  t.same(await answers(false), serving);
  t.same(await answers(true), serving.with(2, 'degraded 503'), 'READY_REQUIRES_BROKER');
});

t.test('when metrics are read, then they have the content type of Prometheus', async (t) => {
  const w = world();
  const { type, body } = await w.get('/metrics');
  t.same([type, String(body), w.renders], ['text/metrics', 'metrics', 1]);
});

t.test('when stats are asked for a room, then they have its connections', async (t) => {
  const { get } = world();
  t.same((await get('/b/ws/stats')).body, STATS);
  t.match((await get('/b/ws/stats', { room: 'r' })).body, { room: { name: 'r', connections: 2 } });
  for (const room of ['no room', ['a', 'b'], ''])
    t.match(await get('/b/ws/stats', { room }), { status: 400, body: { detail: /^room: / } });
});
