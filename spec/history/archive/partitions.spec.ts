import pg from 'pg';
import t from 'tap';
import { connections } from '../../../lib/history/archive/connection.js';
import {
  create,
  createdAhead,
  DAY_MS,
  dayIn,
  dayOf,
  drop,
  dropExpired,
  firstIdOf,
} from '../../../lib/history/archive/partitions.js';
import { migrate } from '../../../lib/history/archive/schema.js';
import { NOON, published } from '../../support/archive.js';
import { startPostgres } from '../../support/postgres.js';

t.test(
  'when ids are of a millisecond or later, then they are not before its first id',
  async (t) => {
    t.equal(firstIdOf(0), '00000000-0000-0000-0000-000000000000');
    const idAt = (ms: number): string => published('r', { tag: 1, offset: 1, ms }).idText;
    t.ok(idAt(NOON) > firstIdOf(NOON) && idAt(NOON - 1) < firstIdOf(NOON));
    t.equal(firstIdOf(-1), firstIdOf(0));
    t.equal(firstIdOf(1e300), firstIdOf(2 ** 48 - 1));
  },
);

t.test('when a table has the name of a partition, then its day is known', async (t) => {
  t.equal(dayIn('messages_p20260115'), dayOf(NOON));
  t.equal(dayIn('messages_p0108890802'), dayOf(Date.UTC(10_889, 7, 2)));
  t.equal(dayIn('messages_position'), undefined);
});

t.test('in PostgreSQL', async (t) => {
  const TODAY = dayOf(Date.now());
  const today = TODAY * DAY_MS + DAY_MS / 2;
  const nameOf = (ahead: number): string =>
    `messages_p${new Date(today + ahead * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')}`;
  const server = await startPostgres();
  t.teardown(server.stop);
  const made = connections({ url: server.url, timeoutMs: 10_000 }, 'spec', 1);
  const failures = await Promise.all(Array.from({ length: 5 }, () => migrate(made, 'archive')));
  await made.close();
  t.strictSame(
    failures,
    Array.from({ length: 5 }, () => undefined),
    'pods that start together',
  );
  const open = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    t.teardown(() => client.end());
    return client;
  };
  const [a, b] = [await open(), await open()];
  const partitions = async (): Promise<readonly string[]> =>
    (
      await a.query<{ relname: string }>(
        `SELECT relname FROM pg_class WHERE relname ~ '^messages_p[0-9]+$' AND relkind = 'r' ORDER BY 1`,
      )
    ).rows.map(({ relname }) => relname);

  await t.test('when it is migrated, then today and two days more have a partition', async (t) => {
    t.strictSame(await partitions(), [nameOf(0), nameOf(1), nameOf(2)]);
    const rows = await server.query('SELECT name FROM archive.migrations');
    t.strictSame(
      rows,
      [{ name: '0001_messages' }, { name: '0002_sql_publish' }],
      'each migration once',
    );
  });

  await t.test('when pods make the same partitions at once, then each is made once', async (t) => {
    const days = [5, 6, 7].map((ahead) => TODAY + ahead);
    await Promise.all([create(a, 'archive', days), create(b, 'archive', days.toReversed())]);
    await create(a, 'archive', [TODAY + 3]);
    await createdAhead(a, 'archive');
    t.equal((await partitions()).length, 7);
  });

  await t.test('when a pod died while it removed a day, then the next one ends it', async (t) => {
    await a.query(`ALTER TABLE archive.messages DETACH PARTITION archive.${nameOf(1)}`);
    // a reader makes the pod wait in the middle, and an operator cancels it
    await b.query('BEGIN; SELECT count(*) FROM archive.messages');
    const removed = t.rejects(drop(a, 'archive', today + DAY_MS / 2), { code: '57014' });
    let pending = 0;
    while (pending === 0)
      pending = (
        await server.query(
          `SELECT pg_cancel_backend(pid) FROM pg_stat_activity, pg_inherits WHERE query LIKE '%DETACH%CONCURRENTLY' AND inhdetachpending`,
        )
      ).length;
    await removed;
    t.equal((await partitions()).length, 7);
    await b.query('COMMIT');
    t.equal(await drop(b, 'archive', today + 1.5 * DAY_MS), 2);
    t.equal((await partitions())[0], nameOf(2));
  });

  await t.test('when a pod removes days, then another one leaves it to that pod', async (t) => {
    await a.query(`SELECT pg_advisory_lock(7163384647529591148)`);
    t.equal(await drop(b, 'archive', today + 9 * DAY_MS), 0);
    await a.query(`SELECT pg_advisory_unlock(7163384647529591148)`);
    t.equal(await drop(b, 'archive', today + 9 * DAY_MS), 5);
  });

  await t.test(
    'when a partition is made after its day, then it is kept as long as a message of today',
    async (t) => {
      const late = [TODAY - 30, TODAY - 29, TODAY - 8];
      await create(a, 'archive', late);
      const since = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString();
      // the clock of the broker was 20 days behind, and is so now; and an earlier version made the last one
      await a.query(`COMMENT ON TABLE archive.${nameOf(-30)} IS 'made at ${since(8.1)}'`);
      await a.query(`COMMENT ON TABLE archive.${nameOf(-29)} IS 'made at ${since(7.9)}'`);
      await a.query(`COMMENT ON TABLE archive.${nameOf(-8)} IS NULL`);
      t.equal(await dropExpired(a, 'archive', 7), 2);
      t.strictSame(await partitions(), [nameOf(-29)]);
    },
  );
});
