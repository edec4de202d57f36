import * as E from 'fp-ts/lib/Either.js';
import t from 'tap';
import { readRedisUrl } from '../../lib/config/redis-url.js';
import { faultLine, readConfig } from '../../lib/config/index.js';

const NOBODY = { username: '', password: '', database: 0, tls: false };

t.test('when an address can be used, then all of it is read', async (t) => {
  const rows: readonly (readonly [text: string, expected: object])[] = [
    ['redis://h', { ...NOBODY, host: 'h', port: 6379 }],
    ['redis://h:1/', { ...NOBODY, host: 'h', port: 1 }],
    ['REDISS://h:1/0', { ...NOBODY, host: 'h', port: 1, tls: true }],
    ['h.example:1', { ...NOBODY, host: 'h.example', port: 1 }],
    ['[fd00::5]:6379', { ...NOBODY, host: 'fd00::5', port: 6379 }],
    ['rediss://[::1]/3', { ...NOBODY, host: '::1', port: 6379, database: 3, tls: true }],
    ['redis://u:p@10.0.0.1:1/15', { host: '10.0.0.1', username: 'u', password: 'p', database: 15 }],
    ['redis://:p@h', { username: '', password: 'p' }],
    ['redis://u:p:q@h', { username: 'u', password: 'p:q' }],
    ['redis://u@h', { username: 'u', password: '' }],
    ['redis://:p%40%23%2F%2C%25%3F%3A%20%C3%A9@h', { password: 'p@#/,%?: é' }],
    ['redis://u%3A:!$&*()+;=\\^~@h', { username: 'u:', password: '!$&*()+;=\\^~' }],
  ];
  for (const [text, expected] of rows) {
    const read = readRedisUrl(text);
    t.match(E.isRight(read) ? read.right : read.left, [expected], text);
  }
});

t.test('when nodes of a Cluster are named, then all are of the user of the first', async (t) => {
  const of = (text: string): unknown => {
    const read = readRedisUrl(text);
    return E.isRight(read) ? read.right.map(({ host, port }) => `${host} ${port}`) : read.left;
  };
  t.strictSame(of('rediss://u:p@a:1, b:2,[::1]:3,rediss://c'), ['a 1', 'b 2', '::1 3', 'c 6379']);
  t.strictSame(of('redis://u:p@a:1,redis://u:p@b:2'), ['a 1', 'b 2']);
  for (const text of [
    'redis://a:1,rediss://b:2',
    'rediss://a:1,redis://b:2',
    'redis://u:p@a:1,redis://u:q@b:2',
    'a:1,redis://u:p@b:2',
    'a:1,redis://b:2/3',
  ])
    t.match(of(text), /the same user, password, database/, text);
  for (const text of ['a:1,', ',a:1', 'a:1,,b:2', 'redis://a,b']) t.type(of(text), 'string', text);
});

t.test('when an address cannot be used, then the fault says how to write it', async (t) => {
  const rows: readonly (readonly [text: string, expected: RegExp])[] = [
    ['redis://:pa%ss@h:1', /% as %25/],
    ['redis://:pa%E9ss@h:1', /% as %25/],
    ['redis://:pa#ss@h:1', /# as %23/],
    ['redis://:pa/ss@h:1', /\/ as %2F/],
    ['redis://:pa,ss@h:1', /"," as %2C/],
    ['redis://:pa?ss@h:1', /\? as %3F/],
    ['redis://:pa@ss@h:1', /@ as %40/],
    ['redis://us%er@h:1', /% as %25/],
    ['fd00::5:6379', /IPv6 in brackets/],
    ['::1:6379', /IPv6 in brackets/],
    ['redis://::1:6379/1', /IPv6 in brackets/],
    ['redis://fd00::5', /IPv6 in brackets/],
    ['redis://[::1', /host:port/],
    ['redis://[1:2]:6379', /host:port/],
    ['redis://[127.0.0.1]:6379', /host:port/],
    ['redis://h:1?db=2', /without a query/],
    ['redis://h:1/2?tls=true', /without a query/],
    ['redis://h:1#x', /without a fragment/],
    ['redis://h:1/x', /host:port/],
    ['redis://h:1/-1', /host:port/],
    ['redis://h:1/1/2', /host:port/],
    ['redis://h:1/01', /digits alone/],
    ['redis://h:1/9999999999', /digits alone/],
    ['h:1/2', /redis:\/\/ in front/],
    ['h', /host:port/],
    ['redis://', /host:port/],
    ['redis:h:1', /host:port/],
    ['redis:///1', /host:port/],
    ['redis://h:0', /host:port/],
    ['redis://h:65536', /host:port/],
    ['redis://256.1.1.1', /host:port/],
    ['redis://a b', /host:port/],
    ['redis://h:1 x', /host:port/],
    ['unix:///tmp/redis.sock', /host:port/],
    ['http://h:1', /host:port/],
  ];
  for (const [text, expected] of rows) {
    const read = readRedisUrl(text);
    t.match(E.isLeft(read) ? read.left : 'taken', expected, text);
  }
});

t.test('when an address is refused, then no password is shown', async (t) => {
  const lines = (env: Readonly<Record<string, string>>): string => {
    const read = readConfig(env, undefined);
    return E.isLeft(read) ? read.left.map(faultLine).join('\n') : 'taken';
  };
  for (const REDIS_URL of [
    'redis://:hunter%2@h:1',
    'redis://:hunter#2@h:1',
    'redis://:hunter/2@h:1',
    'redis://:a,hunter2@h:1',
    'redis://:hunter@2@h:1',
    'redis://h:1#hunter2',
    'redis://h:1/?password=hunter2',
    'redis://:hunter2',
    'rediss://u:hunter2/3',
    'REDIS://u:hunter2,b:1',
  ]) {
    t.match(lines({ REDIS_URL }), /^REDIS_URL=.*: expected/, REDIS_URL);
    t.notMatch(lines({ REDIS_URL }), /hunter/, REDIS_URL);
  }
  t.match(lines({ REDIS_URL: 'fd00::5:6379' }), /^REDIS_URL=fd00::5:6379: expected .*\[::1\]/);
});
