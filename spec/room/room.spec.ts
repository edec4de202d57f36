/** One room of one pod: its streams together, from the first command to the end. */
import t from 'tap';
import { GLOBAL } from '../../lib/protocol/position.js';
import { topAt } from '../support/channel-world.js';
import { member, world } from '../support/connection-world.js';
import { publish } from '../support/hub-checks.js';
import { idOf } from '../support/ids.js';

type World = ReturnType<typeof world>;

const eventsOf = ({ events }: World, tag: string): readonly unknown[] =>
  events.filter(({ _tag }) => _tag === tag);

t.test('when a message is delivered, then the event has members and times', async (t) => {
  const w = world();
  const a = member(w);
  const b = member(w);
  const before = w.events.length;
  const sentAt = w.clock.wall();
  a.chat('r', 'hi');
  w.clock.advance(5);
  t.same([a.texts('r'), b.texts('r')], [['hi'], ['hi']]);
  const delivered = w.events.slice(before).filter(({ _tag }) => _tag === 'Delivered');
  t.match(delivered, [{ messages: 1, members: 2, acceptedAt: [sentAt] }]);
});

t.test('when the broker cannot open the room, then members leave and may join again', async (t) => {
  const w = world();
  const a = member(w);
  w.broker.fail('r');
  w.clock.advance(10);
  t.match(a.events('left'), [{ room: 'r', reason: 'failed' }]);
  t.same([a.code(), eventsOf(w, 'RoomFailed')], [undefined, []], 'that is no bug');
  a.join('r');
  w.clock.advance(1_000);
  a.chat('r', 'again');
  w.clock.advance(10);
  t.same(a.texts('r'), ['again']);
  t.equal(w.broker.subscribed('r'), 2);
});

t.test('when a bug ends the room, then its members are closed with 1011', async (t) => {
  const w = world();
  const a = member(w);
  const other = w.connect({ room: 's' });
  w.clock.advance(1_000);
  const error = new Error('a bug');
  w.broker.break('r', error);
  w.clock.advance(10);
  t.equal(a.code(), 1_011);
  t.same(eventsOf(w, 'RoomFailed'), [{ _tag: 'RoomFailed', error }]);
  t.equal(other.code(), undefined, 'other rooms go on');
});

t.test('when messages may be missing, then each member is sent one gap', async (t) => {
  const w = world();
  const a = member(w);
  const b = member(w);
  w.broker.push('r', { _tag: 'Gap', reason: 'broker_outage', top: topAt(1, 50) });
  w.clock.advance(10);
  for (const { events } of [a, b])
    t.match(events('gap'), [{ event: 'gap', room: 'r', reason: 'broker_outage' }]);
  t.match(eventsOf(w, 'GapSent'), [{ room: 'r', reason: 'broker_outage', members: 2 }]);
});

t.test('when the global log has a later time, then ids of the room have that time', async (t) => {
  const w = world();
  const a = member(w);
  w.clock.advance(60_000);
  publish(w, GLOBAL, 'to all');
  w.clock.advance(10);
  const [message] = a.chats(GLOBAL);
  const top = { ...topAt(1, 50), ms: 1 };
  w.broker.push('r', { _tag: 'Gap', reason: 'broker_outage', top });
  w.clock.advance(10);
  const gap = a.received().at(-1);
  t.match(gap, { type: 'system', data: { event: 'gap' } });
  t.equal(idOf(gap?.id ?? '').ms, idOf(message?.id ?? '').ms);
});

t.test('when the last publish has its answer, then the room ends and unsubscribes', async (t) => {
  const w = world({}, { limits: { roomLingerMs: 1_000 } });
  const a = member(w);
  w.broker.publishMs = 3_000;
  a.chat('r', 'slow', 'k1');
  a.leave('r');
  w.clock.advance(2_000);
  t.ok(w.broker.underway() > 0);
  w.clock.advance(2_000);
  t.match(a.events('ack'), [{ event: 'ack' }], 'the sender is answered all the same');
  w.clock.advance(10_000);
  t.equal(w.broker.underway(), 0);
  t.equal(w.broker.channels(), 1, 'the global log only');
});
