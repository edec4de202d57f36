/** Messages that Redis did not accept: they reach the members on this pod. */
import { Subscription } from 'rxjs';
import t from 'tap';
import { fallbackDedup } from '../../../lib/broker/cluster/fallback-dedup.js';
import { fallbackKeys } from '../../../lib/broker/cluster/fallback-keys.js';
import type { Call, Waiting } from '../../../lib/broker/cluster/publish-call.js';
import { publishFallback } from '../../../lib/broker/cluster/publish-fallback.js';
import type { PublishResult } from '../../../lib/broker/cluster/publish-result.js';
import { publicationOf } from '../../../lib/protocol/publication.js';
import { keyIn } from '../../support/keys.js';
import { draft, left, right } from '../../support/messages.js';
import { virtualClock } from '../../support/virtual-clock.js';

const world = () => {
  const clock = virtualClock();
  const dedup = fallbackDedup({ clock });
  const keys = fallbackKeys({ clock });
  const delivered: string[] = [];
  const answers: PublishResult[] = [];
  const fallback = publishFallback({
    dedup,
    keys,
    idOutside: (_room, nonce) => ({
      tag: 1,
      offset: 9,
      ms: 0,
      global: false,
      outside: true,
      nonce,
    }),
    deliver: (room, { idText }) => delivered.push(`${room} ${idText}`),
  });
  const waiting = (data: string, key?: string): Waiting => ({
    draft: right(draft({ data, key: key === undefined ? undefined : keyIn(key) })),
    until: 0,
    answer: (result) => answers.push(result),
  });
  return { dedup, delivered, answers, fallback, waiting };
};

t.test('when Redis did not accept a message, then the members on this pod get it', async (t) => {
  const { dedup, delivered, answers, fallback, waiting } = world();
  fallback.one(waiting('a'), 7, false);
  const [result] = answers;
  if (result === undefined) throw new Error('expected an answer');
  const { id } = right(result);
  t.match(right(result), { duplicate: false, scope: 'pod' });
  t.same(delivered, [`r ${id}`]);
  t.equal(dedup.size(), 0, 'it cannot come back');
});

t.test('when a message waits for all pods, then it is refused and no member gets it', async (t) => {
  const { dedup, delivered, answers, fallback } = world();
  const one: Waiting = {
    draft: right(draft({ key: keyIn('alice:1'), clusterOnly: true })),
    until: 0,
    answer: (result) => answers.push(result),
  };
  fallback.one(one, 7, true);
  fallback.one(one, 8, false);
  t.same(
    answers.map((result) => left(result)._tag),
    ['Unavailable', 'Unavailable'],
  );
  t.same(delivered, []);
  t.equal(dedup.size(), 0, 'if the call ran, then its message is delivered like any other');
});

t.test('when the call may have run, then its echo is recognised', async (t) => {
  const { dedup, answers, fallback, waiting } = world();
  const one = waiting('a');
  fallback.one(one, 7, true);
  const echo = { tag: 1, offset: 10, ms: 0, global: false, outside: false, nonce: 7 };
  const [result] = answers.map(right);
  t.equal(dedup.find('r', publicationOf(one.draft, echo)), result?.id);
});

t.test(
  'when a key is used again in the fallback, then no member gets the message again',
  async (t) => {
    const { delivered, answers, fallback, waiting } = world();
    fallback.one(waiting('a', 'alice:1'), 7, false);
    fallback.one(waiting('a', 'alice:1'), 8, false);
    fallback.one(waiting('other', 'alice:1'), 9, false);
    t.equal(delivered.length, 1);
    const [first, again, other] = answers;
    if (first === undefined || again === undefined || other === undefined)
      throw new Error('expected three answers');
    t.same(right(again), { ...right(first), duplicate: true });
    t.same(left(other), { _tag: 'KeyReused' });
  },
);

t.test(
  'when a call ends, then only the messages that were not received on the channel fall back',
  async (t) => {
    const { delivered, answers, fallback, waiting } = world();
    const call: Call = {
      id: 'c1',
      batch: [waiting('a'), waiting('b')],
      nonces: [7, 8],
      tag: 1,
      until: 0,
      received: new Map([[0, 'id of the log']]),
      end: Subscription.EMPTY,
      attempt: Subscription.EMPTY,
      first: undefined,
    };
    fallback.call(call, true);
    const [log, pod] = answers.map(right);
    t.same(log, { id: 'id of the log', duplicate: false, scope: 'cluster' });
    t.equal(pod?.scope, 'pod');
    t.same(delivered, [`r ${pod?.id}`]);
  },
);
