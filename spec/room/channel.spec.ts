/**
 * What a room makes of the events of its channel: gaps, echoes of messages of one pod, a failure.
 */
import { isRight } from 'fp-ts/lib/Either.js';
import { isSome } from 'fp-ts/lib/Option.js';
import t from 'tap';
import { draftOf, type Publication, publicationOf } from '../../lib/protocol/publication.js';
import { formatId, GLOBAL, type MessageId, parseId } from '../../lib/protocol/position.js';
import type { Peer } from '../support/peer.js';
import { leftovers, offsetOf, publish, scripted } from '../support/hub-checks.js';

t.test(
  'when a channel fails, then its members get `left` with the reason, and the room can be joined again',
  async (t) => {
    const w = scripted();
    const [a, b] = [w.connect({ room: 'r' }), w.connect({ room: 'r' })];
    w.clock.advance(10);
    w.broker.fail('r');
    w.clock.advance(10);
    for (const peer of [a, b]) {
      t.same(peer.events('left'), [{ event: 'left', room: 'r', reason: 'failed' }]);
      t.equal(peer.code(), undefined, 'the connection stays');
    }
    a.chat('r', 'not a member', 'x');
    w.clock.advance(10);
    t.match(a.errors(), [{ code: 'not_a_member', ref: 'x' }]);
    // at once: within the linger
    a.join('r', 'again');
    w.clock.advance(10);
    publish(w, 'r', 'hello');
    w.clock.advance(10);
    t.equal(a.events('joined').filter(({ room }) => room === 'r').length, 2, 'it is in again');
    t.same(a.texts('r'), ['hello'], 'and not in a room that is dead');
    await leftovers(t, w, [a, b]);
    t.equal(w.broker.channels(), 0);
  },
);

t.test(
  'when a channel has a gap, then the members of its room get `gap`, and no other client',
  async (t) => {
    const w = scripted();
    const [a, b] = [w.connect({ room: 'r' }), w.connect({ room: 'r' })];
    const other = w.connect({ room: 's' });
    w.clock.advance(10);
    const top = {
      tag: 9,
      offset: 40,
      ms: w.clock.wall(),
      id: '018bcfe5-6800-7009-8000-000a00000000',
    };
    w.broker.push('r', { _tag: 'Gap', reason: 'log_lost', top });
    w.clock.advance(10);
    for (const peer of [a, b])
      t.same(peer.events('gap'), [{ event: 'gap', room: 'r', reason: 'log_lost' }]);
    t.same(other.events('gap'), []);
    const gap = a.received().find(({ data }) => (data as { event?: string }).event === 'gap');
    const read = parseId(gap?.id ?? '');
    t.match(isSome(read) ? read.value : {}, { tag: 9, offset: 40, outside: true, global: false });
    t.equal(gap?.room, 'r');
    const late = w.connect({ room: 'r' });
    w.clock.advance(10);
    t.same(late.events('gap'), [], 'who came later missed nothing');
    t.equal(late.events('joined')[1]?.['position'], top.id, 'and begins where the room stands');
    w.broker.push(GLOBAL, {
      _tag: 'Gap',
      reason: 'broker_outage',
      top: { ...top, offset: 0, id: null },
    });
    w.clock.advance(10);
    for (const peer of [a, b, other, late])
      t.same(peer.events('gap').at(-1), { event: 'gap', reason: 'broker_outage' });
    t.equal(w.events.filter(({ _tag }) => _tag === 'GapSent').length, 2);
    await leftovers(t, w, [a, b, other, late]);
  },
);

/** Says something on the pod alone, later its echo at the next place; who comes between has not heard it. */
const echoing = (alone: number) => {
  const w = scripted();
  const made = (data: number, over: Partial<MessageId>): Publication => {
    const draft = draftOf({ room: 'r', type: 'chat', from: 'x', data, at: 0 });
    if (!isRight(draft)) throw new Error(draft.left.text);
    const id = { ms: 1, tag: 1, offset: 0, global: false, outside: true, nonce: data, ...over };
    return publicationOf(draft.right, id);
  };
  const before = w.connect({ room: 'r' });
  w.clock.advance(10);
  const top = w.broker.top('r');
  const fallbacks = Array.from({ length: alone }, (_, i) => made(i, { ms: top.ms }));
  for (const publication of fallbacks)
    w.broker.push('r', { _tag: 'Published', publication, offset: undefined, top });
  w.clock.advance(2_000);
  const after = w.connect({ room: 'r' });
  w.clock.advance(10);
  const echo = (as: string): void => {
    const publication = made(0, { ms: top.ms, offset: 1, outside: false });
    const next = { tag: 1, offset: 1, ms: top.ms, id: publication.idText };
    w.broker.push('r', { _tag: 'Echoed', publication, offset: 1, top: next, as });
    w.clock.advance(10);
  };
  const received = (peer: Peer): readonly unknown[] => [
    ...peer.chats('r').flatMap(({ data, id }) => (offsetOf(id) === 1 ? [data] : [])),
    ...peer.events('gap').map(({ reason }) => reason),
  ];
  return { w, fallbacks, before, after, echo, received };
};

t.test(
  'when a message of this pod only comes from the log, then only members who joined after it get it',
  async (t) => {
    const { w, fallbacks, before, after, echo, received } = echoing(3);
    echo(fallbacks[0]?.idText ?? '');
    t.same([before, after].map(received), [[], [0]]);
    await leftovers(t, w, [before, after]);
  },
);

t.test('when such a message had no receiver, then all members get it', async (t) => {
  const { w, before, after, echo, received } = echoing(0);
  echo(formatId({ ms: 1, tag: 1, offset: 0, global: false, outside: true, nonce: 9 }));
  t.same([before, after].map(received), [[0], [0]]);
  await leftovers(t, w, [before, after]);
});

t.test(
  'when the receivers of such a message are not known, then members that may lack it get `gap`',
  async (t) => {
    for (const [alone, as] of [
      [5_000, 0],
      [3, undefined],
    ] as const) {
      const { w, fallbacks, before, after, echo, received } = echoing(alone);
      echo(as === undefined ? '' : (fallbacks[as]?.idText ?? ''));
      t.same([before, after].map(received), [[], ['broker_outage']]);
      await leftovers(t, w, [before, after]);
    }
  },
);
