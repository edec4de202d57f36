/** `chat-api check` with an archive: a PostgreSQL that a pod can use, one without the rights, and none. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { findingsOf } from '../../lib/cli/database-check.js';
import type { ArchiveFacts } from '../../lib/history/archive/inspection.js';
import { commandEnded, type Ended } from '../support/command.js';
import { startPostgres } from '../support/postgres.js';

t.setTimeout(100_000);
const folder = mkdtempSync(join(tmpdir(), 'hba-'));
chmodSync(folder, 0o755);
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const rules = join(folder, 'pg_hba.conf');
writeFileSync(
  rules,
  [
    'host all chat 127.0.0.1/32 scram-sha-256',
    'host all outside 127.0.0.1/32 reject',
    'host all all 127.0.0.1/32 trust',
  ].join('\n'),
);
const server = await startPostgres({ config: { hba_file: rules } });
t.teardown(server.stop);
await server.query(`CREATE ROLE chat LOGIN PASSWORD 'hunter2'`);
await server.query('CREATE ROLE outside LOGIN');

const urlOf = (user: string, database = 'postgres'): string =>
  `postgres://${user}@127.0.0.1:${server.port}/${database}`;

const checked = (DATABASE_URL: string): Promise<Ended> =>
  commandEnded(t, ['check'], { MAX_CONNECTIONS: '10', DATABASE_URL });

t.test('when the role may do all that a pod needs, then all is well', async (t) => {
  await server.query('CREATE SCHEMA chat_api AUTHORIZATION chat');
  const { code, stdout } = await checked(urlOf('chat:hunter2'));
  t.equal(code, 0, stdout);
  t.match(
    stdout,
    /^ok {7}PostgreSQL: postgres:\/\/127\.0\.0\.1:\d+\/postgres: version \d.* answers in [\d.]+ ms$/m,
  );
  t.match(stdout, /^ok {7}tables: the next start makes them in the schema chat_api \(0001_mes/m);
  t.match(stdout, /^ok {7}rights: the role chat of PostgreSQL may store messages/m);
  t.match(stdout, /^ok {7}clock: PostgreSQL at postgres:.* (ahead of|behind) this machine$/m);
  t.notMatch(stdout, /hunter2/);
});

t.test('when rights are missing, then check has the statements, and ends with 1', async (t) => {
  await server.query('CREATE ROLE other LOGIN');
  const { code, stdout } = await checked(urlOf('other'));
  t.equal(code, 1);
  t.match(
    stdout,
    /^failed {3}rights: the role other .*: GRANT USAGE, CREATE ON SCHEMA chat_api TO "other"$/m,
  );
});

t.test('when PostgreSQL cannot be used, then check says why, and ends with 1', async (t) => {
  for (const [url, text] of [
    [urlOf('chat:hunter3'), /password authentication failed.*check the user and the password/],
    [urlOf('chat'), /wants a password: write it in DATABASE_URL/],
    [urlOf('chat:hunter2', 'nowhere'), /"nowhere" does not exist.*CREATE DATABASE/],
    [urlOf('outside:hunter2'), /pg_hba\.conf rejects.*allow the user/],
    ['postgres://chat:hunter2@127.0.0.1:1/d', /ECONNREFUSED.*start PostgreSQL/],
  ] as const) {
    const { code, stdout } = await checked(url);
    t.equal(code, 1, stdout);
    t.match(stdout, /^failed {3}PostgreSQL: postgres:\/\/127\.0\.0\.1:\d+\/\w+: /m);
    t.match(stdout, text);
    t.notMatch(stdout, /hunter/);
  }
  server.freeze();
  const frozen = await checked(urlOf('chat:hunter2'));
  server.thaw();
  t.equal(frozen.code, 1);
  t.match(frozen.stdout, /^failed {3}PostgreSQL: .*no answer in time/m);
});

const FACTS: ArchiveFacts = {
  version: '15.6',
  versionNumber: 150_006,
  answeredMs: 1.25,
  aheadMs: 3,
  role: 'chat',
  encoding: 'UTF8',
  isReadOnly: false,
  hasTables: true,
  pending: [],
  missing: [],
};

const linesOf = (over: Partial<ArchiveFacts>): readonly string[] =>
  findingsOf('postgres://h:5432/d', { ...FACTS, ...over }).map(
    ({ level, about, text }) => `${level} ${about}: ${text}`,
  );

t.test('when facts are not as they should be, then a finding says so', async (t) => {
  t.strictSame(linesOf({}), [
    'ok PostgreSQL: postgres://h:5432/d: version 15.6 answers in 1.3 ms',
    'ok tables: those in the schema chat_api are up to date',
    'ok rights: the role chat of PostgreSQL may store messages and make partitions',
    'ok clock: PostgreSQL at postgres://h:5432/d is 3 ms ahead of this machine',
  ]);
  const [old] = linesOf({ version: '13.9', versionNumber: 130_009 });
  t.match(old, /^failed PostgreSQL: .* version 13\.9, but the archive needs 14 or later/);
  t.match(linesOf({ isReadOnly: true })[0], /^failed PostgreSQL: .* takes no writes: write the p/);
  t.match(linesOf({ encoding: 'LATIN1' })[1], /^warning PostgreSQL: the encoding .* is LATIN1/);
  t.match(
    linesOf({ pending: ['0002_x'] })[1],
    /^ok tables: the next start changes those in .*0002/,
  );
  t.match(linesOf({ pending: undefined })[1], /^warning tables: .* may not read/);
  t.match(linesOf({ aheadMs: -1_500 })[3], /^warning clock: .* 1\.5 s behind .*NTP/);
  const missing = Array.from({ length: 7 }, (_, i) => `GRANT ${i}`);
  t.match(linesOf({ missing })[2], /^failed rights: .*: GRANT 0; .*GRANT 4; and 2 more$/);
});
