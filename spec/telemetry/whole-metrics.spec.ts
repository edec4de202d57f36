/** The metrics of several processes as one text. */
import t from 'tap';
import { fleetMetrics } from '../../lib/telemetry/fleet-metrics.js';
import { metrics } from '../../lib/telemetry/metrics.js';
import { wholeMetrics } from '../../lib/telemetry/whole-metrics.js';

const pod = (connections: number, isUp: boolean): Promise<readonly object[]> => {
  const made = metrics({ peak: connections, bytes: 10 }, {});
  for (let i = 0; i < connections; i++)
    made.fold({
      _tag: 'Connected',
      id: `c${i}`,
      userId: null,
      room: undefined,
    } as never);
  made.fold({
    _tag: 'StatusChanged',
    status: isUp ? { _tag: 'Up', since: 0 } : { _tag: 'Degraded', since: 0 },
  });
  made.fold({
    _tag: 'Delivered',
    messages: 1,
    members: 3,
    acceptedAt: [0, 0],
    handedAt: 1,
  } as never);
  return made.json();
};

t.test(
  'when several processes report, then counters, histograms and gauges are combined',
  async (t) => {
    const fleet = fleetMetrics({ workers: () => 2, unsentBytes: () => 7, logBytes: () => 99 });
    fleet.ended();
    const text = await wholeMetrics([
      await pod(2, true),
      await pod(3, false),
      'no metrics',
      await fleet.json(),
    ]);
    for (const line of [
      'realtime_connections_total 5',
      'realtime_connections_opened_total 5',
      'realtime_messages_sent_total 6',
      'realtime_delivery_seconds_bucket{le="0.001"} 4',
      'realtime_delivery_seconds_count 4',
      'realtime_send_buffer_messages 3',
      'realtime_send_buffer_bytes 20',
      'realtime_broker_up 0',
      'realtime_workers 2',
      'realtime_workers_ended_total 1',
      'realtime_workers_unsent_bytes 7',
      'realtime_log_bytes 99',
    ])
      t.ok(text.includes(`\n${line}\n`), line);
    t.match(text, /\nrealtime_build_info\{version="[^"]+"\} 1\n/);
  },
);
