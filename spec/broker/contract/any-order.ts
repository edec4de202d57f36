/** The contract for any interleaving of publishes, joins and leaves. */
import fc from 'fast-check';
import { type Test } from 'tap';
import { idOf } from '../../support/ids.js';
import { GLOBAL, type Room } from '../../../lib/protocol/position.js';
import {
  brokersOf,
  type Cluster,
  idsIn,
  type Listener,
  openedIn,
  receiptOf,
  type Sent,
} from './brokers.js';

export const anyOrderContract = (t: Test, build: () => Cluster): void => {
  t.test(
    'when clients publish, join and leave, then each subscriber gets one order without holes from Opened on',
    async (t) => {
      const step = fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({
            what: fc.constant('publish' as const),
            pod: fc.nat(2),
            room: fc.nat(2),
            logged: fc.boolean(),
          }),
        },
        {
          weight: 2,
          arbitrary: fc.record({
            what: fc.constant('listen' as const),
            pod: fc.nat(2),
            room: fc.nat(2),
          }),
        },
        {
          weight: 1,
          arbitrary: fc.record({ what: fc.constant('leave' as const), who: fc.nat(9) }),
        },
        {
          weight: 2,
          arbitrary: fc.record({
            what: fc.constant('wait' as const),
            ms: fc.constantFrom(0, 1, 2, 5, 50, 2_000),
          }),
        },
      );
      const rooms: readonly Room[] = ['a', 'b', GLOBAL];
      const roomAt = (i: number): Room => rooms[i] ?? GLOBAL;
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
          const b = brokersOf(build());
          const listeners: (Listener & { readonly room: Room })[] = [];
          const sent: { readonly pod: number; readonly one: Sent }[] = [];
          for (const each of steps) {
            if (each.what === 'wait') b.clock.advance(each.ms);
            else if (each.what === 'leave') {
              listeners[each.who % Math.max(1, listeners.length)]?.subscription.unsubscribe();
            } else if (each.what === 'listen') {
              // one subscriber of a room a pod at a time
              const room = roomAt(each.room);
              listeners.push({ ...b.listen(room, each.pod), room });
            } else {
              const type = each.logged ? 'chat' : 'presence';
              const pod = each.pod % b.brokers.length;
              sent.push({ pod, one: b.publish({ room: roomAt(each.room), type }, pod) });
            }
          }
          b.settle();
          b.settle();
          for (const { one } of sent) if (!one.completed) throw new Error('never answered');
          for (const pod of b.brokers.keys()) {
            for (const room of rooms) {
              const asked = sent.filter((each) => each.pod === pod && each.one.draft.room === room);
              const got = b.answered.filter((one) => asked.some((each) => each.one === one));
              if (asked.some(({ one }, i) => one !== got[i]))
                throw new Error('receipts out of order');
            }
          }
          for (const room of rooms) {
            const logged = sent
              .filter(({ one }) => one.draft.room === room && one.draft.logged)
              .map(({ one }) => receiptOf(one).id)
              .sort();
            if (logged.some((id, i) => idOf(id).offset !== i + 1))
              throw new Error('a hole in the log');
            for (const listener of listeners.filter((each) => each.room === room)) {
              if (listener.events.length === 0) continue;
              const from = openedIn(listener).top.offset;
              const received = idsIn(listener).filter((id) => !idOf(id).outside);
              const due = logged.slice(from);
              if (received.some((id, i) => id !== due[i]))
                throw new Error('another order, or a hole');
              const isLast = listeners.findLast((each) => each.room === room) === listener;
              if (isLast && !listener.subscription.closed && received.length !== due.length)
                throw new Error(`heard ${received.length} of ${due.length}`);
            }
          }
          for (const { subscription } of listeners) subscription.unsubscribe();
          b.settle();
          return b.retained() === 0;
        }),
        { numRuns: 60 },
      );
      t.pass('for any interleaving');
    },
  );
};
