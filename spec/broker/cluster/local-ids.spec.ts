/** Ids that a pod makes itself, outside the log. */
import t from 'tap';
import { localIds } from '../../../lib/broker/cluster/local-ids.js';
import { GLOBAL, type LogPosition, type Room } from '../../../lib/protocol/position.js';
import { virtualClock } from '../../support/virtual-clock.js';

t.test(
  'when no log is known, then positions have one tag, and their time never goes back',
  async (t) => {
    const clock = virtualClock();
    const ids = localIds(clock, () => undefined);
    const first = ids.podPosition();
    clock.jump(-60_000);
    const second = ids.podPosition();
    t.match(second, { tag: first.tag, offset: 0, ms: first.ms, id: null });
    t.ok(ids.isOwn(first) && ids.isOwn(second));
    t.notOk(ids.isOwn({ ...first }), 'a log may have the same tag');
  },
);

t.test(
  'when a room has a position, then ids outside the log show it, with the later time of both logs',
  async (t) => {
    const positions = new Map<Room, LogPosition>([
      ['r', { tag: 7, offset: 3, ms: 1_000, id: null }],
      [GLOBAL, { tag: 9, offset: 1, ms: 2_000, id: null }],
    ]);
    const ids = localIds(virtualClock(), (room) => positions.get(room));
    t.same(ids.idOutside('r', 5), {
      tag: 7,
      offset: 3,
      ms: 2_000,
      global: false,
      outside: true,
      nonce: 5,
    });
    t.match(ids.idOutside(GLOBAL, 5), { tag: 9, offset: 1, ms: 2_000, global: true });
  },
);
