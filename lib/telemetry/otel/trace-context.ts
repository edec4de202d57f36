/** W3C Trace Context, read and written by the library's propagator (`open-telemetry.ts` registers it). */
import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
} from '@opentelemetry/api';

/** The context of a `traceparent`. An absent or invalid one gives `base`: the span begins a trace. */
export const contextOf = (base: Context, headers: object): Context =>
  propagation.extract(base, headers, defaultTextMapGetter);

/** The `traceparent` of a context; undefined when it has no span. */
export const traceparentOf = (context: Context): string | undefined => {
  const carrier: Record<string, string> = {};
  propagation.inject(context, carrier, defaultTextMapSetter);
  return carrier['traceparent'];
};
