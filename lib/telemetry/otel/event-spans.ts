/**
 * Spans that are made of the hub's events:
 *
 *   Recovered                                  ─► recovery
 *   StatusChanged: Starting until the next one ─► broker.start
 *   StatusChanged: Degraded until the next one ─► broker.outage
 *   Delivered                                  ─► the end of `deliver` (delivery-spans.ts)
 */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { BrokerStatus } from '../../broker/index.js';
import type { HubEvent } from '../../hub-event.js';
import type { DeliverySpans } from './delivery-spans.js';

type Event<Tag extends HubEvent['_tag']> = Extract<HubEvent, { readonly _tag: Tag }>;

export interface EventSpans {
  readonly fold: (event: HubEvent) => void;
  /** Ends the span of a start or of an outage that still lasts. */
  readonly close: () => void;
}

/** `wall`: Unix ms. */
export const eventSpans = (
  tracer: Tracer,
  wall: () => number,
  deliveries: DeliverySpans,
): EventSpans => {
  let phase: { readonly of: BrokerStatus['_tag']; readonly at: number } | undefined;

  const recovered = ({ room, result, messages, seconds }: Event<'Recovered'>): void => {
    const now = wall();
    const attributes = {
      'messaging.destination.name': room,
      'chat.recovery.result': result,
      'messaging.batch.message_count': messages,
    };
    const startTime = now - seconds * 1000;
    tracer
      .startSpan('recovery', { kind: SpanKind.INTERNAL, startTime, attributes }, ROOT_CONTEXT)
      .end(now);
  };

  /** Ends the phase that lasts. A phase in which the broker is up has no span. */
  const endPhase = (next: BrokerStatus['_tag'] | undefined): void => {
    const now = wall();
    if (phase !== undefined && phase.of !== 'Up') {
      const name = phase.of === 'Starting' ? 'broker.start' : 'broker.outage';
      const attributes = next === undefined ? {} : { 'chat.broker.status': next };
      const span = tracer.startSpan(
        name,
        { kind: SpanKind.INTERNAL, startTime: phase.at, attributes },
        ROOT_CONTEXT,
      );
      if (phase.of === 'Degraded' || next === 'Degraded')
        span.setStatus({ code: SpanStatusCode.ERROR, message: 'the broker did not answer' });
      span.end(now);
    }
    phase = next === undefined ? undefined : { of: next, at: now };
  };

  return {
    fold: (event) => {
      if (event._tag === 'Delivered')
        deliveries.delivered(event.room, event.acceptedAt, event.members);
      else if (event._tag === 'Recovered') recovered(event);
      else if (event._tag === 'StatusChanged') endPhase(event.status._tag);
    },
    close: () => endPhase(undefined),
  };
};
