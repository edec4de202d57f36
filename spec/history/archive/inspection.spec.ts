/** What a PostgreSQL says before a pod starts; and that the statements for missing rights are enough. */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import { filter, firstValueFrom, map, timeout } from 'rxjs';
import t, { type Test } from 'tap';
import { systemClock } from '../../../lib/clock.js';
import { type ArchiveFacts, archiveFacts } from '../../../lib/history/archive/inspection.js';
import type { ArchiveEvent } from '../../../lib/history/archive/port.js';
import { postgresArchive } from '../../../lib/history/archive/postgres.js';
import { DAY_MS } from '../../../lib/history/archive/partitions.js';
import { messages, right, store } from '../../support/archive.js';
import { startPostgres } from '../../support/postgres.js';

t.setTimeout(100_000);
const server = await startPostgres();
t.teardown(server.stop);

const urlOf = (role: string, database = 'postgres'): string =>
  server.url.replace('//postgres@', `//${role}@`).replace(/\/postgres$/, `/${database}`);

const read = (url: string, timeoutMs = 2_000) =>
  archiveFacts({ url, clock: systemClock, timeoutMs });

const facts = async (role: string): Promise<ArchiveFacts> => {
  const found = await read(urlOf(role));
  if (isLeft(found)) throw new Error(found.left);
  return found.right;
};

/** Starts an archive as a pod does; the event that comes first, and the error if it is one. */
const started = async (t: Test, role: string): Promise<string> => {
  const archive = postgresArchive({
    url: urlOf(role),
    clock: systemClock,
    retentionDays: 1,
  });
  const first$ = archive.event$.pipe(
    filter(({ _tag }) => _tag === 'Restored' || _tag === 'Interrupted'),
    map((event: ArchiveEvent) => (event._tag === 'Interrupted' ? event.error.detail : event._tag)),
    timeout(20_000),
  );
  const first = await firstValueFrom(first$);
  if (first === 'Restored') {
    await store(archive, 'r', messages('r', 3, { ms: Date.now() - 3 * DAY_MS }));
    await store(archive, 'r', messages('r', 1, {}, { from: 'a\u0000b' }));
    t.ok((await right(archive.prune(Date.now() - 1.5 * DAY_MS))) > 0, `${role} removes old days`);
  }
  await firstValueFrom(archive.close(), { defaultValue: undefined });
  return first;
};

t.test('when nothing was made yet, then the next start makes it', async (t) => {
  t.match(await facts('postgres'), {
    version: /^\d+/,
    versionNumber: Number,
    role: 'postgres',
    encoding: 'UTF8',
    isReadOnly: false,
    hasTables: false,
    pending: ['0001_messages', '0002_sql_publish'],
    missing: [],
  });
  const { aheadMs, answeredMs } = await facts('postgres');
  t.ok(Math.abs(aheadMs) < 1_000, `${aheadMs} ms`);
  t.ok(answeredMs >= 0 && answeredMs < 2_000);
  const made = await server.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'chat_api'`);
  t.strictSame(made, [], 'it changes nothing');
});

t.test('when a role lacks rights, then the statements that are named are enough', async (t) => {
  await server.query('CREATE ROLE least LOGIN');
  const before = await facts('least');
  t.strictSame(before.missing, ['CREATE SCHEMA chat_api AUTHORIZATION "least"']);
  t.match(
    await started(t, 'least'),
    /permission denied for database.*\(42501\); run chat-api check/,
  );
  for (const statement of before.missing) await server.query(statement);
  t.match(await facts('least'), {
    hasTables: false,
    missing: [],
    pending: ['0001_messages', '0002_sql_publish'],
  });
  t.equal(await started(t, 'least'), 'Restored');
  t.match(await facts('least'), { hasTables: true, missing: [], pending: [] });
});

t.test('when another role takes over, then it needs the tables', async (t) => {
  await server.query('CREATE ROLE second LOGIN');
  const before = await facts('second');
  t.equal(before.pending, undefined, 'it may not look');
  t.match(before.missing, [
    'GRANT USAGE, CREATE ON SCHEMA chat_api TO "second"',
    'ALTER TABLE chat_api.messages OWNER TO "second"',
    /^ALTER TABLE chat_api\.messages_p\d+ OWNER TO "second"$/,
  ]);
  t.match(await started(t, 'second'), /^[^\n]*permission denied for schema[^\n]*\(42501\)[^\n]*$/);
  await server.query(before.missing[0] ?? '');
  t.match(await started(t, 'second'), /^[^\n]*already exists[^\n]*\(42501\)[^\n]*$/);
  for (const statement of before.missing) await server.query(statement);
  t.equal(await started(t, 'second'), 'Restored');
  t.match(await facts('second'), { missing: [], pending: [] });
});

t.test('when the server takes no writes, then that is found', async (t) => {
  await server.query('CREATE ROLE reader LOGIN');
  await server.query('ALTER ROLE reader SET default_transaction_read_only = on');
  t.equal((await facts('reader')).isReadOnly, true);
});

t.test('when there are no facts, then the answer says why and what to do', async (t) => {
  const why = async (url: string): Promise<string> => {
    const found = await read(url, 500);
    return isRight(found) ? 'facts' : found.left;
  };
  t.match(await why(urlOf('postgres', 'nowhere')), /"nowhere" does not exist.*CREATE DATABASE/);
  t.match(await why(urlOf('nobody')), /"nobody" does not exist.*CREATE ROLE/);
  t.match(await why(`${server.url}?sslmode=verify-full`), /SSL.*sslmode=disable/);
  t.match(await why(`${server.url}?sslrootcert=/nowhere.pem`), /ENOENT.*cannot be read/);
  t.match(await why('postgres://127.0.0.1:1/d'), /ECONNREFUSED.*start PostgreSQL/);
  server.freeze();
  const began = performance.now();
  t.match(await why(server.url), /timeout.*no answer in time/);
  t.ok(performance.now() - began < 5_000);
  server.thaw();
});

t.test('when a file of the URL cannot be read, then the archive is interrupted', async (t) => {
  const archive = postgresArchive({
    url: `${server.url}?sslrootcert=/nowhere.pem`,
    clock: systemClock,
  });
  t.match(await firstValueFrom(archive.event$), {
    _tag: 'Interrupted',
    error: { detail: /ENOENT/ },
  });
  await firstValueFrom(archive.close(), { defaultValue: undefined });
});
