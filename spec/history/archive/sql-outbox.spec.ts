/** Sessions of the SQL outbox on a real PostgreSQL. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom, type Subscription, timeout } from 'rxjs';
import t, { type Test } from 'tap';
import { systemClock } from '../../../lib/clock.js';
import { connections } from '../../../lib/history/archive/connection.js';
import { migrate } from '../../../lib/history/archive/schema.js';
import { sqlOutbox } from '../../../lib/history/archive/sql-outbox.js';
import type {
  SqlOutbox,
  SqlRow,
  SqlSession,
} from '../../../lib/history/archive/sql-outbox-port.js';
import { startPostgres } from '../../support/postgres.js';
import { until } from '../../support/redis.js';
import { application, migrated, newDatabase } from '../../support/sql-outbox.js';

t.setTimeout(100_000);
const server = await startPostgres();
t.teardown(server.stop);

const open = (t: Test, url: string): SqlOutbox => {
  const outbox = sqlOutbox({ url, timeoutMs: 5_000, clock: systemClock });
  t.teardown(() => outbox.close());
  return outbox;
};

/** A pod that wants to be the owner. */
const pod = (t: Test, url: string) => {
  const state: { session?: SqlSession; failure?: unknown } = {};
  const running: Subscription = open(t, url).session$.subscribe({
    next: (session) => (state.session = session),
    error: (error: unknown) => {
      state.failure = error;
      delete state.session;
    },
  });
  t.teardown(() => running.unsubscribe());
  return { state, leave: () => running.unsubscribe() };
};

const numbers = (rows: readonly SqlRow[]): readonly unknown[] =>
  rows.map(({ json }) => JSON.parse(json) as unknown);

const ended = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE application_name = 'chat-api archive, outbox' AND datname = current_database()`;

t.test(
  'when two pods want the outbox, then one has it, until it leaves or is cut off',
  async (t) => {
    const url = await migrated(server, 'owners');
    const pods = [pod(t, url), pod(t, url)];
    const owners = () => pods.filter(({ state }) => state.session !== undefined);
    await until('one is the owner', () => owners().length > 0);
    await sleep(2_500);
    t.equal(owners().length, 1);
    const [first] = owners();
    t.ok(first?.state.session?.isOwner());
    first?.leave();
    delete first?.state.session;
    await until('the other one is the owner', () => owners().length === 1);
    t.not(owners()[0], first);
    const third = pod(t, url);
    await sleep(1_200);
    await server.query(ended, [], url);
    await until('each has noticed', () =>
      [...owners(), third].every(({ state }) => state.failure !== undefined),
    );
    t.match(third.state.failure, { kind: 'Broken' });
  },
);

t.test('when a pod stands still, then PostgreSQL ends its session after 10 s', async (t) => {
  const url = await migrated(server, 'idle');
  const first = pod(t, url);
  await until('it is the owner', () => first.state.session !== undefined);
  const second = pod(t, url);
  await sleep(8_200);
  t.equal(first.state.session?.isOwner(), false, 'it publishes no more');
  t.equal(second.state.session, undefined, 'and no other pod does');
  await until('another pod is the owner', () => second.state.session !== undefined, 10_000);
  t.not(first.state.failure, undefined);
});

/** The way of a pod to PostgreSQL. After `freeze` the pod reads no more, and its sockets stay open. */
const way = async (t: Test, port: number) => {
  const sockets: Socket[] = [];
  const down: Socket[] = [];
  const door = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    sockets.push(near, far);
    down.push(far);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far, { end: false });
    far.pipe(near, { end: false });
  }).listen(0, '127.0.0.1');
  await once(door, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    door.close();
  });
  const { port: own } = door.address() as AddressInfo;
  const freeze = (): void => {
    for (const socket of down) socket.unpipe().pause();
  };
  return { freeze, through: (url: string) => url.replace(`:${port}/`, `:${own}/`) };
};

t.test('when a pod stands still while it is sent rows, then its session ends too', async (t) => {
  const url = await migrated(server, 'unread');
  const { freeze, through } = await way(t, server.port);
  const first = pod(t, through(url));
  await until('it is the owner', () => first.state.session !== undefined);
  // more than the kernel keeps for the pod
  await server.query(
    `INSERT INTO chat_api.outbox (room, type, sender, data)
      VALUES ('r', 'chat', 'server', repeat('x', 60000000))`,
    [],
    url,
  );
  const second = pod(t, url);
  freeze();
  const read = first.state.session?.read([], 500).catch(() => undefined);
  await until('another pod is the owner', () => second.state.session !== undefined, 20_000);
  await read;
});

t.test('when rows are deleted by hand, then the others are read', async (t) => {
  const url = await migrated(server, 'deleted');
  const app = await application(t, url);
  await app.query(`SELECT chat_api.chat_publish('r', n::text) FROM generate_series(1, 30) AS n`);
  await server.query(`DELETE FROM chat_api.outbox WHERE data::int < 30`, [], url);
  const { state } = pod(t, url);
  await until('it is the owner', () => state.session !== undefined);
  t.same(numbers((await state.session?.read([], 10)) ?? []), [30]);
  const left = await server.query('SELECT nth FROM chat_api.outbox_commits', [], url);
  t.equal(left.length, 1);
});

t.test('when there is no table yet, then the session waits for the migration', async (t) => {
  const url = await newDatabase(server, 'late');
  const waiting = firstValueFrom(open(t, url).session$.pipe(timeout(20_000)));
  await sleep(500);
  const sessions = connections({ url, timeoutMs: 5_000 }, 'spec', 1);
  t.equal(await migrate(sessions, 'chat_api'), undefined);
  await sessions.close();
  t.equal((await waiting).doubtfulTo, 0);
});

t.test('when nobody listens on the port, then the session fails', async (t) => {
  const failed = pod(t, 'postgres://postgres@127.0.0.1:1/postgres');
  await until('it has failed', () => failed.state.failure !== undefined);
  t.match(failed.state.failure, { kind: 'Broken', detail: /ECONNREFUSED/ });
});

t.test(
  'when rows are read, then they are in the order of commits, and leave when they are settled',
  async (t) => {
    const url = await migrated(server, 'rows');
    const app = await application(t, url);
    const publish = (room: string, data: string): Promise<unknown> =>
      app.query('SELECT chat_api.chat_publish($1, $2)', [room, data]);
    await publish('r', '1');
    await publish('s', '2');
    await app.query('BEGIN');
    await publish('r', '3');
    await publish('r', '4');
    await app.query('COMMIT');
    const { state } = pod(t, url);
    await until('it is the owner', () => state.session !== undefined);
    const { session } = state;
    if (session === undefined) throw new Error('expected a session');
    t.equal(session.doubtfulTo, 4);
    const all = await session.read([], 10);
    t.same(numbers(all), [1, 2, 3, 4]);
    t.match(all[0], { room: 'r', type: 'notification', from: 'server', key: /^[0-9a-f-]{36}$/ });
    t.ok(Math.abs((all[0]?.at ?? 0) - Date.now()) < 60_000);
    t.same(numbers(await session.read(['r'], 10)), [2]);
    t.same(numbers(await session.read([], 2)), [1, 2]);
    const nths = all.map(({ nth }) => nth);
    await session.remove({
      published: nths.slice(0, 2),
      rejected: [{ nth: nths[2] ?? 0, reason: 'bad \u0000 \ud800' }],
    });
    t.same(numbers(await session.read([], 10)), [4]);
    const [row] = await server.query(
      `SELECT room, convert_from(payload, 'UTF8') AS payload, reason FROM chat_api.rejected`,
      [],
      url,
    );
    t.same(row, {
      room: 'r',
      payload: '{"type" : "notification", "room" : "r", "from" : "server", "data" : 3}',
      reason: 'bad  \ufffd',
    });
    await session.remove({ published: nths, rejected: [] });
    t.same(await server.query('SELECT * FROM chat_api.outbox', [], url), []);
    for (let i = 0; i < 40; i += 1) await publish('r', `"${'x'.repeat(130_000)}"`);
    t.equal((await session.read([], 500)).length, 33, 'about 4 MiB');
  },
);

t.test('when the session sleeps, then commits notify', async (t) => {
  const url = await migrated(server, 'sleeps');
  const app = await application(t, url);
  const { state } = pod(t, url);
  await until('it is the owner', () => state.session !== undefined);
  const { session } = state;
  if (session === undefined) throw new Error('expected a session');
  let notified = 0;
  session.notified$.subscribe(() => (notified += 1));
  const publish = (): Promise<unknown> => app.query(`SELECT chat_api.chat_publish('r', '1')`);
  await publish();
  await session.ping();
  t.equal(notified, 0);
  t.ok(await session.sleep());
  await publish();
  await session.ping();
  t.equal(notified, 1);
  await session.wake();
  await publish();
  await session.ping();
  t.equal(notified, 1);
});
