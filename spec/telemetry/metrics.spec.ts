/** The hub's events as metrics: each event, and what it counts. */
import t from 'tap';
import type { HubEvent } from '../../lib/hub-event.js';
import { GLOBAL } from '../../lib/protocol/position.js';
import { metrics } from '../../lib/telemetry/metrics.js';
import { VERSION } from '../../lib/version.js';

type Sources = Parameters<typeof metrics>[1];

const world = (sources: Sources = {}) => {
  const backlog = { peak: 7, bytes: 1_024 };
  const { fold, text } = metrics(backlog, sources);
  const lines = async (): Promise<readonly string[]> => (await text()).split('\n');
  return {
    backlog,
    lines,
    /** The value of a metric after these events; undefined: there is no such line. */
    after: async (name: string, ...events: readonly object[]): Promise<number | undefined> => {
      for (const event of events) fold(event as HubEvent);
      const line = (await lines()).find((one) => one.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.slice(name.length + 1));
    },
  };
};

for (const [event, name, value] of [
  [{ _tag: 'HandshakeRefused', status: 401 }, 'realtime_rejected{code="401"}', 1],
  [{ _tag: 'RequestRefused', status: 404 }, 'realtime_rejected{code="404"}', 1],
  [{ _tag: 'UpgradeTaken' }, 'realtime_rejected{code="upgrade_taken"}', 1],
  [{ _tag: 'Rejected', code: 'rate_limited' }, 'realtime_rejected{code="rate_limited"}', 1],
  [{ _tag: 'PayloadDropped', detail: '' }, 'realtime_rejected{code="broker_payload"}', 1],
  [{ _tag: 'Received', messages: 3 }, 'realtime_messages_received', 3],
  [{ _tag: 'GapSent', members: 4 }, 'realtime_gaps', 4],
  [{ _tag: 'RoomFailed' }, 'realtime_room_failures', 1],
  [{ _tag: 'HookFailed', hook: 'onMessage' }, 'realtime_hook_failures{hook="onMessage"}', 1],
  [{ _tag: 'FoldFailed', fold: 'stats' }, 'realtime_event_failures{fold="stats"}', 1],
  [{ _tag: 'ConnectionLost' }, 'realtime_broker_connections_lost', 1],
  [{ _tag: 'PublishFailed', messages: 5 }, 'realtime_redis_publish_errors', 5],
  [{ _tag: 'KeysUnavailable' }, 'realtime_keys_unavailable', 1],
  [{ _tag: 'ProbeReturned', seconds: 0.2 }, 'realtime_broker_probe_seconds_sum', 0.2],
] as const)
  t.test(`when ${event._tag} is emitted, then ${name} is ${value}`, async (t) => {
    t.equal(await world().after(name, event), value);
  });

t.test(
  'when connections open and close, then the open ones and the close codes are counted',
  async (t) => {
    const { after } = world();
    const connected = { _tag: 'Connected' };
    const closed = { _tag: 'Disconnected', code: 1013 };
    const gone = { _tag: 'Disconnected', code: null };
    t.equal(
      await after('realtime_connections_total', connected, connected, connected, closed, gone),
      1,
    );
    t.equal(await after('realtime_connections_opened_total'), 3);
    t.equal(await after('realtime_closes{code="1013"}'), 1);
    t.equal(await after('realtime_closes{code="null"}'), undefined, 'the peer closed');
  },
);

t.test('when messages are delivered, then each counts once for each member', async (t) => {
  const { after } = world();
  const delivered = { _tag: 'Delivered', messages: 2, members: 3 };
  const times = { acceptedAt: [1_000, 1_100], handedAt: 1_050 };
  t.equal(await after('realtime_messages_sent', { ...delivered, ...times }), 6);
  t.equal(await after('realtime_delivery_seconds_count'), 2);
  t.equal(await after('realtime_delivery_seconds_sum'), 0.05, 'no time is below 0');
  t.equal(await after('realtime_messages_sent', { _tag: 'Recovered', messages: 4 }), 10);
  t.equal(
    await after('realtime_recoveries{result="expired"}', {
      _tag: 'Recovered',
      result: 'expired',
      messages: 0,
    }),
    1,
  );
});

t.test('when rooms have members, then they are counted without the global log', async (t) => {
  const { after } = world();
  const occupied = (room: string, members: number) => ({ _tag: 'Occupied', room, members });
  const rooms = 'realtime_rooms_total';
  t.equal(await after(rooms, occupied('a', 1), occupied('b', 2), occupied('b', 3)), 2);
  t.equal(await after(rooms, occupied(GLOBAL, 9)), 2);
  t.equal(await after(rooms, occupied('a', 0)), 1);
});

t.test('when the broker is not up, then realtime_broker_up is 0', async (t) => {
  const { after } = world();
  const changed = (_tag: string) => ({ _tag: 'StatusChanged', status: { _tag } });
  t.equal(await after('realtime_broker_up'), 0, 'at the start');
  t.equal(await after('realtime_broker_up', changed('Up')), 1);
  t.equal(await after('realtime_broker_up', changed('Degraded')), 0);
});

t.test(
  'when the metrics are read, then the gauge of the largest backlog begins at 0 again',
  async (t) => {
    const { backlog, after } = world();
    t.equal(await after('realtime_send_buffer_messages'), 7);
    t.equal(await after('realtime_send_buffer_messages'), 0);
    backlog.bytes = 2_048;
    t.equal(await after('realtime_send_buffer_bytes'), 2_048);
  },
);

t.test('when the broker has numbers of its own, then they are metrics', async (t) => {
  const { lines } = world({
    logBytes: () => 12,
    remembered: () => ({ keys: 3 }),
    waiting: () => 5,
  });
  const all = await lines();
  t.ok(all.includes('realtime_log_bytes 12'));
  t.ok(all.includes('realtime_broker_remembered{what="keys"} 3'));
  t.ok(all.includes('realtime_broker_waiting_messages 5'));
  t.ok(all.includes(`realtime_build_info{version="${VERSION}"} 1`));
  const without = (await world().lines()).join('\n');
  t.notMatch(without, /realtime_(log_bytes|broker_remembered|broker_waiting)/);
});
