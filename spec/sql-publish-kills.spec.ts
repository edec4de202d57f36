/**
 * 10,000 transactions call `chat_publish` on 8 connections, and a third of them is rolled back. Meanwhile the
 * pod that publishes is killed, and its connection is ended by PostgreSQL.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import t from 'tap';
import { type Message } from './support/client.js';
import { type Running, runMain, startPod } from './support/pod.js';
import { startPostgres } from './support/postgres.js';
import { startRedis, until } from './support/redis.js';

t.setTimeout(300_000);

const TRANSACTIONS = 10_000;
const CONNECTIONS = 8;
const ROOMS = ['a', 'b', 'c', 'd', 'e'];

interface Sent {
  readonly room: string;
  readonly data: string;
  /** Before COMMIT was sent, and after its answer. */
  began: number;
  ended: number;
}

const server = await startPostgres();
t.teardown(() => server.stop());
const redis = await startRedis();
t.teardown(() => redis.stop());

const draw = (below: number): number => Math.floor(Math.random() * below);

/** One transaction: one to three messages, and at times a savepoint that is rolled back. */
const transaction = async (client: pg.Client, nth: number): Promise<readonly Sent[]> => {
  const isCommitted = draw(3) > 0;
  const sent: Sent[] = [];
  await client.query('BEGIN');
  for (let i = draw(3); i >= 0; i -= 1) {
    const room = ROOMS[draw(ROOMS.length)] ?? 'a';
    const data = `${nth}.${sent.length}`;
    await client.query('SELECT chat_api.chat_publish($1, $2)', [room, JSON.stringify(data)]);
    sent.push({ room, data, began: 0, ended: 0 });
  }
  if (draw(10) === 0)
    await client.query(
      `SAVEPOINT s; SELECT chat_api.chat_publish('e', '"rolled back"'); ROLLBACK TO s`,
    );
  const began = performance.now();
  await client.query(isCommitted ? 'COMMIT' : 'ROLLBACK');
  const ended = performance.now();
  return isCommitted ? sent.map((message) => ({ ...message, began, ended })) : [];
};

const transactions = async (begin: number, count: number): Promise<readonly Sent[]> => {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const sent: Sent[] = [];
  for (let i = 0; i < count; i += 1) sent.push(...(await transaction(client, begin + i)));
  await client.end();
  return sent;
};

/** A message that came later in the room was not committed before an earlier one began to commit. */
const isInCommitOrder = (sent: readonly Sent[]): boolean => {
  let latest = 0;
  return sent.every(({ began, ended }) => {
    if (ended < latest) return false;
    latest = Math.max(latest, began);
    return true;
  });
};

t.test(
  'when the reader is killed, then what was committed is published, once, in order',
  async (t) => {
    const env = { REDIS_URL: redis.url, DATABASE_URL: server.url, LOG_LEVEL: 'info' };
    const runPod = (serverId: string): Promise<Running> =>
      runMain(t, { ...env, SERVER_ID: serverId });
    const first = await runPod('first');
    await until('it is the owner', () => first.stdout().includes('chat_publish: this pod'), 30_000);
    const witness = await startPod(t, {
      server: { serverId: 'witness' },
      broker: { redisUrl: redis.url },
      log: { databaseUrl: server.url },
      limits: { sendBufferMessages: 30_000 },
    });
    const member = await witness.connect('/ws/a');
    for (const room of ROOMS.slice(1)) member.send({ type: 'join', room });

    const kills = async (): Promise<string> => {
      await sleep(500 + draw(1_500));
      first.signal('SIGKILL');
      const second = await runPod('second');
      await second.port();
      await until(
        'the witness is the owner',
        async () => (await witness.metric('realtime_sql_outbox_owner')) === 1,
        30_000,
      );
      await sleep(draw(1_000));
      await server.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chat-api archive, outbox'`,
      );
      await sleep(1_000 + draw(1_000));
      second.signal('SIGKILL');
      return 'killed twice, cut once';
    };
    const began = performance.now();
    const [report, ...some] = await Promise.all([
      kills(),
      ...Array.from({ length: CONNECTIONS }, (_, i) =>
        transactions((i * TRANSACTIONS) / CONNECTIONS, TRANSACTIONS / CONNECTIONS),
      ),
    ]);
    t.comment(`${report}, ${Math.round(performance.now() - began)} ms`);
    const sent = some.flat();
    await until(
      'the outbox is empty',
      async () => {
        const [row] = await server.query('SELECT count(*) AS n FROM chat_api.outbox');
        return row?.['n'] === '0';
      },
      60_000,
    );
    await member.caughtUp();
    const committed = new Map(sent.map((message) => [message.data, message]));
    for (const room of ROOMS) {
      const rows = await server.query(
        'SELECT data FROM chat_api.messages WHERE room = $1 ORDER BY id',
        [room],
      );
      const stored = rows.map(({ data }) => String(JSON.parse(String(data))));
      const expected = sent.filter((message) => message.room === room).map(({ data }) => data);
      t.equal(stored.length, expected.length, `${room}: as many as were committed`);
      t.same(new Set(stored), new Set(expected), `${room}: each once`);
      const published = stored.flatMap((data) => committed.get(data) ?? []);
      t.ok(isInCommitOrder(published), `${room}: in the order of commits`);
      const received = member
        .all({ type: 'notification', room })
        .map(({ data }: Message) => String(data));
      t.same(received, stored, `${room}: a member got the same`);
    }
    const [left] = await server.query('SELECT count(*) AS n FROM chat_api.rejected');
    t.equal(left?.['n'], '0');
  },
);
