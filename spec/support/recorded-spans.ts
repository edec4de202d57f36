/** A tracer that keeps its spans in memory, for specs of what makes them. */
import { SpanStatusCode, type Tracer } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register({ contextManager: null });

export const TRACE = '0af7651916cd43dd8448eb211c80319c';
export const PARENT = 'b7ad6b7169203331';
export const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;

export interface Recorded {
  readonly name: string;
  readonly trace: string;
  readonly parent: string | undefined;
  /** Unix ms. */
  readonly from: number;
  readonly until: number;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export const tracer = (): Tracer => provider.getTracer('spec');

/** The spans that ended since the last call. */
export const recorded = (): readonly Recorded[] => {
  const spans = exporter.getFinishedSpans();
  exporter.reset();
  const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1e3 + nanos / 1e6;
  return spans.map((span) => ({
    name: span.name,
    trace: span.spanContext().traceId,
    parent: span.parentSpanContext?.spanId,
    from: ms(span.startTime),
    until: ms(span.endTime),
    isError: span.status.code === SpanStatusCode.ERROR,
    attributes: span.attributes,
  }));
};
