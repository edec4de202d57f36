/**
 * Spans are optional (docs/tracing.md), and so are the packages of OpenTelemetry. The folder `otel/`, which
 * imports these packages, is loaded only when `OTEL_EXPORTER_OTLP_ENDPOINT` is set.
 */
import type { Tracing, TracingDeps } from './tracing.js';

type Env = Readonly<Record<string, string | undefined>>;

/** Whether the operator wants spans: the standard variables of OpenTelemetry. */
export const isTracingWanted = (env: Env): boolean =>
  (env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '').trim() !== '' &&
  env['OTEL_SDK_DISABLED']?.trim().toLowerCase() !== 'true' &&
  env['OTEL_TRACES_EXPORTER']?.trim().toLowerCase() !== 'none';

/** The optional packages, at the versions that the specs run with. */
const PACKAGES = [
  '@opentelemetry/api@1.9.1',
  '@opentelemetry/sdk-trace-node@2.12.1',
  '@opentelemetry/resources@2.12.1',
  '@opentelemetry/exporter-trace-otlp-http@0.223.1',
];

export const INSTALL = `npm install --no-save ${PACKAGES.join(' ')}`;

/** Undefined when no spans are wanted, or when they cannot be made; `warn` says why. */
export const tracingOf = async (
  env: Env,
  deps: TracingDeps,
  warn: (line: string) => void,
): Promise<Tracing | undefined> => {
  if (!isTracingWanted(env)) return undefined;
  try {
    const { openTelemetry } = await import('./otel/open-telemetry.js');
    return openTelemetry(deps);
  } catch (error) {
    const detail = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
    warn(
      isMissing(error)
        ? `tracing: no spans are made, as a package is missing; run: ${INSTALL}`
        : `tracing: no spans are made, as the packages of OpenTelemetry could not be used: ${detail}; ` +
            `for tested versions run: ${INSTALL}`,
    );
    return undefined;
  }
};

const isMissing = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND');
