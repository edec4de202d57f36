/** The contract of a publish: one receipt, one position, one order. */
import { isRight } from 'fp-ts/lib/Either.js';
import { type Test } from 'tap';
import { idOf } from '../../support/ids.js';
import { payloadOf, presenceData, SERVER } from '../../../lib/protocol/payload.js';
import { GLOBAL } from '../../../lib/protocol/position.js';
import { draftOf } from '../../../lib/protocol/publication.js';
import { keyIn } from '../../support/keys.js';
import {
  brokersOf,
  type Cluster,
  idsIn,
  type Listener,
  openedIn,
  publishedIn,
  receiptOf,
} from './brokers.js';

export const publishingContract = (t: Test, build: () => Cluster): void => {
  t.test(
    'when a draft is published, then every subscriber gets it under the id of its receipt',
    async (t) => {
      const b = brokersOf(build());
      const listeners = b.brokers.map((_, pod) => b.listen('r', pod));
      b.settle();
      const sent = b.publish({ room: 'r', data: { content: 'hé' } });
      b.settle();
      const { id, duplicate, scope } = receiptOf(sent);
      t.same([duplicate, scope, sent.results.length, sent.completed], [false, 'cluster', 1, true]);
      for (const listener of listeners) {
        const [event] = publishedIn(listener);
        t.equal(publishedIn(listener).length, 1);
        t.equal(event?.publication.idText, id);
        t.equal(event?.publication.type, 'chat');
        t.equal(event?.publication.payload.toString(), payloadOf(id, sent.draft.rest));
        t.strictSame({ ...event?.publication.id }, { ...idOf(id) });
        t.match(event?.top, { offset: 1, id });
      }
      t.match(idOf(id), { offset: 1, global: false, outside: false });
    },
  );

  t.test('when the answer is not subscribed, then nothing is published', async (t) => {
    const b = brokersOf(build());
    const listener = b.listen('r');
    b.settle();
    const draft = draftOf({ room: 'r', type: 'chat', from: 'a', data: 1, at: b.clock.wall() });
    if (isRight(draft)) void b.brokerAt(0).publish(draft.right);
    b.settle();
    t.equal(listener.events.length, 1);
  });

  t.test('when publishNow is called, then it does the same as publish, or nothing', async (t) => {
    const b = brokersOf(build());
    const listener = b.listen('r');
    b.settle();
    const before = b.publish({ room: 'r' });
    const now = [keyIn('k'), keyIn('k'), undefined, undefined].map((key) => {
      const at = b.clock.wall();
      const draft = draftOf({ room: 'r', type: 'chat', from: 'a', data: 1, at, key });
      return isRight(draft) ? b.brokerAt(0).publishNow?.(draft.right) : undefined;
    });
    b.settle();
    const placed = now.flatMap((result) =>
      result !== undefined && isRight(result) ? [result.right] : [],
    );
    const expected = placed.length === 0 ? [] : [false, true, false, false];
    t.same(
      placed.map(({ duplicate }) => duplicate),
      expected,
    );
    t.same(idsIn(listener), [
      receiptOf(before).id,
      ...placed.flatMap(({ duplicate, id }) => (duplicate ? [] : [id])),
    ]);
  });

  t.test(
    'when drafts are published, then they are answered and delivered in the order of the calls',
    async (t) => {
      const b = brokersOf(build());
      const listeners = b.brokers.map((_, pod) => b.listen('r', pod));
      b.settle();
      const sent = Array.from({ length: 300 }, () => b.publish({ room: 'r' }));
      b.settle();
      t.ok(b.answered.length === 300 && b.answered.every((each, i) => each === sent[i]));
      const ids = sent.map((each) => receiptOf(each).id);
      t.same(
        ids.map((id) => idOf(id).offset),
        Array.from({ length: 300 }, (_, i) => i + 1),
      );
      t.same([...ids].sort(), ids, 'ids sort as strings in the order of delivery');
      for (const listener of listeners) t.same(idsIn(listener), ids);
    },
  );

  t.test(
    'when messages go to rooms and to the global log, then each has offsets of its own',
    async (t) => {
      const b = brokersOf(build());
      const [r, s, global] = [b.listen('r'), b.listen('s'), b.listen(GLOBAL)];
      b.settle();
      for (const room of ['r', 's', GLOBAL, 'r', GLOBAL]) b.publish({ room });
      b.settle();
      const offsets = (listener: Listener): readonly number[] =>
        publishedIn(listener).map(({ publication }) => publication.id.offset);
      t.same([offsets(r), offsets(s), offsets(global)], [[1, 2], [1], [1, 2]]);
      t.ok(publishedIn(global).every(({ publication }) => publication.id.global));
      t.notOk(publishedIn(r).some(({ publication }) => publication.id.global));
    },
  );

  t.test('when the clock goes back, then the milliseconds of a log do not', async (t) => {
    const b = brokersOf(build());
    const listener = b.listen('r');
    b.settle();
    b.publish({ room: 'r' });
    b.settle();
    b.clock.jump(-3_600_000);
    b.publish({ room: 'r' });
    b.publish({ room: 'r', type: 'presence' });
    b.settle();
    const ids = idsIn(listener);
    t.equal(ids.length, 3);
    t.same([...ids].sort(), ids);
  });

  t.test(
    'when a key comes again, then the same data is stored once and other data is refused',
    async (t) => {
      const b = brokersOf(build());
      const listener = b.listen('r');
      b.settle();
      const first = b.publish({ room: 'r', data: 'one', key: keyIn('alice:k') });
      b.settle();
      const again = b.publish({ room: 'r', data: 'one', key: keyIn('alice:k') }, 1);
      const other = b.publish({ room: 'r', data: 'two', key: keyIn('alice:k') }, 1);
      const elsewhere = b.publish({ room: 's', data: 'two', key: keyIn('alice:k') }, 1);
      const without = b.publish({ room: 'r', data: 'one' }, 1);
      b.settle();
      t.match(receiptOf(again), { id: receiptOf(first).id, duplicate: true, scope: 'cluster' });
      t.match(other.results, [{ _tag: 'Left', left: { _tag: 'KeyReused' } }]);
      t.equal(other.completed, true);
      t.equal(receiptOf(elsewhere).duplicate, false, "a key is the room's");
      t.equal(receiptOf(without).duplicate, false);
      t.same(idsIn(listener), [receiptOf(first).id, receiptOf(without).id]);
      t.same(
        idsIn(listener).map((id) => idOf(id).offset),
        [1, 2],
        'and takes no offset',
      );
    },
  );

  t.test('when a key comes twice in one moment, then its message is stored once', async (t) => {
    const b = brokersOf(build());
    const listener = b.listen('r');
    b.settle();
    const sent = [0, 1, 0, 1].map((pod) => b.publish({ room: 'r', data: 1, key: keyIn('k') }, pod));
    b.settle();
    const ids = new Set(sent.map((each) => receiptOf(each).id));
    t.equal(ids.size, 1);
    t.equal(sent.filter((each) => !receiptOf(each).duplicate).length, 1);
    t.equal(publishedIn(listener).length, 1);
  });

  t.test('when a draft is not logged, then it is delivered and takes no offset', async (t) => {
    const b = brokersOf(build());
    const listeners = b.brokers.map((_, pod) => b.listen('r', pod));
    b.settle();
    b.publish({ room: 'r' });
    const presence = b.publish({
      room: 'r',
      type: 'presence',
      from: SERVER,
      data: presenceData('bob', 'c9', 'online'),
    });
    const next = b.publish({ room: 'r' });
    b.settle();
    t.match(idOf(receiptOf(presence).id), { offset: 1, outside: true, global: false });
    t.match(idOf(receiptOf(next).id), { offset: 2, outside: false });
    for (const listener of listeners) {
      const [before, after] = publishedIn(listener);
      t.equal(publishedIn(listener).length, 3);
      t.equal(after?.publication.except, 'c9', 'whom it is about comes with it');
      t.equal(after?.top.id, before?.top.id);
      t.equal(after?.top.offset, before?.top.offset);
    }
    const later = b.listen('r');
    b.settle();
    t.equal(openedIn(later).top.id, receiptOf(next).id);
  });

  t.test('when a room has no subscriber, then a publish is answered all the same', async (t) => {
    const b = brokersOf(build());
    const sent = b.publish({ room: 'nobody-there' });
    b.settle();
    t.match(idOf(receiptOf(sent).id), { offset: 1 });
    t.equal(b.retained(), 0);
  });

  t.test(
    'when the transport breaks during publishes, then each has one answer, in one order, nothing twice',
    async (t) => {
      const b = brokersOf(build());
      const listeners = b.brokers.map((_, pod) => b.listen('r', pod));
      b.settle();
      const sent = Array.from({ length: 30 }, (_, i) => {
        const each = b.publish({ room: 'r' }, i);
        b.clock.advance(3);
        if (i % 5 === 2) b.breakOff?.(i % b.brokers.length);
        return each;
      });
      b.settle();
      t.ok(sent.every(({ results, completed }) => results.length === 1 && completed));
      t.ok(sent.every((each) => receiptOf(each).scope === 'cluster'));
      for (const listener of listeners) {
        t.strictSame([...idsIn(listener)].sort(), sent.map((each) => receiptOf(each).id).sort());
        t.strictSame([...idsIn(listener)].sort(), idsIn(listener));
      }
      t.equal(
        b.brokers.reduce((sum, { waiting }) => sum + (waiting?.() ?? 0), 0),
        0,
      );
    },
  );

  t.test('when a broker closes during publishes, then each has an answer', async (t) => {
    const b = brokersOf(build());
    const sent = Array.from({ length: 5 }, () => b.publish({ room: 'r' }));
    for (const broker of b.brokers) broker.close().subscribe();
    sent.push(b.publish({ room: 'r' }));
    t.ok(sent.every(({ results, completed }) => results.length === 1 && completed));
    t.equal(
      b.brokers.reduce((sum, { waiting }) => sum + (waiting?.() ?? 0), 0),
      0,
    );
  });
};
