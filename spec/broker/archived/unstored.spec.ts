/** What members have and the archive has not: kept, within bounds, until it is stored. */
import { Subject } from 'rxjs';
import t from 'tap';
import { unstoredMessages } from '../../../lib/broker/archived/unstored.js';
import { messages } from '../../support/archive.js';
import { DOWN, playedArchive } from '../../support/played-archive.js';
import { virtualClock } from '../../support/virtual-clock.js';

const world = () => {
  const clock = virtualClock();
  const archive = playedArchive(clock);
  const closed$ = new Subject<void>();
  const unstored = unstoredMessages({ archive, clock, closed$ });
  const stored = (room: string): readonly number[] =>
    (archive.rows.get(room) ?? []).map(({ id }) => id.offset);
  return { clock, archive, closed$, unstored, stored };
};

const range = (to: number): readonly number[] => Array.from({ length: to }, (_, i) => i + 1);

t.test(
  'when the archive is restored, then all are stored, room by room in their order',
  async (t) => {
    const w = world();
    const [r, s] = [messages('r', 200), messages('s', 3)];
    r.forEach((one) => w.unstored.keep('r', one));
    s.forEach((one) => w.unstored.keep('s', one));
    w.unstored.keep('r', r[0]!);
    t.equal(w.unstored.size(), 203);
    w.archive.event$.next({ _tag: 'Restored' });
    w.clock.advance(1_000);
    t.same([w.stored('r'), w.stored('s'), w.unstored.size()], [range(200), range(3), 0]);
  },
);

t.test('when nothing is restored, then they are stored after 10 s', async (t) => {
  const w = world();
  messages('r', 3).forEach((one) => w.unstored.keep('r', one));
  w.clock.advance(9_900);
  t.same(w.stored('r'), []);
  w.clock.advance(200);
  t.same(w.stored('r'), range(3));
});

t.test('when the archive refuses or fails, then they are kept and tried again', async (t) => {
  const w = world();
  messages('r', 3).forEach((one) => w.unstored.keep('r', one));
  w.archive.refuse(DOWN);
  w.clock.advance(60_000);
  w.archive.refuse(undefined);
  w.archive.play(({ id }) => (id.offset === 2 ? DOWN : undefined));
  w.clock.advance(11_000);
  t.equal(w.unstored.size(), 3);
  w.archive.play(() => undefined);
  w.clock.advance(11_000);
  t.same([w.stored('r'), w.unstored.size()], [range(3), 0]);
});

t.test('when too many are kept, then the oldest one is forgotten', async (t) => {
  const w = world();
  messages('r', 32_769).forEach((one) => w.unstored.keep('r', one));
  t.equal(w.unstored.size(), 32_768);
  w.archive.event$.next({ _tag: 'Restored' });
  w.clock.advance(60_000);
  t.equal(w.stored('r')[0], 2);
});

t.test('when it is closed, then nothing is stored any more', async (t) => {
  const w = world();
  messages('r', 3).forEach((one) => w.unstored.keep('r', one));
  w.closed$.next();
  w.archive.event$.next({ _tag: 'Restored' });
  w.clock.advance(60_000);
  t.same(w.stored('r'), []);
});
