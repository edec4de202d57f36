/** One channel of a room: from the pushes of Redis to what the members get, recorded on the way. */
import t from 'tap';
import { payloadOf } from '../../../lib/protocol/payload.js';
import { formatId, GLOBAL, type LogPosition } from '../../../lib/protocol/position.js';
import { topAt } from '../../support/channel-world.js';
import { channelWorld } from '../../support/cluster-channel-world.js';
import { draft, right } from '../../support/messages.js';

/** The message at 1:offset as Redis pushes it. */
const pushed = (offset: number): { readonly top: LogPosition; readonly payload: Buffer } => {
  const id = formatId({ tag: 1, offset, ms: offset, global: false, outside: false, nonce: 0 });
  const { rest } = right(draft({ data: offset }));
  return { top: { tag: 1, offset, ms: offset, id }, payload: Buffer.from(payloadOf(id, rest)) };
};

t.test('when the channel opens, then its position is recorded before members get it', async (t) => {
  const w = channelWorld();
  t.same([...w.sinks.keys()], ['realtime:room:r']);
  w.open();
  t.same(w.steps, ['reached 5', 'Opened']);
  t.same(w.channels.position('r'), topAt(1, 5));
  t.equal(w.known.tagOf('r'), 1);
});

t.test('when a message is pushed, then the publisher and the registry get it first', async (t) => {
  const w = channelWorld();
  w.open();
  const { top, payload } = pushed(6);
  w.top = top;
  w.sink().message(payload);
  w.clock.advance(1_000);
  t.same(w.steps.slice(2), ['publisher', 'reached 6', 'publisher', 'Published']);
  t.match(w.channels.position('r'), top);
});

t.test('when a payload is no message, then it is dropped and reported', async (t) => {
  const w = channelWorld();
  w.open();
  w.sink().message(Buffer.from('no message'));
  w.clock.advance(1_000);
  t.match(w.events, [{ _tag: 'PayloadDropped' }]);
  t.same(w.steps, ['reached 5', 'Opened']);
});

t.test('when Redis refuses the channel, then the missing right is a pattern', async (t) => {
  const w = channelWorld();
  w.sink().denied('NOPERM');
  t.same(w.events, [{ _tag: 'Refused', detail: 'NOPERM', right: '+subscribe &realtime:room:*' }]);
  t.match(w.steps, ['Failed']);
  const everybody = channelWorld(GLOBAL);
  everybody.sink().denied('NOPERM');
  t.same(everybody.events, [], 'the broker itself reports the global channel');
});

t.test('when there is an outage, then the channel opens on this pod only', async (t) => {
  const w = channelWorld('r', true);
  t.equal(w.steps.at(-1), 'Opened');
  t.match(w.channels.position('r'), { offset: 0, id: null });
});

t.test('when the log went back, then the new epoch never has the old tag', async (t) => {
  const w = channelWorld();
  w.open();
  w.top = topAt(1, 2);
  w.sink().unsubscribed();
  w.open();
  t.ok(w.steps.includes('renew 1 as another'));
  t.not(w.channels.position('r')?.tag, 1);
});

t.test('when the members have gone, then Redis is unsubscribed', async (t) => {
  const w = channelWorld();
  w.open();
  w.members.unsubscribe();
  t.equal(w.sinks.size, 0);
  t.notOk(w.channels.has('r'));
  t.notOk(w.end$.observed);
  t.equal(w.known.tagOf('r'), 1, 'the epoch of a room with messages is remembered');
  const empty = channelWorld();
  empty.top = topAt(1, 0);
  empty.open();
  empty.members.unsubscribe();
  t.equal(empty.known.tagOf('r'), undefined, 'an empty log can lose nothing');
});

t.test('when the broker is closed, then its channels end', async (t) => {
  const w = channelWorld();
  w.open();
  w.end$.next();
  t.equal(w.steps.at(-1), 'end');
  t.equal(w.sinks.size, 0);
});
