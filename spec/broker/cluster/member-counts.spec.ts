/** How many members the other pods have: counts are written and read at a bounded rate. */
import t from 'tap';
import { type Room } from '../../../lib/protocol/position.js';
import { join, podOf, world } from '../../support/cluster-world.js';

t.test(
  'when members change, then the count is sent at most once a second and the others are counted',
  async (t) => {
    const w = world(2);
    const counts: number[] = [];
    w.clock.advance(1_000);
    podOf(w, 1).broker.members('r', 5).subscribe();
    w.clock.advance(100);
    for (let i = 1; i <= 50; i++) {
      podOf(w, 0)
        .broker.members('r', i)
        .subscribe((others) => counts.push(others));
      w.clock.advance(10);
    }
    w.clock.advance(1_000);
    t.equal(podOf(w, 0).bus.sent.get('members'), 2);
    t.same([counts.length, counts.at(-1)], [50, 5]);
    podOf(w, 1)
      .broker.members('r', 0)
      .subscribe((others) => counts.push(others));
    w.clock.advance(2_000);
    t.equal(counts.at(-1), 50);
    podOf(w, 0).broker.members('r', 0).subscribe();
    w.clock.advance(2_000);
    t.same(
      w.pods.map(({ broker }) => broker.holdings().counts),
      [0, 0],
    );
  },
);

t.test('when a pod only asks for the count of the others, then it sends none', async (t) => {
  const w = world(2);
  const [here, there] = [podOf(w, 0).broker, podOf(w, 1).broker];
  const asked = (room: Room): number | undefined | 'nothing' => {
    let answer: number | undefined | 'nothing' = 'nothing';
    here.membersElsewhere(room).subscribe((others) => (answer = others));
    w.clock.advance(1_500);
    return answer;
  };
  w.clock.advance(1_000);
  there.members('r', 5).subscribe();
  w.clock.advance(100);
  t.equal(asked('r'), 5, 'of a room that it has no members in');
  t.equal(asked('nobody'), 0);
  t.same([here.holdings().counts, there.holdings().counts], [0, 1], 'and remembers nothing');
  here.members('r', 2).subscribe();
  w.clock.advance(2_000);
  t.equal(asked('r'), 5);
  let others: number | undefined;
  there.membersElsewhere('r').subscribe((count) => (others = count));
  w.clock.advance(1_500);
  t.equal(others, 2, 'its own number stays');
  w.redis.crash();
  w.clock.advance(100);
  t.equal(asked('r'), 5, 'without Redis what was known last');
  t.equal(asked('other'), undefined, 'or nothing');
});

t.test(
  'when the count of the others has changed, then it is emitted, at a bounded rate',
  async (t) => {
    const w = world(2);
    const [here, there] = [podOf(w, 0), podOf(w, 1)];
    const listener = join(w, here, 'r');
    const counted = (): readonly number[] =>
      listener.events.flatMap((event) => (event._tag === 'Counted' ? [event.others] : []));
    w.clock.advance(1_000);
    here.broker.members('r', 1).subscribe();
    w.clock.advance(5_000);
    t.same(counted(), [], 'what has not changed is not told');
    there.broker.members('r', 5).subscribe();
    w.clock.advance(1_300);
    t.same(counted(), [5], 'though nothing happens on this pod');
    there.broker.members('r', 2).subscribe();
    w.clock.advance(1_500);
    t.same(counted(), [5, 2]);
    t.equal(listener.events[0]?._tag, 'Opened');
    here.broker.members('r', 0).subscribe();
    w.clock.advance(2_000);
    const before = here.bus.sent.get('members');
    w.clock.advance(10_000);
    t.equal(here.bus.sent.get('members'), before, 'nobody asks for a room without members');
  },
);

t.test('when a pod has many rooms, then it asks for at most 1,000 of them a second', async (t) => {
  const w = world(1);
  const { bus, broker } = podOf(w, 0);
  w.clock.advance(1_000);
  for (let i = 0; i < 5_000; i++) {
    broker.members(`r${i}`, 1).subscribe();
    if (i % 50 === 0) w.clock.advance(10);
  }
  w.clock.advance(12_000);
  const before = bus.sent.get('members') ?? 0;
  w.clock.advance(10_000);
  const asked = (bus.sent.get('members') ?? 0) - before;
  t.ok(asked >= 9_500 && asked <= 10_250, `${asked} in 10 s`);
});

t.test('when a pod closes, then its lease is given back, and its members count no more', (t) => {
  const w = world(2);
  const [here, there] = [podOf(w, 0).broker, podOf(w, 1).broker];
  w.clock.advance(1_000);
  there.members('r', 5).subscribe();
  w.clock.advance(1_500);
  there.close().subscribe();
  w.clock.advance(100);
  let others: number | undefined;
  here.membersElsewhere('r').subscribe((count) => (others = count));
  w.clock.advance(1_500);
  t.equal(others, 0);
  t.end();
});
