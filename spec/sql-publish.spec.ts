/** `chat_publish` in transactions of an application, and pods on a real PostgreSQL that publish. */
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Message } from './support/client.js';
import { type Hooks, reject } from '../lib/index.js';
import { type Pod, startPod } from './support/pod.js';
import { startPostgres } from './support/postgres.js';
import { startRedis, until } from './support/redis.js';
import { application, newDatabase } from './support/sql-outbox.js';

t.setTimeout(180_000);

const server = await startPostgres();
t.teardown(() => server.stop());

const podOn = (
  t: Test,
  databaseUrl: string,
  { redisUrl = '', serverId = 'pod-1' } = {},
  options: Parameters<typeof startPod>[2] = {},
): Promise<Pod> =>
  startPod(t, { server: { serverId }, broker: { redisUrl }, log: { databaseUrl } }, options);

const isOwner = async (pod: Pod): Promise<boolean> =>
  (await pod.metric('realtime_sql_outbox_owner')) === 1;

const owned = (pods: readonly Pod[]): Promise<void> =>
  until('one pod is the owner', async () => {
    const owners = await Promise.all(pods.map(isOwner));
    return owners.filter(Boolean).length === 1;
  });

const dataOf = ({ data }: Message): unknown => data;

t.test('when a transaction is committed, then members get its messages', async (t) => {
  const url = await newDatabase(server, 'committed');
  const pod = await podOn(t, url);
  await owned([pod]);
  const [member, other] = [await pod.connect('/ws/r'), await pod.connect('/ws/other')];
  const app = await application(t, url);
  await app.query('BEGIN');
  await app.query(`SELECT chat_api.chat_publish('r', '{"n": 1}')`);
  await app.query('SELECT chat_api.chat_publish($1, $2)', ['r', { n: 2 }]);
  await app.query(`SELECT chat_api.chat_publish('r', '{"n":3}'::jsonb, 'chat', 'alice')`);
  await app.query(`SELECT chat_api.chat_publish(NULL, '{"n":4}'::json)`);
  await sleep(200);
  t.same(member.all({ type: 'notification' }), [], 'nothing before the commit');
  await app.query('COMMIT');
  const third = await member.received({ type: 'chat', data: { n: 3 } });
  t.match(third, { room: 'r', from: 'alice' });
  t.same(member.all({ type: 'notification', room: 'r' }).map(dataOf), [{ n: 1 }, { n: 2 }]);
  const all = await other.received({ type: 'notification', data: { n: 4 } });
  t.match(all, { from: 'server' });
  t.notOk('room' in all);
  await app.query(`BEGIN; SELECT chat_api.chat_publish('r', '{"n":5}'); ROLLBACK`);
  await app.query(`SELECT chat_api.chat_publish('r', '{"n":6}')`);
  await member.received({ data: { n: 6 } });
  t.same(member.all({ data: { n: 5 } }), [], 'a transaction that was rolled back');
  await emptied(url);
});

t.test('when the reader sleeps, then a message comes within 100 ms of the commit', async (t) => {
  const url = await newDatabase(server, 'quick');
  const pod = await podOn(t, url);
  await owned([pod]);
  const member = await pod.connect('/ws/r');
  const app = await application(t, url);
  const taken: number[] = [];
  for (let n = 1; n <= 20; n += 1) {
    await sleep(40);
    const at = performance.now();
    await app.query('SELECT chat_api.chat_publish($1, $2)', ['r', { n }]);
    await member.received({ data: { n } });
    taken.push(performance.now() - at);
  }
  const sorted = taken.toSorted((a, b) => a - b);
  t.comment(sorted.map(Math.round).join(' '));
  t.ok((sorted[10] ?? 0) < 100, `median ${sorted[10]} ms`);
  t.ok((sorted[17] ?? 0) < 500, 'not by the poll of each second');
});

const emptied = (url: string): Promise<void> =>
  until('the outbox is empty', async () => {
    const [row] = await server.query('SELECT count(*) AS n FROM chat_api.outbox', [], url);
    return row?.['n'] === '0';
  });

t.test('when the owner stops, then another pod publishes what comes next', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const url = await newDatabase(server, 'handed_over');
  const on = (serverId: string): Promise<Pod> => podOn(t, url, { redisUrl: redis.url, serverId });
  const pods = [await on('pod-1'), await on('pod-2')];
  await owned(pods);
  const isFirst = await isOwner(pods[0] as Pod);
  const [owner, other] = (isFirst ? pods : pods.toReversed()) as [Pod, Pod];
  t.notOk(await isOwner(other));
  const member = await other.connect('/ws/r');
  const app = await application(t, url);
  await app.query(`SELECT chat_api.chat_publish('r', '1')`);
  await member.received({ data: 1 });
  await owner.app.stop();
  await app.query(`SELECT chat_api.chat_publish('r', '2')`);
  await member.received({ data: 2 });
  t.ok(await isOwner(other));
  t.same(member.all({ type: 'notification' }).map(dataOf), [1, 2]);
});

t.test('when a message can never be published, then it is set aside and reported', async (t) => {
  const url = await newDatabase(server, 'set_aside');
  const pod = await podOn(t, url);
  await owned([pod]);
  const member = await pod.connect('/ws/r');
  const app = await application(t, url);
  await app.query(
    `SELECT chat_api.chat_publish('r', data) FROM unnest(ARRAY['1', '9007199254740993', '2']) AS data`,
  );
  await member.received({ data: 2 });
  t.same(member.all({ type: 'notification' }).map(dataOf), [1, 2]);
  await emptied(url);
  const rejected = await server.query('SELECT room, reason FROM chat_api.rejected', [], url);
  t.match(rejected, [{ room: 'r', reason: /^data: a number is/ }]);
  t.match(
    pod.events.find(({ _tag }) => _tag === 'SqlRejected'),
    { detail: /^data: a number is/ },
  );
  t.equal(await pod.metric('realtime_sql_outbox_rejected'), 1);
  t.equal(await pod.metric('realtime_sql_outbox_published'), 2);
});

t.test('when a hook fails in one room, then that room waits and the others go on', async (t) => {
  const url = await newDatabase(server, 'hooked');
  const state = { isBroken: true };
  const onMessage: Hooks['onMessage'] = ({ room, data }) => {
    if (data === 'rude') return reject('be kind');
    if (room === 'bad' && state.isBroken) throw new Error('broken');
    return data === 'dropped' ? null : { room, data };
  };
  const pod = await podOn(t, url, {}, { hooks: { onMessage } });
  await owned([pod]);
  const [bad, good] = [await pod.connect('/ws/bad'), await pod.connect('/ws/good')];
  const app = await application(t, url);
  const chat = (room: string, data: unknown): Promise<unknown> =>
    app.query(`SELECT chat_api.chat_publish($1, $2, 'chat', 'alice')`, [
      room,
      JSON.stringify(data),
    ]);
  await app.query('BEGIN');
  await chat('bad', 1);
  await chat('bad', 2);
  for (const data of ['rude', 'dropped', 3]) await chat('good', data);
  await app.query('COMMIT');
  await good.received({ data: 3 });
  t.same(good.all({ type: 'chat' }).map(dataOf), [3]);
  t.same(bad.all({ type: 'chat' }), []);
  state.isBroken = false;
  await bad.received({ data: 2 });
  t.same(bad.all({ type: 'chat' }).map(dataOf), [1, 2]);
  await emptied(url);
  const rejected = await server.query('SELECT reason FROM chat_api.rejected', [], url);
  t.same(rejected, [{ reason: 'be kind' }]);
});

t.test('when Redis is down, then messages wait until all pods can get them', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const url = await newDatabase(server, 'without_redis');
  const on = (serverId: string): Promise<Pod> => podOn(t, url, { redisUrl: redis.url, serverId });
  const pods = [await on('pod-1'), await on('pod-2')];
  await owned(pods);
  const members = await Promise.all(pods.map((pod) => pod.connect('/ws/r')));
  const app = await application(t, url);
  await redis.kill();
  for (const n of [1, 2, 3]) await app.query('SELECT chat_api.chat_publish($1, $2)', ['r', n]);
  await Promise.all(members.map((member) => member.received({ data: { event: 'degraded' } })));
  await sleep(1_000);
  for (const member of members) t.same(member.all({ type: 'notification' }), []);
  await redis.restart();
  for (const member of members) {
    await member.received({ data: 3 }, 20_000);
    t.same(member.all({ type: 'notification' }).map(dataOf), [1, 2, 3]);
  }
});
