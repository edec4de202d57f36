/**
 * Each file of `lib/` with behaviour has a spec of the same path, and no file of `spec/` is over 400 lines.
 * The files without a spec of their own are listed below: `TABLES` are types, texts or values only;
 * `ELSEWHERE` names the spec that tests the file.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ROOT } from './support/root.js';

const MAX_LINES = 400;

/** Types, tables of values, and lists of what other files export. */
const TABLES: ReadonlySet<string> = new Set([
  'auth/index.ts',
  'broker/index.ts',
  'broker/cluster/channel-events.ts',
  'broker/cluster/cluster-broker-deps.ts',
  'broker/exchange/link.ts',
  'broker/sql-outbox/sql-outbox-event.ts',
  'broker/redis/port.ts',
  'client/index.ts',
  'client/options.ts',
  'client/platform-clock.ts',
  'client/rx.ts',
  'config/schema.ts',
  'config/setting.ts',
  'config/settings/auth.ts',
  'config/settings/broker.ts',
  'config/settings/history.ts',
  'config/settings/limits.ts',
  'config/settings/presence.ts',
  'config/settings/server.ts',
  'connection/connection.ts',
  'connection/handshake-trace.ts',
  'connection/refusals.ts',
  'connection/state.ts',
  'documents/event-codecs.ts',
  'documents/frame.ts',
  'documents/openapi-types.ts',
  'documents/operation.ts',
  'documents/page-style.ts',
  'history/archive/port.ts',
  'history/archive/sql-outbox-port.ts',
  'history/index.ts',
  'http/document-operations.ts',
  'http/endpoint.ts',
  'http/pod-operations.ts',
  'http/room-operations.ts',
  'http/socket-operations.ts',
  'hub-event.ts',
  'room/member-state.ts',
  'telemetry/tracing.ts',
  'testing/index.ts',
  'testing/scripted-server.ts',
  'version.ts',
  'workers/frames.ts',
]);

/** What is gone through by the spec of something larger, and why not by one of its own. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  // pure steps of one machine and what runs them: what an application sees of them
  'client/chat.ts': 'client/client.spec.ts',
  'client/connections.ts': 'client/connection.spec.ts',
  'client/outbox.ts': 'client/publish.spec.ts',
  'client/received.ts': 'client/rooms.spec.ts',
  'client/room.ts': 'client/rooms.spec.ts',
  'client/runner.ts': 'client/connection.spec.ts',
  'client/sharing.ts': 'client/share/share.spec.ts',
  'client/state.ts': 'client/client.spec.ts',
  'client/step.ts': 'client/promise.property.spec.ts',
  'client/token-requests.ts': 'client/token.spec.ts',
  'client/web-socket-class.ts': 'client/web-socket.spec.ts',
  // the two machines of tabs that share a socket: what their applications see
  'client/share/browser.ts': 'client/share/share.spec.ts',
  'client/share/client-socket.ts': 'client/share/share.spec.ts',
  'client/share/from-client.ts': 'client/share/share.spec.ts',
  'client/share/from-server.ts': 'client/share/share.spec.ts',
  'client/share/leader.ts': 'client/share/share.spec.ts',
  'client/share/leader-runner.ts': 'client/share/share.spec.ts',
  'client/share/leader-state.ts': 'client/share/share.spec.ts',
  'client/share/messages.ts': 'client/share/share.spec.ts',
  'client/share/tab-state.ts': 'client/share/share.spec.ts',
  'client/share/tend.ts': 'client/share/share.spec.ts',
  'client/share/to-tabs.ts': 'client/share/share.spec.ts',
  'client/share/upstream.ts': 'client/share/share.spec.ts',
  'testing/history.ts': 'testing/server.spec.ts',
  'testing/room-log.ts': 'testing/server.spec.ts',
  'testing/server-socket.ts': 'testing/server.spec.ts',
  // only a Redis can show whether a script is right
  'broker/redis/lua/publish.ts': 'broker/redis/client.spec.ts',
  'broker/redis/lua/log.ts': 'history/redis.spec.ts',
  'broker/redis/lua/scripts.ts': 'broker/redis/client.spec.ts',
  // codecs of frames: what is written is read again
  'broker/exchange/frames.ts': 'broker/exchange/frame-codec.spec.ts',
  // what programs publish passes it
  'moderated-publish.ts': 'program-publish.spec.ts',
  // steps of one machine and what runs them
  'broker/sql-outbox/reader.ts': 'broker/sql-outbox/sql-publisher.spec.ts',
  'broker/sql-outbox/reader-state.ts': 'broker/sql-outbox/reader-step.spec.ts',
  'telemetry/sql-outbox-lines.ts': 'telemetry/event-log.spec.ts',
  // only a PostgreSQL can show whether a statement is right, and what a connection does
  'history/archive/connection.ts': 'history/archive/outage.spec.ts',
  'history/archive/schema.ts': 'history/archive/partitions.spec.ts',
  'history/archive/statements.ts': 'history/archive/postgres.spec.ts',
  // only a server and a socket can show whether an answer arrives
  'connection/accept.ts': 'limits.spec.ts',
  'http/own-server.ts': 'http/server.spec.ts',
  // the commands as people run them
  'auth/development-token.ts': 'cli/cli.spec.ts',
  'cli/check.ts': 'cli/cli.spec.ts',
  'cli/index.ts': 'cli/cli.spec.ts',
  'cli/redis-check.ts': 'cli/redis.spec.ts',
  'cli/terminal.ts': 'cli/cli.spec.ts',
  'cli/token.ts': 'cli/cli.spec.ts',
  // only a collector can show what is sent
  'telemetry/otel/handshake-spans.ts': 'tracing.spec.ts',
  'telemetry/otel/open-telemetry.ts': 'tracing.spec.ts',
  'telemetry/otel/trace-context.ts': 'tracing.spec.ts',
  'telemetry/process-log.ts': 'process.spec.ts',
  // the parts of a pod together: what an embedding program or an operator does
  'composition.ts': 'app.spec.ts',
  'daemon.ts': 'process.spec.ts',
  'main.ts': 'process.spec.ts',
  // only processes can show how they are started, and what they leave
  'workers/fleet-log.ts': 'workers.spec.ts',
  'workers/forked-worker.ts': 'workers/fleet.spec.ts',
  'workers/forking.ts': 'workers.spec.ts',
  'workers/free-port.ts': 'workers.spec.ts',
  'workers/worker.ts': 'workers.spec.ts',
  'telemetry/fleet-metrics.ts': 'telemetry/whole-metrics.spec.ts',
  'telemetry/whole-stats.ts': 'workers/whole.spec.ts',
};

const filesIn = (folder: string, ending: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending) && !name.endsWith('.d.ts'))
    .sort();

const twinOf = (file: string): string => file.replace(/\.ts$/, '.spec.ts');
const hasSpec = (spec: string): boolean => existsSync(join(ROOT, 'spec', spec));
const LIB = filesIn('lib', '.ts');

t.test('when a file of lib has behaviour, then it has a spec of the same path', async (t) => {
  const without = LIB.filter((file) => !hasSpec(twinOf(file)));
  t.strictSame(
    without.filter((file) => !TABLES.has(file) && !Object.hasOwn(ELSEWHERE, file)),
    [],
    'write the spec, or say in this file why there is none',
  );
});

t.test('when a file is listed as an exception, then it still is one', async (t) => {
  for (const file of [...TABLES, ...Object.keys(ELSEWHERE)]) {
    t.ok(LIB.includes(file), `${file} is there`);
    t.notOk(hasSpec(twinOf(file)), `${file} has no spec of its own`);
  }
  for (const [file, spec] of Object.entries(ELSEWHERE)) t.ok(hasSpec(spec), `${file}: ${spec}`);
});

t.test('when a spec exists, then it has at most 400 lines', async (t) => {
  const long = filesIn('spec', '.ts').filter(
    (file) => readFileSync(join(ROOT, 'spec', file), 'utf8').split('\n').length > MAX_LINES + 1,
  );
  t.strictSame(long, []);
});
