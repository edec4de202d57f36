/**
 * What makes the spans of a pod (docs/tracing.md), as the rest of the service sees it. Without spans there is
 * no `Tracing` (`optional-tracing.ts`), and nothing of this is called.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { IncomingHttpHeaders } from 'node:http';
import type { Broker } from '../broker/index.js';
import type { Clock } from '../clock.js';
import type { HandshakeTrace } from '../connection/handshake-trace.js';
import type { HubEvent } from '../hub-event.js';
import type { Problem } from '../protocol/problem.js';

/** The answer to an HTTP publish. */
export type Answer = Either<{ readonly problem: Problem }, unknown>;

/** Makes the spans of one pod. */
export interface Tracing {
  /** The same broker, with a span for each publish. */
  readonly broker: (broker: Broker) => Broker;
  /** For HTTP publishes to this broker, which has no spans yet. */
  readonly publishing: (broker: PublishBroker) => InPublishSpan;
  readonly handshakes: HandshakeTrace;
  readonly fold: (event: HubEvent) => void;
  /** Sends the spans that wait. Resolves at the latest after this time. */
  readonly close: (withinMs: number) => Promise<void>;
}

/**
 * Runs an HTTP publish in a span, whose parent is the `traceparent` of the headers. `run` gets a broker whose
 * spans are children of that span.
 */
export type InPublishSpan = <A extends Answer>(
  headers: IncomingHttpHeaders,
  run: (broker: Pick<Broker, 'publish'>) => Promise<A>,
) => Promise<A>;

export type PublishBroker = Pick<Broker, 'publish' | 'sendControl'>;

export interface TracingDeps {
  readonly clock: Clock;
  readonly serverId: string;
  /** OpenTelemetry reported a problem: spans were not sent, or a variable is wrong. */
  readonly failed: (detail: string) => void;
}
