/** What a pod knows of clients that were cut between the catch-ups of their two logs. */
import t from 'tap';
import type { CatchUp } from '../../lib/broker/control-command.js';
import {
  ANY_EPOCH,
  catchUpMemory,
  earlier,
  REPEAT_MS,
} from '../../lib/connection/catch-up-memory.js';
import { type MessageId } from '../../lib/protocol/position.js';
import { virtualClock } from '../support/virtual-clock.js';

const LOG_TTL_MS = 600_000;
const KEEP_MS = 86_400_000;

const world = (isClockKnown = true) => {
  const clock = virtualClock();
  const memory = catchUpMemory({
    clock,
    brokerMs: () => (isClockKnown ? clock.wall() : undefined),
    logTtlMs: LOG_TTL_MS,
    keepMs: KEEP_MS,
  });
  const since = clock.wall() - 100_000;
  /** A pod's command: its clients of room `r` may have ids 1:10 to 1:60. */
  const command = (over: Partial<CatchUp> = {}): CatchUp => ({
    _tag: 'CatchUp',
    pod: 'a',
    room: 'r',
    tag: 1,
    from: 10,
    until: 60,
    since,
    ...over,
  });
  const id = (offset: number, tag = 1): MessageId => ({
    tag,
    offset,
    ms: clock.wall(),
    global: false,
    outside: false,
    nonce: 0,
  });
  return { clock, memory, since, command, id };
};

t.test('when an id is in the range of a command, then its client may be behind', async (t) => {
  const { clock, memory, since, command, id } = world();
  t.equal(memory.behind('r', id(10)), undefined, 'no command yet');
  memory.apply(command());
  for (const offset of [10, 60]) t.match(memory.behind('r', id(offset)), { since });
  const own = { since: clock.wall(), untold: clock.wall() };
  for (const [room, other] of [
    ['r', id(9)],
    ['r', id(61)],
    ['r', id(10, 2)],
    ['s', id(10)],
  ] as const)
    t.match(memory.behind(room, other), own);
  memory.apply(command({ pod: 'b', tag: ANY_EPOCH, since: since - 1 }));
  t.match(memory.behind('r', id(10, 2)), { since: since - 1 });
});

t.test('when a pod sends a later command, then it replaces the one before', async (t) => {
  const { memory, since, command, id } = world();
  memory.apply(command());
  memory.apply(command({ until: 30 }));
  t.equal(memory.size(), 1);
  t.match(memory.behind('r', id(31)), { since: id(31).ms });
  memory.apply(command({ pod: 'b', since: since - 5 }));
  t.match(memory.behind('r', id(20)), { since: since - 5 }, 'the earlier one of two pods');
  for (const pod of ['a', 'b']) memory.apply(command({ pod, until: 0 }));
  t.equal(memory.size(), 0, 'its clients have caught up');
});

t.test('when Redis returns an old command, then a later one is not replaced', async (t) => {
  const { clock, memory, since, command, id } = world();
  clock.advance(10_000);
  memory.apply(command({ until: 30 }));
  memory.apply(command({ ageMs: 5_000 }));
  t.match(memory.behind('r', id(50)), { since: id(50).ms });
  memory.apply(command({ pod: 'b', ageMs: 5_000 }));
  t.match(memory.behind('r', id(50)), { since });
});

t.test('when clients still catch up, then ids count until the next command', async (t) => {
  const { clock, memory, since, command, id } = world();
  memory.apply(command({ until: null }));
  clock.advance(2 * REPEAT_MS + 60_000);
  t.match(memory.behind('r', id(1_000)), { since });
  clock.advance(1);
  t.match(memory.behind('r', id(1_000)), { since: id(0).ms }, 'the pod has died');
  const unknown = world(false);
  unknown.memory.apply(unknown.command({ until: null }));
  unknown.clock.advance(KEEP_MS - 1);
  t.ok(unknown.memory.behind('r', unknown.id(1_000)), 'no clock says that the id is later');
});

t.test('when the log has trimmed the messages, then only the gap is due', async (t) => {
  const { clock, memory, command, id } = world();
  const untold = clock.wall() - 50_000;
  memory.apply(command({ untold }));
  clock.advance(LOG_TTL_MS + 2 * REPEAT_MS + 60_000);
  t.match(memory.behind('r', id(20)), { since: id(20).ms, untold });
  clock.advance(KEEP_MS);
  t.match(memory.behind('r', id(20)), { since: id(20).ms, untold: id(20).ms });
});

t.test(
  'when an id is older than the commands that are kept, then every loss counts as one without a gap',
  async (t) => {
    const { clock, memory, id } = world();
    const old = id(20);
    clock.advance(KEEP_MS);
    t.same(memory.behind('r', old), { since: old.ms, untold: 0 });
  },
);

t.test('when Redis could not keep a command, then any client may be behind', async (t) => {
  const { clock, memory, id } = world();
  memory.apply({ _tag: 'CatchUpsLost', ageMs: 0 });
  t.same(memory.behind('any', id(1)), { since: 0, untold: 0 });
  clock.advance(2 * REPEAT_MS + 60_001);
  t.match(memory.behind('any', id(1)), { since: id(1).ms }, 'an id of later');
});

t.test(
  'when there are more than 4,096 commands, then the forgotten ones count for all rooms',
  async (t) => {
    const { memory, since, command, id } = world();
    for (let i = 0; i <= 4_096; i++) memory.apply(command({ pod: `pod ${i}`, since: since + i }));
    t.equal(memory.size(), 4_096);
    t.match(memory.behind('other room', id(1)), { since });
  },
);

t.test('when two groups are joined, then the earlier times count', async (t) => {
  t.same(earlier({ since: 1, untold: 4 }, { since: 2, untold: 3 }), { since: 1, untold: 3 });
  t.same(earlier({ since: 2, untold: undefined }, { since: 1, untold: 3 }), {
    since: 1,
    untold: 3,
  });
});
