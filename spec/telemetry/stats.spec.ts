/** The answer of `GET …/ws/stats`: a fold of the hub's events. */
import t from 'tap';
import type { HubEvent } from '../../lib/hub-event.js';
import { GLOBAL } from '../../lib/protocol/position.js';
import { stats } from '../../lib/telemetry/stats.js';

const world = () => {
  let uptime = 0;
  const { fold, now } = stats({ serverId: 's', broker: () => 'local', uptimeS: () => uptime });
  return {
    now,
    fold: (...events: readonly object[]): void => {
      for (const event of events) fold(event as HubEvent);
    },
    later: (seconds: number): void => {
      uptime += seconds;
    },
  };
};

t.test('when nothing has happened, then all counts are 0', async (t) => {
  t.same(world().now(), {
    connections: 0,
    rooms: 0,
    server_id: 's',
    uptime_s: 0,
    messages_received: 0,
    messages_sent: 0,
    broker: 'local',
  });
});

t.test('when connections open and close, then the open ones are counted', async (t) => {
  const w = world();
  w.fold({ _tag: 'Connected' }, { _tag: 'Connected' }, { _tag: 'Disconnected' });
  w.later(1.9);
  t.match(w.now(), { connections: 1, uptime_s: 1 });
});

t.test(
  'when messages are delivered, then each counts once for each member of the room',
  async (t) => {
    const w = world();
    w.fold({ _tag: 'Received', messages: 2 }, { _tag: 'Delivered', messages: 2, members: 3 });
    t.match(w.now(), { messages_received: 2, messages_sent: 6 });
  },
);

t.test(
  'when a room gets and loses members, then it counts while it has some; the global log never counts',
  async (t) => {
    const w = world();
    w.fold(
      { _tag: 'Occupied', room: 'a', members: 2 },
      { _tag: 'Occupied', room: GLOBAL, members: 5 },
    );
    t.match(w.now('a'), { rooms: 1, room: { name: 'a', connections: 2 } });
    t.match(w.now('b'), { room: { name: 'b', connections: 0 } });
    w.fold({ _tag: 'Occupied', room: 'a', members: 0 });
    t.match(w.now('a'), { rooms: 0, room: { connections: 0 } });
  },
);
