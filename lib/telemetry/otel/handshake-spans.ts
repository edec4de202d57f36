/** The span of a handshake: from the request to the 101 or the refusal. `traceparent` is its parent. */
import {
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from '@opentelemetry/api';
import type { IncomingMessage } from 'node:http';
import type { HandshakeTrace } from '../../connection/handshake-trace.js';
import { contextOf } from './trace-context.js';

interface Begun {
  readonly at: number;
  readonly caller: Context;
}

/** `wall`: Unix ms. */
export const handshakeSpans = (tracer: Tracer, wall: () => number): HandshakeTrace => {
  /** Weak: a client that goes before its answer leaves nothing. */
  const open = new WeakMap<IncomingMessage, Begun>();
  return {
    begun: (request) => {
      open.set(request, { at: wall(), caller: contextOf(ROOT_CONTEXT, request.headers) });
    },
    ended: (request, status, connection) => {
      const now = wall();
      // a request that was refused before the checks, as the pod drains
      const { at, caller } = open.get(request) ?? { at: now, caller: ROOT_CONTEXT };
      open.delete(request);
      const attributes = {
        'http.request.method': 'GET',
        'http.response.status_code': status,
        ...(connection === undefined ? {} : { 'chat.connection_id': connection }),
      };
      const span = tracer.startSpan(
        'handshake',
        { kind: SpanKind.SERVER, startTime: at, attributes },
        caller,
      );
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(now);
    },
  };
};
