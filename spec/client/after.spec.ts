/** `after` of a room that the client has not left yet: nothing between is missed. */
import t from 'tap';
import { joins, world } from '../support/client-world.js';

const started = (t: Parameters<typeof world>[0], latencyMs = 0) => {
  const w = world(t, {}, { latencyMs });
  const first = w.server.publish('r', 1).id;
  const second = w.server.publish('r', 2).id;
  return { ...w, first, second };
};

t.test('when a room is subscribed to again within its linger, then `after` counts', async (t) => {
  const w = started(t);
  const before = w.watch('r', w.first);
  w.clock.advance(500);
  before.stop();
  w.server.publish('r', 3);
  w.clock.advance(500);
  const later = w.watch('r', w.second);
  w.clock.advance(500);
  w.server.publish('r', 4);
  w.clock.advance(500);
  t.same([before.seen, later.seen], [[2], [3, 4]]);
});

t.test('when a publish used the room first, then `after` counts', async (t) => {
  const w = started(t);
  const room = w.chat.room('r', { after: w.first });
  const acked = room.publish(3);
  w.clock.advance(500);
  const seen: unknown[] = [];
  room.message$.subscribe(({ data }) => seen.push(data));
  w.clock.advance(500);
  t.match(await acked, { duplicate: false });
  t.same(seen, [2, 3]);
});

t.test('when the join of the earlier use is under way, then `after` counts', async (t) => {
  const w = started(t, 900);
  w.watch('');
  w.clock.advance(5_000);
  const before = w.watch('r');
  w.clock.advance(100);
  before.stop();
  w.clock.advance(1_100);
  const later = w.watch('r', w.first);
  w.clock.advance(8_000);
  t.same([before.seen, later.seen], [[], [2]]);
});

t.test('when the log does not have what is after the id, then there is a gap', async (t) => {
  const w = started(t);
  const before = w.watch('r', w.first);
  w.clock.advance(500);
  before.stop();
  w.server.lose('r');
  w.server.publish('r', 3);
  w.clock.advance(400);
  const later = w.watch('r', w.second);
  w.clock.advance(500);
  t.match(later.seen[0], /^gap /);
});

t.test('when the room is at `after`, or has a subscriber, then it is joined once', async (t) => {
  const w = started(t);
  w.watch('r', w.first).stop();
  const one = w.watch('r', w.first);
  w.clock.advance(500);
  one.stop();
  const again = w.watch('r');
  const beside = w.watch('r', w.first);
  w.clock.advance(500);
  t.same([one.seen, again.seen, beside.seen, joins(w)], [[2], [], [], [1]]);
});
