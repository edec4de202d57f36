/** One call of the publish script, as data. */
import { isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import {
  type Call,
  type PublishCalls,
  publishCalls,
  receive,
  receivedOf,
  type Waiting,
} from '../../../lib/broker/cluster/publish-call.js';
import { type Draft, draftOf, publicationOf } from '../../../lib/protocol/publication.js';
import { type VirtualClock, virtualClock } from '../../support/virtual-clock.js';

const draft = (data: string): Draft => {
  const made = draftOf({ room: 'r', type: 'chat', from: 'alice', data, at: 0 });
  if (!isRight(made)) throw new Error(made.left.text);
  return made.right;
};

const waiting = (data: string, until: number): Waiting => ({
  draft: draft(data),
  until,
  answer: () => undefined,
});

const world = (): { readonly clock: VirtualClock; readonly calls: PublishCalls } => {
  const clock = virtualClock();
  const calls = publishCalls({
    clock,
    timeoutMs: 2_000,
    probe: { ahead: () => 5_000 },
    idOutside: (_room, nonce) => ({
      tag: 1,
      offset: 9,
      ms: 0,
      global: false,
      outside: true,
      nonce,
    }),
  });
  return { clock, calls };
};

const publicationIn = (call: Call, i: number, offset: number): ReturnType<typeof publicationOf> =>
  publicationOf(call.batch[i]?.draft ?? draft(''), {
    tag: 1,
    offset,
    ms: 0,
    global: false,
    outside: false,
    nonce: call.nonces[i] ?? 0,
  });

t.test('when a call is made, then its time counts from its first message', async (t) => {
  const { clock, calls } = world();
  const now = clock.scheduler.now();
  t.equal(
    calls.make([waiting('a', now + 1_500), waiting('b', now + 1_900)], false).until,
    now + 1_500,
  );
  const old = [waiting('a', now + 100)];
  t.equal(calls.make(old, false).until, now + 500, 'a quarter of the timeout at least');
  t.equal(calls.make(old, true).until, now + 100, 'but not after a wait for a connection');
});

t.test('when a call is asked for again, then id, nonces and deadline are the same', async (t) => {
  const { clock, calls } = world();
  const call = calls.make([waiting('a', clock.scheduler.now() + 2_000)], false);
  const [, , nonces, tag, deadline, first] = calls.request('r', call, false);
  clock.advance(300);
  const again = calls.request('r', call, true);
  t.same(again.slice(2, 5), [nonces, tag, deadline]);
  t.same(first, { id: call.id });
  t.match(again[5], { id: call.id, again: { tag: 1, offset: 9, sinceMs: 4_000 } });
  t.not(calls.make([], false).id, call.id);
});

t.test('when the channel shows all messages of a call, then the call has run', async (t) => {
  const { clock, calls } = world();
  const until = clock.scheduler.now() + 2_000;
  const call = calls.make([waiting('a', until), waiting('b', until)], false);
  receive(call, publicationIn(call, 0, 1));
  t.equal(receivedOf(call), undefined);
  const { idText } = publicationIn(call, 1, 2);
  const other = publicationOf(draft('other'), publicationIn(call, 1, 2).id);
  receive(call, other);
  t.equal(
    receivedOf(call),
    undefined,
    'a message of another sender with the same 20 bits is not ours',
  );
  receive(call, publicationIn(call, 1, 2));
  t.match(receivedOf(call), [{ _tag: 'Placed' }, { _tag: 'Placed', id: idText }]);
  receive(call, publicationIn(call, 1, 77));
  t.equal(call.received.get(1), idText, 'another program has repeated it with another offset');
});
