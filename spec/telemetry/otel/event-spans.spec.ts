/** Spans that are made of the hub's events. */
import t from 'tap';
import type { BrokerStatus } from '../../../lib/broker/index.js';
import { deliverySpans } from '../../../lib/telemetry/otel/delivery-spans.js';
import { eventSpans } from '../../../lib/telemetry/otel/event-spans.js';
import { recorded, tracer } from '../../support/recorded-spans.js';

const AT = 1_800_000_000_000;

const world = () => {
  const self = { now: AT };
  const wall = (): number => self.now;
  const spans = eventSpans(tracer(), wall, deliverySpans(tracer(), wall));
  return Object.assign(self, spans, {
    status: (status: BrokerStatus) => spans.fold({ _tag: 'StatusChanged', status }),
  });
};

t.test('when a client has recovered, then the span has the time that it took', async (t) => {
  const w = world();
  w.fold({ _tag: 'Recovered', result: 'expired', messages: 3, room: 'r', seconds: 0.25 });
  t.match(recorded(), [
    {
      name: 'recovery',
      from: AT - 250,
      until: AT,
      attributes: { 'chat.recovery.result': 'expired', 'messaging.destination.name': 'r' },
    },
  ]);
});

t.test('when the broker was away, then the span is the outage', async (t) => {
  const w = world();
  w.status({ _tag: 'Starting' });
  w.now += 10;
  w.status({ _tag: 'Up', since: 0 });
  t.match(recorded(), [{ name: 'broker.start', from: AT, until: AT + 10, isError: false }]);
  w.now += 1_000;
  w.status({ _tag: 'Degraded', since: 0 });
  t.same(recorded(), [], 'the outage lasts');
  w.now += 500;
  w.status({ _tag: 'Up', since: 0 });
  t.match(recorded(), [
    { name: 'broker.outage', from: AT + 1_010, until: AT + 1_510, isError: true },
  ]);
  w.close();
  t.same(recorded(), [], 'the time in which it is up has no span');
});

t.test('when the pod ends in an outage, then its span ends', async (t) => {
  const w = world();
  w.status({ _tag: 'Starting' });
  w.now += 3_000;
  w.status({ _tag: 'Degraded', since: 0 });
  w.now += 1;
  w.close();
  w.close();
  t.match(recorded(), [
    { name: 'broker.start', isError: true },
    { name: 'broker.outage', isError: true, attributes: {} },
  ]);
});

t.test('when an event has no span, then none is made', async (t) => {
  const w = world();
  w.fold({ _tag: 'Received', messages: 1 });
  w.fold({ _tag: 'Delivered', room: 'r', messages: 1, members: 1, acceptedAt: [1], handedAt: 2 });
  t.same(recorded(), []);
});
