/**
 * Spans of publishes:
 *
 *   HTTP request `publish` ─► `broker.publish`, one a message ─► command `Trace` to all pods ─► `deliver`
 *   message of a socket ────► `broker.publish`
 *
 * Messages of type `presence` have no spans: joins, leaves, and the status that a client sends.
 */
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { type Either, isLeft } from 'fp-ts/lib/Either.js';
import { defer, firstValueFrom, type Observable, tap } from 'rxjs';
import type { Broker, PublishError, Receipt } from '../../broker/index.js';
import type { Clock } from '../../clock.js';
import type { Draft } from '../../protocol/publication.js';
import type { Tracing } from '../tracing.js';
import type { DeliverySpans } from './delivery-spans.js';
import { contextOf, traceparentOf } from './trace-context.js';

type Result = Either<PublishError, Receipt>;

export const publishSpans = (
  tracer: Tracer,
  clock: Clock,
  deliveries: DeliverySpans,
): Pick<Tracing, 'broker' | 'publishing'> => {
  /** The span is made when the answer is known, so a publish without an answer leaves none open. */
  const ended = (draft: Draft, parent: Context, startTime: number, result: Result): void => {
    const attributes: Attributes = {
      'messaging.system': 'chat-api',
      'messaging.operation.type': 'send',
      'messaging.destination.name': draft.room,
      'chat.type': draft.type,
      ...(isLeft(result)
        ? { 'error.type': result.left._tag }
        : {
            'messaging.message.id': result.right.id,
            'chat.scope': result.right.scope,
            'chat.duplicate': result.right.duplicate,
          }),
    };
    const kind = SpanKind.PRODUCER;
    const span = tracer.startSpan('broker.publish', { kind, startTime, attributes }, parent);
    if (isLeft(result)) span.setStatus({ code: SpanStatusCode.ERROR, message: result.left._tag });
    span.end(clock.wall());
  };

  const publishIn =
    (parent: Context, broker: Pick<Broker, 'publish'>, answered: (result: Result) => void) =>
    (draft: Draft): Observable<Result> => {
      if (draft.type === 'presence') return broker.publish(draft);
      return defer(() => {
        const startTime = clock.wall();
        return broker.publish(draft).pipe(
          tap((result) => {
            ended(draft, parent, startTime, result);
            answered(result);
          }),
        );
      });
    };

  return {
    broker: (broker) => ({
      ...broker,
      publish: publishIn(ROOT_CONTEXT, broker, () => undefined),
      ...(broker.publishNow === undefined
        ? {}
        : {
            publishNow: (draft) => {
              const startTime = clock.wall();
              const result = broker.publishNow?.(draft);
              if (result !== undefined && draft.type !== 'presence')
                ended(draft, ROOT_CONTEXT, startTime, result);
              return result;
            },
          }),
      channel: (room) =>
        broker.channel(room).pipe(
          tap((event) => {
            if (event._tag !== 'Published' || event.publication.type === 'presence') return;
            const { idText, id } = event.publication;
            deliveries.received(room, idText, id.ms);
          }),
        ),
      control$: broker.control$.pipe(
        tap((command) => {
          if (command._tag === 'Trace') deliveries.announced(command.traceparent, command.ids);
        }),
      ),
    }),

    publishing: (broker) => async (headers, run) => {
      const caller = contextOf(ROOT_CONTEXT, headers);
      const attributes = { 'http.request.method': 'POST' };
      const span = tracer.startSpan('publish', { kind: SpanKind.SERVER, attributes }, caller);
      const own = trace.setSpan(caller, span);
      const ids: string[] = [];
      const publish = publishIn(own, broker, (result) => {
        if (!isLeft(result) && !result.right.duplicate) ids.push(result.right.id);
      });
      try {
        const answer = await run({ publish });
        const status = isLeft(answer) ? answer.left.problem.status : 202;
        span.setAttributes({
          'http.response.status_code': status,
          'messaging.batch.message_count': ids.length,
        });
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        return answer;
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
        const traceparent = isSampled(own) ? traceparentOf(own) : undefined;
        // not awaited: the sender's answer does not wait for it
        if (traceparent !== undefined && ids.length > 0)
          void firstValueFrom(broker.sendControl({ _tag: 'Trace', traceparent, ids }), {
            defaultValue: undefined,
          });
      }
    },
  };
};

const isSampled = (context: Context): boolean =>
  ((trace.getSpanContext(context)?.traceFlags ?? TraceFlags.NONE) & TraceFlags.SAMPLED) !== 0;
