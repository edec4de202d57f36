/** The service under node's permission model, with the flags of docs/security.md: it may read itself, and nothing else. */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { permissionsIn } from './support/docs.js';
import { startProcess } from './support/pod.js';
import { startRedis } from './support/redis.js';
import { ROOT } from './support/root.js';

const chats = async (t: Test, env: Readonly<Record<string, string>>): Promise<void> => {
  const flags = permissionsIn().map((flag) => flag.replace('$PWD', ROOT));
  // the target of a linked node_modules; Node 20 aborts when a path is given twice
  const modules = join(ROOT, 'node_modules');
  const real = realpathSync(modules);
  if (real !== modules) flags.push(`--allow-fs-read=${real}/`);
  const pod = await startProcess(t, { SERVER_ID: 'pod-1', ...env }, flags);
  const [alice, bob] = [
    await pod.doors.connect('/ws/general'),
    await pod.doors.connect('/ws/general'),
  ];
  alice.send({ type: 'chat', id: 'm', data: 'hi' });
  t.match(await bob.received({ type: 'chat' }), { data: 'hi' });
  t.match(await alice.received({ data: { event: 'ack' } }), { data: { scope: undefined } });
  t.match((await pod.doors.get('/metrics')).body, 'realtime_connections_total 2');
  t.match((await pod.doors.get('/metrics')).body, 'process_resident_memory_bytes');
  pod.signal('SIGTERM');
  t.equal(await pod.ended(), 0);
  const warnings = pod
    .stderr()
    .split('\n')
    .filter((line) => line !== '' && !/ExperimentalWarning|--trace-warnings/.test(line));
  t.strictSame(warnings, [], 'nothing was denied');
};

t.test('a pod alone', (t) => chats(t, { DRAIN_MS: '500' }));

t.test('a pod over Redis', async (t) => {
  const redis = await startRedis();
  t.teardown(redis.stop);
  await chats(t, { REDIS_URL: redis.url, DRAIN_MS: '500' });
});
