/** The answers of a publish. */
import t from 'tap';
import {
  CLOSED,
  FULL,
  onPod,
  placedId,
  resultOf,
} from '../../../lib/broker/cluster/publish-result.js';
import { left, right } from '../../support/messages.js';

t.test('when the script gave a message an id, then all pods get the message', async (t) => {
  const outcome = { _tag: 'Placed', id: 'id' } as const;
  t.same(right(resultOf(outcome)), { id: 'id', duplicate: false, scope: 'cluster' });
  t.same(placedId(outcome), ['id']);
});

t.test('when the key was used for the same message, then the first id is the answer', async (t) => {
  const outcome = { _tag: 'Duplicate', id: 'first' } as const;
  t.same(right(resultOf(outcome)), { id: 'first', duplicate: true, scope: 'cluster' });
  t.same(placedId(outcome), [], 'the log has no new message');
});

t.test('when the key was used for another message, then the error says so', async (t) => {
  t.same(left(resultOf({ _tag: 'KeyReused' })), { _tag: 'KeyReused' });
  t.same(placedId({ _tag: 'KeyReused' }), []);
});

t.test('when Redis answered for fewer messages, then the rest are unavailable', async (t) => {
  t.match(left(resultOf(undefined)), {
    _tag: 'Unavailable',
    detail: /no answer for this message; .* the same id or key$/,
  });
});

t.test(
  'when Redis accepted no message, then the answer is the scope `pod` or the reason',
  async (t) => {
    t.same(right(onPod('id')), { id: 'id', duplicate: false, scope: 'pod' });
    t.match(left(CLOSED), { _tag: 'Unavailable', detail: /another pod takes it$/ });
    t.match(left(FULL), { _tag: 'Unavailable', detail: /send this one again later$/ });
  },
);
