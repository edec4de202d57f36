/** Spans of publishes, and a broker with spans, which is a broker like any. */
import { left, right } from 'fp-ts/lib/Either.js';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import t from 'tap';
import type { ControlCommand } from '../../../lib/broker/control-command.js';
import { localBroker } from '../../../lib/broker/local.js';
import type { Clock } from '../../../lib/clock.js';
import { problem } from '../../../lib/protocol/problem.js';
import type { MessageType } from '../../../lib/protocol/system-event.js';
import { deliverySpans } from '../../../lib/telemetry/otel/delivery-spans.js';
import { publishSpans } from '../../../lib/telemetry/otel/publish-spans.js';
import { brokerContract } from '../../broker/contract.js';
import { keyIn } from '../../support/keys.js';
import { draft, right as valid } from '../../support/messages.js';
import { PARENT, recorded, TRACE, TRACEPARENT, tracer } from '../../support/recorded-spans.js';
import { virtualClock } from '../../support/virtual-clock.js';

const DAY_MS = 86_400_000;

const spansAt = (clock: Clock) =>
  publishSpans(
    tracer(),
    clock,
    deliverySpans(tracer(), () => clock.wall()),
  );

brokerContract(t, {
  name: 'a broker with spans',
  pods: [1],
  cluster: () => {
    const clock = virtualClock();
    const broker = spansAt(clock).broker(localBroker({ clock, positionTtlMs: DAY_MS }));
    return { clock, brokers: [broker], settleMs: 1, retained: () => 0 };
  },
});

const world = () => {
  const clock = virtualClock();
  const inner = localBroker({ clock, positionTtlMs: DAY_MS });
  const spans = spansAt(clock);
  const broker = spans.broker(inner);
  const commands: ControlCommand[] = [];
  broker.control$.subscribe((command) => {
    if (command._tag !== 'CatchUpsLost') commands.push(command);
  });
  recorded();
  return { broker, inner, commands, inSpan: spans.publishing(inner) };
};

const draftOf = (data: number, key?: string, type: MessageType = 'chat') =>
  valid(draft({ room: 'r', data, type, key: key === undefined ? undefined : keyIn(key) }));

t.test('when a message is published, then its span begins a trace and has its id', async (t) => {
  const { broker } = world();
  broker.channel('r').subscribe();
  const now = broker.publishNow?.(draftOf(1));
  const later = await firstValueFrom(broker.publish(draftOf(2)));
  const spans = recorded();
  t.same(
    spans.map(({ name, parent, attributes }) => [name, parent, attributes['messaging.message.id']]),
    [now, later].map((result) => ['broker.publish', undefined, result && valid(result).id]),
  );
  t.match(spans[0]?.attributes, { 'chat.scope': 'cluster', 'chat.duplicate': false });
});

t.test('when a message is refused, then its span is an error', async (t) => {
  const { broker } = world();
  broker.publishNow?.(draftOf(1, 'k'));
  broker.publishNow?.(draftOf(2, 'k'));
  t.match(recorded()[1], { isError: true, attributes: { 'error.type': 'KeyReused' } });
});

t.test('when a presence is published, then it has no span', async (t) => {
  const { broker } = world();
  broker.publishNow?.(draftOf(1, undefined, 'presence'));
  await firstValueFrom(broker.publish(draftOf(1, undefined, 'presence')));
  t.same(recorded(), []);
});

t.test('when a request publishes, then its spans are in the trace of its caller', async (t) => {
  const { inSpan, commands } = world();
  const ids: string[] = [];
  await inSpan({ traceparent: TRACEPARENT }, async ({ publish }) => {
    for (const data of [1, 2]) ids.push(valid(await firstValueFrom(publish(draftOf(data)))).id);
    return right(undefined);
  });
  const [first, second, outer] = recorded();
  t.match(outer, {
    name: 'publish',
    trace: TRACE,
    parent: PARENT,
    attributes: { 'http.response.status_code': 202, 'messaging.batch.message_count': 2 },
  });
  t.match(
    [first, second],
    [
      { name: 'broker.publish', trace: TRACE },
      { name: 'broker.publish', trace: TRACE },
    ],
  );
  const [command] = commands;
  t.match(command, { _tag: 'Trace', ids });
  t.equal(commands.length, 1, 'one for the request');
  const [, trace, span] = command?._tag === 'Trace' ? command.traceparent.split('-') : [];
  t.same([trace, span], [TRACE, first?.parent], 'the span of the request is the parent');
});

t.test('when the caller does not record, or nothing was sent, then no pod is told', async (t) => {
  const { inSpan, commands } = world();
  const unrecorded = { traceparent: TRACEPARENT.replace(/01$/, '00') };
  await inSpan(unrecorded, async ({ publish }) => {
    await lastValueFrom(publish(draftOf(1, 'k')));
    return right(undefined);
  });
  t.same(recorded(), []);
  await inSpan({}, async ({ publish }) => {
    await lastValueFrom(publish(draftOf(1, 'k')));
    return right(undefined);
  });
  t.match(recorded()[0]?.attributes, { 'chat.duplicate': true });
  await inSpan({}, async () => left({ problem: problem(503, 'down') }));
  t.match(recorded(), [{ name: 'publish', isError: true, parent: undefined }]);
  await t.rejects(
    inSpan({}, () => Promise.reject(new Error('a bug'))),
    /a bug/,
  );
  t.match(recorded(), [{ name: 'publish', isError: true }]);
  t.same(commands, []);
});
