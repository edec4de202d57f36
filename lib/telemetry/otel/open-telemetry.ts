/**
 * The SDK of OpenTelemetry, and the spans of a pod. This folder alone imports its packages, and only
 * `optional-tracing.ts` loads this folder. The SDK reads the standard variables `OTEL_*` of the process
 * itself.
 */
import { diag, DiagLogLevel } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { VERSION } from '../../version.js';
import type { Tracing, TracingDeps } from '../tracing.js';
import { deliverySpans } from './delivery-spans.js';
import { eventSpans } from './event-spans.js';
import { handshakeSpans } from './handshake-spans.js';
import { publishSpans } from './publish-spans.js';

/** A collector that is down fails every few seconds. */
const QUIET_MS = 60_000;

/** Spans go in batches (`OTEL_BSP_*`) to the collector of `OTEL_EXPORTER_OTLP_*`. */
export const openTelemetry = ({ clock, serverId, failed }: TracingDeps): Tracing => {
  let failedAt: number | undefined;
  const fail = (text: string): void => {
    const now = clock.scheduler.now();
    if (failedAt !== undefined && now - failedAt < QUIET_MS) return;
    failedAt = now;
    failed(text.slice(0, MAX_DETAIL));
  };
  diag.setLogger(
    { error: fail, warn: fail, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  // after the logger is set: the exporter warns of wrong variables
  const processor = new BatchSpanProcessor(new OTLPTraceExporter());
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(
        resourceFromAttributes({
          'service.name': 'chat-api',
          'service.version': VERSION,
          'service.instance.id': serverId,
        }),
      )
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [processor],
  });
  // no context manager: the parent of each span is passed as a value
  provider.register({ contextManager: null });
  const tracer = provider.getTracer('chat-api', VERSION);
  const wall = (): number => clock.wall();
  const deliveries = deliverySpans(tracer, wall);
  const events = eventSpans(tracer, wall, deliveries);
  return {
    ...publishSpans(tracer, clock, deliveries),
    handshakes: handshakeSpans(tracer, wall),
    fold: events.fold,
    close: async (withinMs) => {
      events.close();
      await Promise.race([
        provider.shutdown().catch((error: unknown) => fail(String(error))),
        new Promise<void>((resolve) => void clock.scheduler.schedule(() => resolve(), withinMs)),
      ]);
    },
  };
};

const MAX_DETAIL = 256;

const ignore = (): void => undefined;
