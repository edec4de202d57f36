import * as E from 'fp-ts/lib/Either.js';
import pg from 'pg';
import t from 'tap';
import { readDatabaseUrl } from '../../lib/config/database-url.js';
import { faultLine, readConfig } from '../../lib/config/index.js';

t.test('when an address can be used, then pg reads the same', async (t) => {
  const rows: readonly (readonly [text: string, expected: object])[] = [
    ['postgres://h/d', { host: 'h', port: 5432, database: 'd' }],
    ['postgresql://h:1/d', { host: 'h', port: 1, database: 'd' }],
    ['POSTGRES://h.example:1/d', { host: 'h.example', port: 1, database: 'd' }],
    ['postgres://u@10.0.0.1/d', { host: '10.0.0.1', user: 'u', database: 'd' }],
    ['postgres://u:p@[fd00::5]:6432/d', { host: 'fd00::5', port: 6432, user: 'u', password: 'p' }],
    ['postgres://u:p:q@h/d', { user: 'u', password: 'p:q' }],
    ['postgres://u%3A:p%40%23%2F%3F%25%3A%20%C3%A9@h/d', { user: 'u:', password: 'p@#/?%: é' }],
    ['postgres://u:!$&*()+,;=\\^~[]{}@h/d', { password: '!$&*()+,;=\\^~[]{}' }],
    ['postgres://h/chat%20%C3%A9', { database: 'chat é' }],
    ['postgres://h/a-b_c.d', { database: 'a-b_c.d' }],
    ['postgres://h/d?sslmode=disable&application_name=x', { host: 'h', database: 'd' }],
    ['postgres://u:p%40@h/d?options=-c%20work_mem%3D1MB', { password: 'p@', database: 'd' }],
    ['postgres://h/d?uselibpqcompat=true&sslmode=require', { host: 'h', database: 'd' }],
  ];
  for (const [text, expected] of rows) {
    const read = readDatabaseUrl(text);
    const { host, port, database, user, password } = new pg.Client({ connectionString: text });
    t.match({ host, port, database, user, password }, expected, text);
    t.strictSame(E.isRight(read) ? read.right : read.left, { host, port, database }, text);
  }
});

t.test('when an address cannot be used, then the fault says how to write it', async (t) => {
  const rows: readonly (readonly [text: string, expected: RegExp])[] = [
    ['postgres://', /a host behind/],
    ['postgres:///d', /a host behind/],
    ['postgres://u:p@/d', /a host behind/],
    ['postgres:///d?host=/var/run', /a host behind/],
    ['postgres://h', /the name of the database behind the host/],
    ['postgres://h/', /the name of the database/],
    ['postgres://h?sslmode=disable', /the name of the database/],
    ['postgres://h/a/b', /without \//],
    ['postgres://h/a%2Fb', /without \//],
    ['postgres://h/a%3Fb', /without \//],
    ['postgres://a,b/d', /one host/],
    ['postgres://u:p@a:1,b:2/d', /one host/],
    ['postgres://u:pa%ss@h/d', /% as %25/],
    ['postgres://u:pa%E9ss@h/d', /% as %25/],
    ['postgres://u:pa#ss@h/d', /# as %23/],
    ['postgres://u:pa/ss@h/d', /\/ as %2F/],
    ['postgres://u:pa?ss@h/d', /\? as %3F/],
    ['postgres://u:pa@ss@h/d', /@ as %40/],
    ['postgres://u:1/ss?pass@h/d', /\? as %3F/],
    ['postgres://u:pa ss@h/d', /a blank as %20/],
    ['postgres://h/d?application_name=%', /% as %25/],
    ['postgres://::1:5432/d', /IPv6 in brackets/],
    ['postgres://[1:2]/d', /postgres:\/\//],
    ['postgres://256.1.1.1/d', /postgres:\/\//],
    ['postgres://h:0/d', /postgres:\/\//],
    ['postgres://h:65536/d', /postgres:\/\//],
    ['postgres://h:x/d', /postgres:\/\//],
    ['postgres://h/d#x', /postgres:\/\//],
    ['postgres://h/d?ssl_mode=require', /only the parameters sslmode, .*\(ssl_mode is none\)/],
    ['postgres://h/d?channel_binding=require', /\(channel_binding is none\)/],
    ['postgres://h/d?statement_timeout=0', /\(statement_timeout is none\)/],
    ['postgres://h/d?sslmode=allow', /sslmode as disable, prefer, require/],
    ['postgres://h/d?sslmode', /sslmode as disable/],
    ['postgres://h/d?sslrootcert=', /no parameter without a value/],
    ['mysql://h/d', /postgres:\/\//],
    ['h:5432/d', /postgres:\/\//],
    ['host=h dbname=d', /postgres:\/\//],
  ];
  for (const [text, expected] of rows) {
    const read = readDatabaseUrl(text);
    t.match(E.isLeft(read) ? read.left : 'taken', expected, text);
  }
});

t.test('when an address is refused, then no password is shown', async (t) => {
  const lines = (env: Readonly<Record<string, string>>): string => {
    const read = readConfig(env, undefined);
    return E.isLeft(read) ? read.left.map(faultLine).join('\n') : 'taken';
  };
  for (const DATABASE_URL of [
    'postgres://u:hunter2@h',
    'postgres://u:hunter%2@h/d',
    'postgres://u:hunter#2@h/d',
    'postgres://u:hunter/2@h/d',
    'postgres://u:1/2?hunter@h/d',
    'postgres://u:hunter@2@h/d',
    'postgres://h/d#hunter2',
    'postgres://h/d?password=hunter2',
    'postgres://h/d?hunter2',
    'postgres://u:hunter2',
    'POSTGRESQL://u:hunter2/d',
    'postgres://:hunter2',
  ]) {
    t.match(lines({ DATABASE_URL }), /^DATABASE_URL=.*: expected/, DATABASE_URL);
    t.notMatch(lines({ DATABASE_URL }), /hunter/, DATABASE_URL);
  }
});
