/**
 * What the documents have on the reports of a pod. The codecs of JSON answers have the types of the code that
 * answers: a field that only one of the two has does not compile.
 */
import * as t from 'io-ts';
import { type CodecOf, component, described } from '../documents/json-schema.js';
import type { Operation } from '../documents/operation.js';
import { Count, RoomName } from '../documents/values.js';
import type { Stats } from '../telemetry/stats.js';

const READINESS = { starting: null, ready: null, degraded: null, draining: null } as const;
/**
 * The status of `GET /ready`. `degraded`: messages reach the members on this pod only. `draining`: no new
 * connections.
 */
export type Readiness = keyof typeof READINESS;
const ReadyAnswer = t.type({ status: t.keyof(READINESS) });
export type Ready = t.TypeOf<typeof ReadyAnswer>;

const HealthAnswer = t.type({
  status: t.literal('healthy'),
  server_id: t.string,
  timestamp: described(Count, { description: 'Unix seconds.' }),
});
export type Health = t.TypeOf<typeof HealthAnswer>;

const StatsCodec = component(
  'Stats',
  t.intersection([
    t.type({
      connections: Count,
      rooms: Count,
      server_id: t.string,
      uptime_s: described(t.number, { minimum: 0 }),
      messages_received: Count,
      messages_sent: Count,
      broker: described(t.string, {
        description:
          '`local`, `redis`, `workers`, or the name of an own broker of the application.',
      }),
    }),
    t.partial({ room: t.type({ name: RoomName, connections: Count }) }),
  ]),
);
const StatsAnswer: CodecOf<Stats, typeof StatsCodec> = StatsCodec;

export const HEALTH: Operation = {
  id: 'getHealth',
  tag: 'pod',
  summary: 'Whether the process lives.',
  answers: {
    200: { description: 'It does.', codec: HealthAnswer },
  },
  examples: [
    {
      name: 'healthy',
      summary: 'The process lives.',
      status: 200,
      answer: { status: 'healthy', server_id: 'pod-1', timestamp: 1_795_232_395 },
    },
  ],
};

export const READY: Operation = {
  id: 'getReadiness',
  tag: 'pod',
  summary: 'Whether a load balancer should send clients to this pod.',
  answers: {
    200: {
      description: '`ready`, or `degraded`: messages reach the members on this pod only.',
      codec: ReadyAnswer,
    },
    503: {
      description:
        '`starting`, `draining`; with `READY_REQUIRES_BROKER` also `degraded`. The body is this JSON, not a ' +
        'problem (RFC 9457).',
      codec: ReadyAnswer,
      headers: {},
    },
  },
  examples: [
    { name: 'ready', summary: 'The pod is ready.', status: 200, answer: { status: 'ready' } },
  ],
};

export const METRICS: Operation = {
  id: 'getMetrics',
  tag: 'pod',
  summary: 'The metrics of this pod for Prometheus. With `WORKERS`: of all workers.',
  answers: {
    200: {
      description: 'In the text format of Prometheus.',
      mediaType: 'text/plain',
      codec: t.string,
    },
  },
  examples: [{ name: 'scrape', summary: 'Read the metrics.', status: 200 }],
};

export const STATS: Operation = {
  id: 'getStats',
  tag: 'sockets',
  summary:
    'The counts of this pod, and with `room` those of a room on it. With `WORKERS`: of all workers.',
  parameters: { room: RoomName },
  answers: { 200: { description: 'The counts.', codec: StatsAnswer } },
  examples: [
    {
      name: 'all',
      summary: 'The counts of the pod.',
      status: 200,
      answer: {
        connections: 3,
        rooms: 1,
        server_id: 'pod-1',
        uptime_s: 61,
        messages_received: 5,
        messages_sent: 15,
        broker: 'local',
      },
    },
    { name: 'ofRoom', summary: 'With those of a room.', query: { room: 'general' }, status: 200 },
  ],
};
