/** A delivery has a span when its message was published in a recorded span, whichever is known first. */
import t from 'tap';
import { deliverySpans } from '../../../lib/telemetry/otel/delivery-spans.js';
import { PARENT, recorded, TRACE, TRACEPARENT, tracer } from '../../support/recorded-spans.js';

const AT = 1_800_000_000_000;

const world = () => {
  const self = { now: AT };
  return Object.assign(
    self,
    deliverySpans(tracer(), () => self.now),
  );
};

t.test('when the delivery comes first, then its span waits for the parent', async (t) => {
  const w = world();
  w.received('r', 'id-1', 5);
  w.now += 3;
  w.delivered('r', [5], 2);
  t.same(recorded(), []);
  w.now += 50;
  w.announced(TRACEPARENT, ['id-1', 'id-2']);
  t.match(recorded(), [
    {
      name: 'deliver',
      trace: TRACE,
      parent: PARENT,
      from: AT,
      until: AT + 3,
      attributes: {
        'messaging.message.id': 'id-1',
        'messaging.destination.name': 'r',
        'chat.members': 2,
      },
    },
  ]);
});

t.test('when the parent comes first, then the span is made at the delivery, once', async (t) => {
  const w = world();
  w.announced(TRACEPARENT, ['id-1']);
  w.received('r', 'id-1', 5);
  w.delivered('r', [5, 5], 1);
  w.delivered('r', [5], 1);
  t.equal(recorded().length, 1);
});

t.test('when two messages have one time, then each has its span', async (t) => {
  const w = world();
  w.announced(TRACEPARENT, ['id-1', 'id-2', 'id-3']);
  w.received('r', 'id-1', 5);
  w.received('r', 'id-2', 5);
  w.received('other', 'id-3', 5);
  w.delivered('r', [5, 5], 1);
  const ids = recorded().map(({ attributes }) => attributes['messaging.message.id']);
  t.same(ids, ['id-1', 'id-2'], 'the other room has not delivered');
});

t.test('when a message is not announced, then it has no span, and is forgotten', async (t) => {
  const w = world();
  w.received('r', 'id-old', 1);
  w.delivered('r', [1], 1);
  for (let i = 0; i < 5_000; i++) {
    w.received('r', `id-${i}`, 100 + i);
    w.delivered('r', [100 + i], 1);
  }
  w.announced(TRACEPARENT, ['id-old']);
  t.same(recorded(), [], 'thousands of messages later');
  w.announced(TRACEPARENT, ['id-4999']);
  t.equal(recorded().length, 1);
});

t.test('when the parent is not recorded, then neither is the delivery', async (t) => {
  const w = world();
  w.received('r', 'id-1', 5);
  w.delivered('r', [5], 1);
  w.announced(TRACEPARENT.replace(/01$/, '00'), ['id-1']);
  t.same(recorded(), []);
});
