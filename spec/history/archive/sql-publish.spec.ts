/** `chat_publish` in a real PostgreSQL: what it refuses, and the order that a commit gives. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import t from 'tap';
import { lockClass, SLEEP } from '../../../lib/history/archive/sql-publish.js';
import { startPostgres } from '../../support/postgres.js';
import { application, migrated } from '../../support/sql-outbox.js';

t.setTimeout(100_000);
const server = await startPostgres();
t.teardown(server.stop);

const failureOf = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => 'none',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

/** The data of committed messages, in the order of their numbers. */
const committed = async (url: string): Promise<readonly string[]> => {
  const rows = await server.query(
    `SELECT data FROM chat_api.outbox_commits AS c JOIN chat_api.outbox AS o ON o.id = message ORDER BY nth`,
    [],
    url,
  );
  return rows.map(({ data }) => String(data));
};

const publish = (client: pg.Client, room: string | null, data: unknown): Promise<unknown> =>
  client.query('SELECT chat_api.chat_publish($1, $2)', [room, JSON.stringify(data)]);

t.test('when a call is wrong, then it fails and says why', async (t) => {
  const url = await migrated(server, 'wrong');
  const app = await application(t, url);
  const call = (args: string): Promise<string> =>
    failureOf(app.query(`SELECT chat_api.chat_publish(${args})`));
  for (const room of ['a b', '-a', 'é', 'stats', 'x'.repeat(129), 'a\n'])
    t.match(await call(`E'${room.replace('\n', '\\n')}', '1'`), /^chat_publish: room: a name has/);
  t.match(await call(`'r', NULL::json`), /^chat_publish: data: expected JSON, got NULL/);
  t.match(await call(`'r', 'no JSON'`), /invalid input syntax for type json/);
  t.match(await call(`'r', '1', 'presence'`), /^chat_publish: type: expected chat/);
  t.match(await call(`'r', '1', NULL`), /^chat_publish: type: expected chat/);
  t.match(await call(`'r', '1', 'chat', ''`), /^chat_publish: sender: expected 1 to 255/);
  t.match(
    await call(`'r', to_json(repeat('x', 131000))`),
    /^chat_publish: data: a message has at most 131072 bytes, got 131159/,
  );
  t.equal(await call(`'r', to_json(repeat('x', 130800))`), 'none');
  t.equal(await call(`'${'x'.repeat(128)}', '1'`), 'none');
});

t.test('when data is text, json or jsonb, then each is taken', async (t) => {
  const url = await migrated(server, 'types');
  const app = await application(t, url);
  await app.query(`SELECT chat_api.chat_publish('r', '{"b":1, "a":2}')`);
  await app.query(`SELECT chat_api.chat_publish('r', '{"b":1, "a":2}'::json)`);
  await app.query(`SELECT chat_api.chat_publish('r', '{"b":1,"a":2}'::jsonb)`);
  await app.query(`SELECT chat_api.chat_publish('r', row_to_json(x)) FROM (SELECT 1 AS n) AS x`);
  await app.query(`SELECT chat_api.chat_publish(room => NULL, data => 'null', sender => 'alice')`);
  t.same(await committed(url), [
    '{"b":1, "a":2}',
    '{"b":1, "a":2}',
    '{"a": 2, "b": 1}',
    '{"n":1}',
    'null',
  ]);
});

t.test(
  'when a transaction commits, then another one to the same room waits, and one to another room does not',
  async (t) => {
    const url = await migrated(server, 'waits');
    const [first, second, other] = [
      await application(t, url),
      await application(t, url),
      await application(t, url),
    ];
    await second.query('BEGIN');
    await publish(second, 'r', 'second');
    await first.query('BEGIN');
    await publish(first, 'r', 'first');
    // as at the commit, but the transaction goes on
    await first.query('SET CONSTRAINTS ALL IMMEDIATE');
    const state = { isCommitted: false };
    const waiting = second.query('COMMIT').then(() => {
      state.isCommitted = true;
    });
    await publish(other, 'another', 'other');
    await sleep(200);
    t.notOk(state.isCommitted, 'it waits for the lock of the room');
    t.same(await committed(url), ['"other"']);
    await first.query('COMMIT');
    await waiting;
    t.same(
      (await committed(url)).filter((data) => data !== '"other"'),
      ['"first"', '"second"'],
    );
  },
);

t.test(
  'when transactions have rows and rooms in opposite orders, then none is part of a deadlock',
  async (t) => {
    const url = await migrated(server, 'opposite');
    const [a, b] = [await application(t, url), await application(t, url)];
    await a.query('CREATE TABLE accounts (id int PRIMARY KEY, n int)');
    await a.query('INSERT INTO accounts VALUES (1, 0)');
    // a lock that is taken by the call would close the circle: a has the room, b has the row
    await a.query('BEGIN');
    await publish(a, 'x', 'a');
    await b.query('BEGIN');
    await b.query('UPDATE accounts SET n = n + 1 WHERE id = 1');
    await publish(b, 'x', 'b');
    const waiting = a.query('UPDATE accounts SET n = n + 1 WHERE id = 1');
    await b.query('COMMIT');
    await waiting;
    await a.query('COMMIT');
    t.same(await committed(url), ['"b"', '"a"']);
    const holder = await application(t, url);
    await holder.query('BEGIN');
    await publish(holder, 'middle', 0);
    await holder.query('SET CONSTRAINTS ALL IMMEDIATE');
    const committing = async (client: pg.Client, rooms: readonly string[]): Promise<string> => {
      await client.query('BEGIN');
      for (const room of rooms) await publish(client, room, 0);
      return failureOf(client.query('COMMIT'));
    };
    const both = [
      committing(a, ['left', 'middle', 'right']),
      committing(b, ['right', 'middle', 'left']),
    ];
    await sleep(200);
    await holder.query('COMMIT');
    t.same(await Promise.all(both), ['none', 'none']);
  },
);

t.test(
  'when transactions are SERIALIZABLE, then their messages do not make them fail',
  async (t) => {
    const url = await migrated(server, 'serializable');
    const clients = await Promise.all(Array.from({ length: 4 }, () => application(t, url)));
    const failures = await Promise.all(
      clients.map(async (client, n) => {
        let failed = 0;
        for (let i = 0; i < 50; i += 1) {
          await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
          await publish(client, `r${n % 2}`, i);
          if ((await failureOf(client.query('COMMIT'))) !== 'none') failed += 1;
        }
        return failed;
      }),
    );
    t.same(failures, [0, 0, 0, 0]);
  },
);

t.test('when the reader is awake, then commits do not notify', async (t) => {
  const url = await migrated(server, 'notify');
  const [app, reader] = [await application(t, url), await application(t, url)];
  const state = { notified: 0 };
  reader.on('notification', () => (state.notified += 1));
  await reader.query('LISTEN chat_api_outbox');
  await publish(app, 'r', 1);
  await reader.query('SELECT 1');
  t.equal(state.notified, 0);
  const lock = `${lockClass('chat_api')}, ${SLEEP}`;
  await app.query('BEGIN');
  await publish(app, 'r', 2);
  await app.query('SET CONSTRAINTS ALL IMMEDIATE');
  const sleeps = async (): Promise<unknown> => {
    const { rows } = await reader.query<{ asleep: boolean }>(
      `SELECT pg_try_advisory_lock(${lock}) AS asleep`,
    );
    return rows[0]?.asleep;
  };
  t.equal(await sleeps(), false, 'a commit that does not notify is under way');
  await app.query('COMMIT');
  t.equal(await sleeps(), true);
  await publish(app, 'r', 3);
  await reader.query('SELECT 1');
  t.equal(state.notified, 1);
});

t.test('when a role may execute the functions, then it needs no right to a table', async (t) => {
  const url = await migrated(server, 'rights');
  const app = await application(t, url);
  await app.query(`CREATE ROLE shop; GRANT USAGE ON SCHEMA chat_api TO shop; SET ROLE shop`);
  t.match(await failureOf(publish(app, 'r', 1)), /permission denied for function chat_publish/);
  await app.query(
    'RESET ROLE; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA chat_api TO shop; SET ROLE shop',
  );
  // a function of the role's own is not called in place of one of PostgreSQL
  await app.query(`RESET ROLE; CREATE SCHEMA evil AUTHORIZATION shop; SET ROLE shop;
    CREATE FUNCTION evil.hashtext(text) RETURNS integer LANGUAGE sql AS $$ SELECT 1 / 0 $$;
    SET search_path = evil, pg_catalog`);
  t.equal(await failureOf(publish(app, 'r', 1)), 'none');
  t.match(
    await failureOf(app.query('SELECT * FROM chat_api.outbox')),
    /permission denied for table outbox/,
  );
});

t.test('when the trigger function is of another table, then it refuses', async (t) => {
  const url = await migrated(server, 'other_table');
  const app = await application(t, url);
  await app.query(`CREATE ROLE guest; GRANT USAGE ON SCHEMA chat_api TO guest;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA chat_api TO guest; CREATE SCHEMA own AUTHORIZATION guest;
    SET ROLE guest; CREATE TABLE own.outbox (id bigint, room text);
    CREATE TRIGGER t AFTER INSERT ON own.outbox FOR EACH ROW EXECUTE FUNCTION chat_api.outbox_on_commit()`);
  const forged = app.query(`INSERT INTO own.outbox VALUES (1, 'r')`);
  t.match(await failureOf(forged), /^outbox_on_commit: it is for the table outbox only/);
  t.same(await server.query('SELECT * FROM chat_api.outbox_commits', [], url), []);
});
