/** Spans of real pods at a collector, and pods that make none. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type SentSpan, startCollector, tracedBy } from './support/collector.js';
import { accepted, JSON_TYPE, PATH } from './support/http-publishing.js';
import { asProgram } from './support/credentials.js';
import { ask, type Doors, startProcess } from './support/pod.js';
import { freePort, startRedis } from './support/redis.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const SAMPLED = { traceparent: `00-${TRACE}-${CALLER}-01` };

const publish = async (
  { port }: Doors,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const question = { port, path: PATH, method: 'POST' };
  const all = asProgram({ ...JSON_TYPE, ...headers });
  const answer = await ask({ ...question, headers: all }, JSON.stringify(body));
  return accepted(answer).id;
};

const isOf = (id: string) => (span: SentSpan) => span.attributes['messaging.message.id'] === id;

const isBy = (pod: string) => (span: SentSpan) => span.resource['service.instance.id'] === pod;

t.test('when a pod has a collector, then it gets the spans of the pod', async (t) => {
  const collector = await startCollector(t);
  const pod = await startProcess(t, { ...tracedBy(collector.url), SERVER_ID: 'pod-t' });

  const alice = await pod.doors.connect('/ws/general');
  const id = await publish(pod.doors, { room: 'general', data: 1 }, SAMPLED);
  await alice.received({ type: 'chat' });
  alice.send({ type: 'chat', room: 'general', id: 'k', data: 2 });
  const own = await alice.received({ type: 'chat', data: 2 });
  const bob = await pod.doors.connect(`/ws/general?last_id=${id}`);
  await bob.received({ type: 'chat', data: 2 });

  const handshake = await collector.span('handshake');
  t.match(handshake, {
    kind: 2,
    attributes: { 'http.response.status_code': 101, 'chat.connection_id': alice.id },
    resource: { 'service.name': 'chat-api', 'service.instance.id': 'pod-t' },
  });
  const outer = await collector.span('publish');
  t.match(outer, { traceId: TRACE, parentSpanId: CALLER, kind: 2 });
  t.match(outer.attributes, { 'http.response.status_code': 202 });
  const inner = await collector.span('broker.publish', isOf(id));
  t.match(inner, { traceId: TRACE, parentSpanId: outer.spanId, kind: 4 });
  t.match(inner.attributes, { 'messaging.destination.name': 'general', 'chat.type': 'chat' });
  const delivery = await collector.span('deliver', isOf(id));
  t.match(delivery, { traceId: TRACE, parentSpanId: outer.spanId, kind: 5 });
  t.match(delivery.attributes, { 'chat.members': 1 });
  const ofSocket = await collector.span('broker.publish', isOf(own.id));
  t.equal(ofSocket.parentSpanId, '', 'a message of a socket begins a trace');
  t.not(ofSocket.traceId, TRACE);
  const recovery = await collector.span(
    'recovery',
    ({ attributes }) => attributes['messaging.destination.name'] === 'general',
  );
  t.match(recovery.attributes, { 'chat.recovery.result': 'recovered' });
  t.ok(recovery.ms >= 0 && recovery.ms < 5_000, `${recovery.ms} ms`);
  t.equal(collector.spans().filter(isOf(own.id)).length, 1, 'no delivery of it');

  await bob.close();
  const refused = await pod.doors.get('/api/chat-api/ws/-', 'GET', {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  });
  t.equal(refused.status, 400);
  pod.signal('SIGTERM');
  t.equal(await pod.ended(), 0);
  t.ok(
    collector.spans().some(({ attributes }) => attributes['http.response.status_code'] === 400),
    'the end sends the spans that wait',
  );
});

t.test('when the caller does not record, then no span of its request is made', async (t) => {
  const collector = await startCollector(t);
  const pod = await startProcess(t, tracedBy(collector.url));
  const alice = await pod.doors.connect('/ws/general');
  await publish(
    pod.doors,
    { room: 'general', data: 1 },
    { traceparent: `00-${TRACE}-${CALLER}-00` },
  );
  await publish(pod.doors, { room: 'general', data: 2 }, { traceparent: 'nonsense' });
  await alice.received({ type: 'chat', data: 2 });
  const begun = await collector.span('publish');
  t.equal(begun.parentSpanId, '', 'an invalid one counts as none');
  pod.signal('SIGTERM');
  t.equal(await pod.ended(), 0);
  t.same(
    collector.spans().filter(({ traceId }) => traceId === TRACE),
    [],
  );
});

t.test(
  'when two pods share Redis, then the delivery on the other pod is in the trace',
  async (t) => {
    const collector = await startCollector(t);
    const redis = await startRedis({});
    t.teardown(() => redis.stop());
    const env = { ...tracedBy(collector.url), REDIS_URL: redis.url };
    const [one, two] = await Promise.all([
      startProcess(t, { ...env, SERVER_ID: 'pod-1' }),
      startProcess(t, { ...env, SERVER_ID: 'pod-2' }),
    ]);
    const client = await two.doors.connect('/ws/general');
    const body = ['general', 'general'].map((room, data) => ({ room, data }));
    await publish(one.doors, body, SAMPLED);
    const second = await client.received({ type: 'chat', data: 1 });

    const outer = await collector.span('publish');
    t.equal(outer.resource['service.instance.id'], 'pod-1');
    const delivery = await collector.span('deliver', isOf(second.id));
    t.match(delivery, { traceId: TRACE, parentSpanId: outer.spanId });
    t.equal(delivery.resource['service.instance.id'], 'pod-2');
    t.same(Object.keys(second).sort(), ['data', 'from', 'id', 'room', 'timestamp', 'type']);

    const starts = [await collector.span('broker.start', isBy('pod-1'))];
    t.match(starts, [{ attributes: { 'chat.broker.status': 'Up' } }]);
    redis.freeze();
    await client.received({ type: 'system', data: { event: 'degraded' } }, 10_000);
    redis.thaw();
    await client.received({ type: 'system', data: { event: 'restored' } }, 10_000);
    const outage = await collector.span('broker.outage');
    t.ok(outage.ms > 0, `${outage.ms} ms`);
  },
);

/** Writes the modules that a process has loaded, when it ends. */
const witness = (): { readonly flag: string; readonly modules: () => readonly string[] } => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-api-modules-'));
  const file = join(folder, 'modules.json');
  const script = join(folder, 'witness.cjs');
  writeFileSync(
    script,
    `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(file)},
       JSON.stringify(Object.keys(require('node:module')._cache))));`,
  );
  return {
    flag: `--require=${script}`,
    modules: () =>
      (JSON.parse(readFileSync(file, 'utf8')) as readonly string[]).filter((path) =>
        path.includes('@opentelemetry'),
      ),
  };
};

const foreign = (paths: readonly string[]): readonly string[] =>
  // prom-client loads this one in any case, and does not use it
  paths.filter((path) => !path.includes('@opentelemetry/api/'));

t.test('when no collector is named, then the pod loads no SDK', async (t) => {
  const { flag, modules } = witness();
  const pod = await startProcess(t, { OTEL_EXPORTER_OTLP_ENDPOINT: '' }, [flag]);
  await publish(pod.doors, { room: 'general', data: 1 }, SAMPLED);
  pod.signal('SIGTERM');
  t.equal(await pod.ended(), 0);
  t.not(modules().length, 0, 'the list is of this process');
  t.same(foreign(modules()), []);
});

t.test('when a collector is named, then the pod loads the SDK', async (t) => {
  const { flag, modules } = witness();
  const collector = await startCollector(t);
  const pod = await startProcess(t, tracedBy(collector.url), [flag]);
  pod.signal('SIGTERM');
  t.equal(await pod.ended(), 0);
  t.not(foreign(modules()).length, 0);
});

/** A process in which the packages are not installed. */
const WITHOUT = `data:text/javascript,${encodeURIComponent(`
  import { register } from 'node:module';
  register('data:text/javascript,' + encodeURIComponent(\`
    export const resolve = (name, context, next) => {
      if (!name.startsWith('@opentelemetry/')) return next(name, context);
      throw Object.assign(new Error('Cannot find package ' + name), { code: 'ERR_MODULE_NOT_FOUND' });
    };
  \`));
`)}`;

t.test('when a package is missing, then a line names the command, and the pod runs', async (t) => {
  const env = tracedBy('http://127.0.0.1:9');
  const pod = await startProcess(t, env, [`--import=${WITHOUT}`]);
  t.match(pod.stdout(), /a package is missing; run: npm install --no-save @opentelemetry\/api@/);
  await publish(pod.doors, { room: 'general', data: 1 }, SAMPLED);
  pod.signal('SIGTERM');
  t.equal(await pod.ended(), 0);
});

for (const kind of ['down', 'frozen'] as const)
  t.test(`when the collector is ${kind}, then messages pass, and the end is on time`, async (t) => {
    const url =
      kind === 'frozen'
        ? (await startCollector(t, true)).url
        : `http://127.0.0.1:${await freePort()}`;
    const pod = await startProcess(t, { ...tracedBy(url), DRAIN_MS: '3000' });
    const alice = await pod.doors.connect('/ws/general');
    for (let i = 0; i < 20; i++) await publish(pod.doors, { room: 'general', data: i }, SAMPLED);
    await alice.received({ type: 'chat', data: 19 });
    await alice.close();
    const begunAt = performance.now();
    pod.signal('SIGTERM');
    t.equal(await pod.ended(), 0);
    const ms = performance.now() - begunAt;
    t.ok(ms < 3_000, `${ms} ms`);
    t.equal(pod.stderr(), '');
  });
