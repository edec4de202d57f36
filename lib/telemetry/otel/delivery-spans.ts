/**
 * Spans of deliveries of this pod. Two facts about a message come in any order, from two channels of Redis:
 * it was delivered here, and a pod has published it for a request whose span is recorded (`Trace`). When both
 * are known, the span is made. Both memories are bounded: what was forgotten has no span.
 */
import { type Context, ROOT_CONTEXT, SpanKind, type Tracer } from '@opentelemetry/api';
import { BoundedMap } from '../../bounded-map.js';
import type { Room } from '../../protocol/position.js';
import { contextOf } from './trace-context.js';

export interface DeliverySpans {
  /** The broker returned a message to this pod. `ms`: the time in its id. */
  readonly received: (room: Room, id: string, ms: number) => void;
  /** A batch of the room was passed to the outboxes of its members. */
  readonly delivered: (room: Room, acceptedAt: readonly number[], members: number) => void;
  /** A pod has published these messages in a span that is recorded. */
  readonly announced: (traceparent: string, ids: readonly string[]) => void;
}

/** Of each kind. At 1,000 messages a second this is 4 s, and a `Trace` takes milliseconds. */
const MAX = 4_096;

interface Arrival {
  readonly room: Room;
  readonly id: string;
  readonly ms: number;
  readonly receivedAt: number;
}

interface Handed extends Arrival {
  readonly handedAt: number;
  readonly members: number;
}

/** `wall`: Unix ms. */
export const deliverySpans = (tracer: Tracer, wall: () => number): DeliverySpans => {
  /** By room and ms, as the events of batches have no ids. */
  const arrived = new BoundedMap<string, readonly Arrival[]>(MAX);
  const handed = new BoundedMap<string, Handed>(MAX);
  const parents = new BoundedMap<string, Context>(MAX);

  const make = ({ room, id, receivedAt, handedAt, members }: Handed, parent: Context): void => {
    const attributes = {
      'messaging.system': 'chat-api',
      'messaging.operation.type': 'process',
      'messaging.destination.name': room,
      'messaging.message.id': id,
      'chat.members': members,
    };
    tracer
      .startSpan('deliver', { kind: SpanKind.CONSUMER, startTime: receivedAt, attributes }, parent)
      .end(handedAt);
  };

  return {
    received: (room, id, ms) => {
      const key = `${room} ${ms}`;
      arrived.put(key, [...(arrived.get(key) ?? []), { room, id, ms, receivedAt: wall() }]);
    },
    delivered: (room, acceptedAt, members) => {
      const handedAt = wall();
      for (const ms of acceptedAt) {
        const key = `${room} ${ms}`;
        for (const arrival of arrived.get(key) ?? []) {
          const delivery = { ...arrival, handedAt, members };
          const parent = parents.get(arrival.id);
          if (parent === undefined) handed.put(arrival.id, delivery);
          else make(delivery, parent);
          parents.delete(arrival.id);
        }
        arrived.delete(key);
      }
    },
    announced: (traceparent, ids) => {
      const parent = contextOf(ROOT_CONTEXT, { traceparent });
      for (const id of ids) {
        const delivery = handed.get(id);
        if (delivery === undefined) parents.put(id, parent);
        else make(delivery, parent);
        handed.delete(id);
      }
    },
  };
};
