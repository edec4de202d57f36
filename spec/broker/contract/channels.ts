/** The contract of a channel: opened once, then each message once. */
import { type Test } from 'tap';
import { GLOBAL } from '../../../lib/protocol/position.js';
import {
  brokersOf,
  type Cluster,
  fail,
  idsIn,
  openedIn,
  publishedIn,
  receiptOf,
} from './brokers.js';

export const channelContract = (t: Test, build: () => Cluster): void => {
  t.test(
    'when a channel opens, then it emits Opened first and once, with the position of its log',
    async (t) => {
      const b = brokersOf(build());
      const first = b.listen('r');
      b.settle();
      t.equal(first.events.length, 1);
      const { top, scope } = openedIn(first);
      t.equal(scope, 'cluster');
      t.match(top, { offset: 0, id: null });
      t.ok(top.tag >= 1 && top.tag <= 4_095);
      const sent = [b.publish({ room: 'r' }), b.publish({ room: 'r' })];
      b.settle();
      const later = b.listen('r', 1);
      b.settle();
      t.match(openedIn(later).top, {
        tag: top.tag,
        offset: 2,
        id: receiptOf(sent[1] ?? fail()).id,
      });
      t.equal(later.events.length, 1, 'what was said before is not said again');
    },
  );

  t.test('when a message is in the log, then its event has its offset, else none', async (t) => {
    const b = brokersOf(build());
    const listener = b.listen('r');
    b.settle();
    b.publish({ room: 'r' });
    b.publish({ room: 'r', type: 'presence', data: { status: 'away' } });
    b.publish({ room: 'r' });
    b.settle();
    t.same(
      publishedIn(listener).map(({ offset, top }) => [offset, top.offset]),
      [
        [1, 1],
        [undefined, 1],
        [2, 2],
      ],
    );
  });

  t.test(
    'when a new subscriber comes before the old one has left, then both get the messages',
    async (t) => {
      const b = brokersOf(build());
      const old = b.listen('r');
      b.settle();
      const fresh = b.listen('r');
      old.subscription.unsubscribe();
      b.settle();
      t.equal(openedIn(fresh).scope, 'cluster');
      const sent = b.publish({ room: 'r' }, 1);
      b.settle();
      t.same(idsIn(fresh), [receiptOf(sent).id], 'the old one leaving takes nothing away');
      t.equal(publishedIn(old).length, 0);
    },
  );

  t.test(
    'when a channel is opened, closed and opened in one moment, then it is open',
    async (t) => {
      const b = brokersOf(build());
      for (let i = 0; i < 3; i++) b.listen('r').subscription.unsubscribe();
      const last = b.listen('r');
      b.settle();
      const sent = b.publish({ room: 'r' }, 1);
      b.settle();
      t.same(idsIn(last), [receiptOf(sent).id]);
    },
  );

  t.test('when a channel is unsubscribed, then it emits and keeps nothing', async (t) => {
    const b = brokersOf(build());
    b.settle();
    const before = b.clock.pending();
    const listeners = ['r', 's', GLOBAL].map((room) => b.listen(room));
    b.settle();
    for (const { subscription } of listeners) subscription.unsubscribe();
    b.publish({ room: 'r' }, 1);
    b.settle();
    t.ok(listeners.every(({ events }) => events.length === 1));
    t.equal(b.retained(), 0);
    t.ok(b.clock.pending() <= before, 'no timer of its own');
  });

  t.test(
    'when a room has had no member for a while, then a joiner who comes back gets no gap',
    async (t) => {
      const b = brokersOf(build());
      const first = b.listen('r');
      b.settle();
      b.publish({ room: 'r' });
      b.settle();
      first.subscription.unsubscribe();
      b.settle();
      const sent = b.publish({ room: 'r' });
      b.clock.advance(3_600_000);
      const back = b.listen('r');
      b.settle();
      t.match(openedIn(back).top, {
        tag: openedIn(first).top.tag,
        offset: 2,
        id: receiptOf(sent).id,
      });
    },
  );
};
