/** When spans are made. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../lib/clock.js';
import { INSTALL, isTracingWanted, tracingOf } from '../../lib/telemetry/optional-tracing.js';
import { ROOT } from '../support/root.js';

const URL = 'http://127.0.0.1:4318';

t.test(
  'when a collector is named, then spans are wanted, unless a variable denies it',
  async (t) => {
    const of = (env: Readonly<Record<string, string>>): boolean =>
      isTracingWanted({ OTEL_EXPORTER_OTLP_ENDPOINT: URL, ...env });
    t.equal(of({}), true);
    t.equal(of({ OTEL_SDK_DISABLED: 'false' }), true);
    t.equal(of({ OTEL_SDK_DISABLED: 'TRUE' }), false);
    t.equal(of({ OTEL_TRACES_EXPORTER: 'none' }), false);
    t.equal(of({ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }), false);
    t.equal(isTracingWanted({}), false);
  },
);

t.test('when no collector is named, then there is no tracing, and no line', async (t) => {
  const lines: string[] = [];
  const deps = { clock: systemClock, serverId: 'p', failed: (line: string) => lines.push(line) };
  t.equal(await tracingOf({}, deps, (line) => lines.push(line)), undefined);
  t.same(lines, []);
});

t.test('when the line names packages, then they have the versions of package.json', async (t) => {
  const text = readFileSync(join(ROOT, 'package.json'), 'utf8');
  const { devDependencies, peerDependenciesMeta } = JSON.parse(text) as {
    readonly devDependencies: Readonly<Record<string, string>>;
    readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
  };
  const packages = Object.keys(devDependencies).filter((name) =>
    name.startsWith('@opentelemetry/'),
  );
  t.same(
    INSTALL.split(' ').slice(3).sort(),
    packages.map((name) => `${name}@${devDependencies[name]}`).sort(),
  );
  t.same(
    Object.keys(peerDependenciesMeta).sort(),
    packages.sort(),
    'each is an optional dependency of the package',
  );
});
