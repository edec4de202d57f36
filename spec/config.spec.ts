import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import * as E from 'fp-ts/lib/Either.js';
import t from 'tap';
import {
  type Config,
  ConfigError,
  configOf,
  configOrThrow,
  envExample,
  type Fault,
  faultLine,
  readConfig,
} from '../lib/config.js';
import { unknownVariables } from '../lib/config/unknown.js';
import { warningsOf } from '../lib/config/warnings.js';

const ROOT = join(import.meta.dirname, '..');
const CONFIG = join(ROOT, 'config');

/** A pair of keys as PEM. */
const pem = (
  type: 'rsa' | 'ec' | 'ed25519',
  options: { readonly modulusLength?: number; readonly namedCurve?: string } = {},
): { readonly publicKey: string; readonly privateKey: string } =>
  // its overloads know each type by itself
  generateKeyPairSync(type as 'rsa', {
    ...(options as { readonly modulusLength: number }),
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
const { publicKey: PUBLIC, privateKey: PRIVATE } = pem('ed25519');
const JWK = createPublicKey(PUBLIC).export({ format: 'jwk' });

const RSA = createPublicKey(pem('rsa', { modulusLength: 2048 }).publicKey).export({
  format: 'jwk',
});
/** p - 1, the point of order 2 of Ed25519, behind its first 12 bits. */
const SEVENS = `${'_'.repeat(39)}38`;
const INFINITE = 'MBkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDAgAA';

type Result = E.Either<readonly Fault[], Config>;

const right = (result: Result): Config => {
  if (E.isLeft(result)) throw new Error(result.left.map(faultLine).join('; '));
  return result.right;
};
const left = (result: Result): readonly Fault[] => {
  if (E.isRight(result)) throw new Error('expected faults, got a configuration');
  return result.left;
};
const read = (env: Readonly<Record<string, string>>): Config => right(readConfig(env, undefined));
const faults = (env: Readonly<Record<string, string>>): readonly string[] =>
  left(readConfig(env, undefined)).map(({ key }) => key);

/** Every variable of the contract's section 7 with its default as text. */
const CONTRACT = {
  PORT: '8000',
  HOST: '127.0.0.1',
  SERVER_ID: '',
  LOG_LEVEL: 'info',
  LOG_FORMAT: 'json',
  WORKERS: '1',
  MAX_CONNECTIONS: '10000',
  DRAIN_MS: '10000',
  READY_REQUIRES_BROKER: 'false',
  ALLOWED_ORIGINS: '',
  BASE_PATH: '/api/chat-api',
  TRUSTED_PROXIES: '',
  HTTP_KEEP_ALIVE_MS: '75000',
  AUTH_ENABLED: 'false',
  JWT_SECRET: '',
  JWT_PUBLIC_KEY: '',
  JWT_JWKS_URL: '',
  JWT_ISSUER: '',
  JWT_AUDIENCE: '',
  API_KEYS: '',
  GLOBAL_PUBLISH: 'any',
  MAX_MESSAGE_BYTES: '65536',
  SEND_BUFFER_MESSAGES: '256',
  SEND_BUFFER_BYTES: '1048576',
  PING_INTERVAL_MS: '54000',
  PONG_TIMEOUT_MS: '60000',
  MAX_ROOMS_PER_CONNECTION: '100',
  RATE_LIMIT_PER_SECOND: '100',
  RATE_LIMIT_BURST: '200',
  RATE_LIMIT_BYTES: '1048576',
  HANDSHAKE_TIMEOUT_MS: '10000',
  MAX_CONNECTIONS_PER_USER: '0',
  MAX_CONNECTIONS_PER_ADDRESS: '0',
  OUTBOX_TOTAL_BYTES: '268435456',
  ROOM_LINGER_MS: '5000',
  REDIS_URL: '',
  REDIS_SENTINELS: '',
  REDIS_SENTINEL_NAME: '',
  REDIS_CLUSTER: 'false',
  REDIS_PREFIX: '',
  BROKER_TIMEOUT_MS: '2000',
  KAFKA_BROKERS: '',
  KAFKA_TOPIC: 'realtime.messages',
  LOG_MESSAGES: '1000',
  LOG_TTL_MS: '600000',
  LOG_POSITION_TTL_MS: '86400000',
  DATABASE_URL: '',
  PRESENCE_EVENTS: 'true',
  PRESENCE_MAX_ROOM: '256',
} as const;

t.test('the defaults are those of the contract, and .env.example lists them all', async (t) => {
  const text = envExample();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  t.strictSame(
    Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    ),
    CONTRACT,
  );
  t.equal(readFileSync(join(ROOT, '.env.example'), 'utf8'), text, 'run `npm run env-example`');
  t.strictSame(read(CONTRACT), right(configOf()), 'the text of each default reads as the default');
});

t.test('without anything set', async (t) => {
  const config = read({});
  t.match(config, {
    server: {
      port: 8000,
      host: '127.0.0.1',
      logLevel: 'info',
      allowedOrigins: [],
      basePath: '/api/chat-api',
    },
    access: { authEnabled: false, apiKeys: [], globalPublish: 'any' },
    limits: { maxMessageBytes: 65_536, sendBufferMessages: 256, pingIntervalMs: 54_000 },
    broker: { redisUrl: '', redisSentinels: [], redisCluster: false },
    log: { logMessages: 1000 },
    presence: { presenceEvents: true, presenceMaxRoom: 256 },
  });
  t.match(config.server.serverId, /^[A-Za-z0-9_.:-]{1,128}$/);
  t.ok(config.server.serverId.endsWith(`-${process.pid}`));
  if (/^[A-Za-z0-9.-]+$/.test(hostname()))
    t.ok(config.server.serverId.startsWith(hostname().slice(0, 100)));
});

t.test(
  'config/default.json says what the schema says, production.json listens on all addresses',
  async (t) => {
    t.strictSame(right(readConfig({}, CONFIG)), right(configOf()));
    t.equal(right(readConfig({ NODE_ENV: 'production' }, CONFIG)).server.host, '0.0.0.0');
    t.equal(
      right(readConfig({ NODE_ENV: 'production', HOST: '127.0.0.2' }, CONFIG)).server.host,
      '127.0.0.2',
    );
    t.equal(right(readConfig({ NODE_ENV: 'production' }, undefined)).server.host, '127.0.0.1');
  },
);

t.test('layers: schema, default.json, NODE_ENV.json, environment', async (t) => {
  const directory = t.testdir({
    'default.json': JSON.stringify({
      server: { port: 1, maxConnections: 2 },
      limits: { rateLimitBurst: 3 },
      log: { logMessages: 4 },
    }),
    'staging.json': JSON.stringify({
      server: { maxConnections: 20, allowedOrigins: ['https://a.example', 'https://b.example'] },
      log: { logMessages: 40 },
    }),
  });
  const config = right(readConfig({ NODE_ENV: 'staging', LOG_MESSAGES: '400' }, directory));
  t.equal(config.limits.rateLimitPerSecond, 100);
  t.equal(config.server.port, 1);
  t.equal(config.limits.rateLimitBurst, 3);
  t.equal(config.server.maxConnections, 20);
  t.strictSame(config.server.allowedOrigins, ['https://a.example', 'https://b.example']);
  t.equal(config.log.logMessages, 400);
  t.equal(
    right(readConfig({ NODE_ENV: 'other' }, directory)).server.maxConnections,
    2,
    'no such file is no fault',
  );
  t.equal(left(readConfig({ NODE_ENV: '../default' }, directory))[0]?.key, 'NODE_ENV');
});

t.test('an empty variable is as if it were not set', async (t) => {
  t.equal(read({ PORT: '' }).server.port, 8000);
  const directory = t.testdir({ 'default.json': '{"server":{"port":81}}' });
  t.equal(right(readConfig({ PORT: '' }, directory)).server.port, 81);
});

t.test('every variable refuses what it is not, and takes what it is', async (t) => {
  const rows: Readonly<
    Record<string, { readonly good: readonly string[]; readonly bad: readonly string[] }>
  > = {
    PORT: {
      good: ['0', '65535'],
      bad: [
        '65536',
        '-1',
        '12abc',
        ' 1',
        '1 ',
        '0x10',
        '1e3',
        '+1',
        '01',
        '1.5',
        'NaN',
        'http',
        '١',
      ],
    },
    HOST: {
      good: ['0.0.0.0', '::', '::1', 'localhost', 'a.example', '1.example', 'pod-1', '10.x'],
      bad: [
        'a b',
        'http://a',
        '[::1]',
        'a/b',
        '-a',
        '256.1.1.1',
        '1.2.3',
        '1.2.3.4.5',
        '127.1',
        '1',
        'a.1',
      ],
    },
    SERVER_ID: {
      good: ['a', 'pod-1.eu:2_x', 'x'.repeat(128)],
      bad: ['x'.repeat(129), 'a b', 'a*', 'ä', 'a\n'],
    },
    LOG_LEVEL: { good: ['fatal', 'silent', 'trace'], bad: ['INFO', 'verbose', '30'] },
    MAX_CONNECTIONS: { good: ['1'], bad: ['0', '1000000001', '9'.repeat(30)] },
    DRAIN_MS: { good: ['0', '2147483647'], bad: ['10s', '2147483648', '-1'] },
    READY_REQUIRES_BROKER: {
      good: ['true', 'false', '1', '0'],
      bad: ['TLS', 'yes', 'on', 'off', 'TRUE', '2', 'truee'],
    },
    ALLOWED_ORIGINS: {
      good: [
        '*',
        'https://a.example',
        'https://a.example,http://localhost:3000',
        'https://a.example, https://b.example',
        'capacitor://localhost',
        'https://*.example.com',
        'https://*.example.com, http://*.a.example:8080',
      ],
      bad: [
        'a.example',
        'https://a.example/',
        'https://a.example/x',
        'https://A.example',
        'https://a.example:443',
        '*,https://a.example',
        'https://*.example,',
        'null',
        'https://u:p@a.example',
        'https://*.com',
        'https://*',
        'https://*.example.com/',
        'https://*.example.com:443',
        'https://a.*.example.com',
        'http://localhost:*',
        '*.example.com',
        'app://*',
      ],
    },
    WORKERS: { good: ['1', '2', 'auto'], bad: ['0', '-1', '1.5', '1025', 'Auto', 'many'] },
    BASE_PATH: {
      good: ['/x', '/a/b-c/v1.2'],
      bad: ['x', '/', '/x/', '//x', '/a/../b', '/a b', '/a?b'],
    },
    TRUSTED_PROXIES: {
      good: [
        '10.0.0.1',
        '10.0.0.0/8,::1,fd00::/8',
        '104.16.0.0/13',
        'fc00::/7',
        'FD00::/8',
        '2600:1f00::/24',
        '2a00::/16',
        '::ffff:10.0.0.0/104',
        'fe80::/10',
      ],
      bad: [
        '10.0.0',
        '10.0.0.0/33',
        'proxy',
        '10.0.0.0/8/8',
        '10.0.0.1,',
        // whoever is in it could say what its address is
        '0.0.0.0/0',
        '::/0',
        '10.0.0.1,0.0.0.0/0',
        '0.0.0.0/1,128.0.0.0/1',
        '10.0.0.0/7',
        '2000::/3',
        '2a00::/12',
        'f800::/6',
        '::ffff:0:0/96',
        '::ffff:10.0.0.0/103',
        '::/80',
        'fe80::1%eth0',
      ],
    },
    // true needs keys beside it
    AUTH_ENABLED: { good: ['false', '0'], bad: ['true', '1', 'no'] },
    JWT_SECRET: { good: ['your-secret-key'], bad: [PUBLIC, PRIVATE] },
    JWT_PUBLIC_KEY: {
      good: [
        PUBLIC,
        PUBLIC.replaceAll('\n', '\\n'),
        `${PUBLIC}\n${pem('rsa', { modulusLength: 2048 }).publicKey}`,
        pem('ec', { namedCurve: 'P-256' }).publicKey,
        JSON.stringify(JWK),
        JSON.stringify({ keys: [{ ...JWK, kid: 'a', use: 'sig', alg: 'EdDSA' }] }),
      ],
      bad: [
        'a secret',
        '{}',
        '{"keys":[]}',
        '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----',
        PRIVATE,
        `${PUBLIC}\n${PRIVATE}`,
        pem('rsa', { modulusLength: 1024 }).publicKey,
        pem('ec', { namedCurve: 'P-384' }).publicKey,
        JSON.stringify({ ...JWK, d: 'AAAA' }),
        JSON.stringify({ ...JWK, use: 'enc' }),
        JSON.stringify({ ...JWK, alg: 'ES256' }),
        JSON.stringify({ kty: 'oct', k: 'AAAA' }),
        // anybody can sign for them
        ...['AQ', 'Aw', 'EQ', 'AQAA', 'AQAC'].map((e) => JSON.stringify({ ...RSA, e })),
        JSON.stringify({ ...RSA, e: Buffer.alloc(64, 0xff).toString('base64url') }),
        JSON.stringify({ keys: [JWK, { ...RSA, e: 'AQ' }] }),
        createPublicKey({ key: { ...RSA, e: 'Aw' }, format: 'jwk' })
          .export({ type: 'pkcs1', format: 'pem' })
          .toString(),
        pem('rsa', { modulusLength: 2047 }).publicKey,
        ...['AA', 'AQ', '7P'].map((start) =>
          JSON.stringify({ ...JWK, x: `${start}${start === '7P' ? SEVENS : 'A'.repeat(41)}` }),
        ),
        // the point at infinity of P-256: node aborts when it is asked what key it is
        `-----BEGIN PUBLIC KEY-----\n${INFINITE}\n-----END PUBLIC KEY-----`,
      ],
    },
    JWT_JWKS_URL: {
      good: ['https://id.example/jwks.json'],
      bad: ['id.example', 'ftp://id.example', 'https://'],
    },
    API_KEYS: { good: ['a', 'a,b'], bad: ['a,,b', 'a b', 'ä'] },
    GLOBAL_PUBLISH: { good: ['any', 'users', 'server'], bad: ['none', 'Any'] },
    MAX_MESSAGE_BYTES: { good: ['1', '131072'], bad: ['0', '64k'] },
    MAX_CONNECTIONS_PER_USER: { good: ['0', '5'], bad: ['-1', 'none'] },
    REDIS_URL: {
      good: [
        'redis://localhost',
        'redis://u:p@localhost:6379/2',
        'rediss://h.example:6380',
        'localhost:6379',
        '10.0.0.1:6379',
        '[::1]:6379',
      ],
      bad: [
        'localhost',
        'http://localhost:6379',
        'localhost:0',
        'localhost:65536',
        'redis://',
        'redis://localhost:6379/x',
        'redis://a b',
        'a:1,b:2',
        ':6379',
        '::1:6379',
        'redis://:pa%ss@h',
        'redis://h:1/1?x=1',
        'redis://h:1#x',
      ],
    },
    REDIS_SENTINELS: {
      good: [],
      bad: ['::1:26379', 'redis://h:26379', 'u:p@h:26379', 'h', 'h:0', '[1:2]:26379', 'h:1,'],
    },
    REDIS_PREFIX: {
      good: ['a', 'chat-a:', 'Eu_1.chat:', 'x'.repeat(64)],
      bad: ['a b', 'a{b}', 'a*', 'a?', 'a[b]', 'a\\', 'ä', 'x'.repeat(65), 'realtime:', 'a\n'],
    },
    KAFKA_BROKERS: { good: [], bad: ['localhost:9092'] },
    KAFKA_TOPIC: { good: ['a.b'], bad: ['a b', 'x'.repeat(250)] },
    DATABASE_URL: { good: [], bad: ['postgres://localhost/chat'] },
    LOG_MESSAGES: { good: ['0', '1000000'], bad: ['1000001'] },
    PRESENCE_EVENTS: { good: ['false'], bad: ['off'] },
  };
  for (const [key, { good, bad }] of Object.entries(rows)) {
    for (const value of good)
      t.ok(E.isRight(readConfig({ [key]: value }, undefined)), `${key}=${value}`);
    for (const value of bad)
      t.strictSame(faults({ [key]: value }), [key], `${key}=${value} is a fault, and the only one`);
  }
});

t.test('values are read', async (t) => {
  t.equal(read({ REDIS_URL: 'localhost:6379' }).broker.redisUrl, 'redis://localhost:6379');
  t.equal(read({ REDIS_URL: '[::1]:6379' }).broker.redisUrl, 'redis://[::1]:6379');
  t.equal(
    read({ REDIS_URL: 'a:1, redis://b:2', REDIS_CLUSTER: 'true' }).broker.redisUrl,
    'redis://a:1,redis://b:2',
  );
  t.strictSame(
    read({ REDIS_SENTINELS: 'a:1, b:2', REDIS_SENTINEL_NAME: 'main' }).broker.redisSentinels,
    [
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ],
  );
  t.strictSame(
    read({ REDIS_SENTINELS: '[::1]:1', REDIS_SENTINEL_NAME: 'main' }).broker.redisSentinels,
    [{ host: '::1', port: 1 }],
  );
  t.equal(
    read({ REDIS_URL: 'rediss://a, b:2', REDIS_CLUSTER: 'true' }).broker.redisUrl,
    'rediss://a,rediss://b:2',
  );
  t.strictSame(read({ API_KEYS: 'k1,k2' }).access.apiKeys, ['k1', 'k2']);
  t.strictSame(read({ ALLOWED_ORIGINS: '*' }).server.allowedOrigins, ['*']);
});

t.test('relations between values', async (t) => {
  t.strictSame(faults({ PING_INTERVAL_MS: '60000' }), ['PING_INTERVAL_MS']);
  t.strictSame(faults({ PONG_TIMEOUT_MS: '1000' }), ['PING_INTERVAL_MS']);
  t.equal(read({ PING_INTERVAL_MS: '999', PONG_TIMEOUT_MS: '1000' }).limits.pongTimeoutMs, 1000);
  t.strictSame(faults({ LOG_POSITION_TTL_MS: '599999' }), ['LOG_POSITION_TTL_MS']);
  t.strictSame(faults({ REDIS_SENTINELS: 'a:1' }), ['REDIS_SENTINEL_NAME']);
  t.strictSame(faults({ REDIS_SENTINEL_NAME: 'main' }), ['REDIS_SENTINELS']);
  t.strictSame(faults({ REDIS_CLUSTER: 'true' }), ['REDIS_URL']);
  t.strictSame(faults({ REDIS_CLUSTER: 'true', REDIS_URL: 'redis://a:1/2' }), ['REDIS_URL']);
  t.strictSame(faults({ REDIS_URL: 'redis://a:1,redis://b:2' }), ['REDIS_URL']);
  t.equal(
    read({ REDIS_CLUSTER: 'true', REDIS_URL: 'redis://a:1/0' }).broker.redisUrl,
    'redis://a:1/0',
  );
  t.strictSame(
    faults({
      REDIS_CLUSTER: 'true',
      REDIS_URL: 'a:1',
      REDIS_SENTINELS: 'a:1',
      REDIS_SENTINEL_NAME: 'm',
    }),
    ['REDIS_CLUSTER'],
  );
});

t.test(
  'when a file is no JSON, then the line and the column are told, and nothing of it',
  async (t) => {
    const told = (text: string): string => {
      const directory = t.testdir({ 'default.json': text });
      return left(readConfig({}, directory)).map(faultLine).join('\n');
    };
    const rows: readonly (readonly [text: string, line: number, column: number])[] = [
      ['{', 1, 2],
      ['{"a": hunter2}', 1, 7],
      ['{"server": {\n  "port": 8000,\n}}', 3, 1],
      ['{\n  // a comment\n}', 2, 3],
      ['{"a": 1 "b": 2}', 1, 9],
      ["{'a': 1}", 1, 2],
      ['{"a": [1, 2,, 3]}', 1, 13],
      ['{"a": "\thunter2"}', 1, 7],
      ['{"a": 01}', 1, 8],
      ['{"a": 1}\n{"b": 2}', 2, 1],
      ['{"a": 1}}', 1, 9],
      ['{"a"; 1}', 1, 5],
      ['{"a": nul}', 1, 7],
    ];
    for (const [text, line, column] of rows) {
      t.equal(
        told(text),
        `default.json=the file: expected JSON; it stops being JSON at line ${line}, column ${column}`,
        text,
      );
    }
    for (const text of ['', ' \n', '\uFEFF']) t.match(told(text), /the file is empty/);
    const directory = t.testdir({ 'default.json': {} });
    t.match(left(readConfig({}, directory)).map(faultLine), [/^default\.json=.*can be read/]);
  },
);

t.test('when a value begins or ends with a blank, then that is told', async (t) => {
  for (const [key, value] of Object.entries({
    PORT: '8000 ',
    REDIS_URL: 'redis://h:1 ',
    JWT_ISSUER: ' me',
    API_KEYS: `${'k'.repeat(40)}\n`,
    SERVER_ID: 'a\t',
    REDIS_PREFIX: ' a',
    ALLOWED_ORIGINS: 'https://a.example ',
  }))
    t.match(left(readConfig({ [key]: value }, undefined)).map(faultLine), [
      new RegExp(`^${key}=.*: expected no blank and no line end`),
    ]);
  t.equal(read({ JWT_PUBLIC_KEY: `${PUBLIC}\n` }).access.jwtPublicKey, `${PUBLIC}\n`);
});

t.test('when an origin is nearly one, then the fault says how to write it', async (t) => {
  for (const [value, hint] of [
    ['https://a.example/', '; write https://a.example, without a / or a path behind it'],
    ['https://b.example,https://a.example/app', '; write https://a.example, without a / or a path'],
    ['https://*.a.example/', '; write https://*.a.example, without a / or a path behind it'],
    ['https://A.example:443', '; write https://a.example$'],
    ['a.example', 'a default port$'],
  ] as const)
    t.match(left(readConfig({ ALLOWED_ORIGINS: value }, undefined)).map(faultLine), [
      new RegExp(hint.replaceAll(/[*.]/g, '\\$&')),
    ]);
});

t.test('when a value of a file is wrong, then its variable is told, too', async (t) => {
  const directory = t.testdir({
    'default.json': '{"server":{"port":"x"},"broker":{"redisUrl":"","redisCluster":true}}',
  });
  t.strictSame(left(readConfig({}, directory)).map(faultLine), [
    'server.port=x: expected a whole number from 0 to 65535 (as a variable: PORT)',
    'REDIS_URL=: expected a node or more, as REDIS_CLUSTER is true',
  ]);
});

t.test('all faults are told at once, a relation only of values that are good', async (t) => {
  t.strictSame(
    faults({
      PORT: 'x',
      LOG_LEVEL: 'loud',
      PRESENCE_EVENTS: 'maybe',
      AUTH_ENABLED: 'true',
      PONG_TIMEOUT_MS: '1',
      REDIS_CLUSTER: 'true',
      LOG_TTL_MS: 'x',
    }).toSorted(),
    [
      'AUTH_ENABLED',
      'LOG_LEVEL',
      'LOG_TTL_MS',
      'PING_INTERVAL_MS',
      'PORT',
      'PRESENCE_EVENTS',
      'REDIS_URL',
    ],
  );
});

t.test('what is not in this version says so', async (t) => {
  const [kafka, database] = left(
    readConfig({ KAFKA_BROKERS: 'k:1', DATABASE_URL: 'postgres://u:hunter2@h/d' }, undefined),
  ).map(faultLine);
  t.match(kafka, /^KAFKA_BROKERS=k:1: expected nothing: Kafka comes with a later version/);
  t.match(database, /^DATABASE_URL=postgres:\/\/\*\*\*@h\/d: expected nothing: .*later version/);
});

t.test('a token can be asked for when there is something to judge it with', async (t) => {
  const on = { AUTH_ENABLED: 'true' };
  t.match(left(readConfig(on, undefined)).map(faultLine), [
    /^AUTH_ENABLED=true: expected JWT_SECRET, .*API_KEYS beside it/,
  ]);
  for (const keys of [
    { JWT_SECRET: '#'.repeat(32) },
    { JWT_PUBLIC_KEY: PUBLIC },
    { JWT_JWKS_URL: 'https://id.example/keys' },
    { API_KEYS: '8-signs-' },
  ])
    t.equal(read({ ...on, ...keys }).access.authEnabled, true, JSON.stringify(Object.keys(keys)));
  const [mistaken] = left(readConfig({ ...on, JWT_PUBLIC_KEY: PRIVATE }, undefined)).map(faultLine);
  t.match(mistaken, /^JWT_PUBLIC_KEY=\*\*\*: expected .*this one is private/);
});

t.test('when tokens are asked for, then weak secrets and keys stop the start', async (t) => {
  const on = { AUTH_ENABLED: 'true' };
  const random = 'vR4q0mSx7ZkT2nWc9bLh3uYd6pJg8eFa';
  const rows: readonly (readonly [env: Readonly<Record<string, string>>, line: RegExp])[] = [
    [{ JWT_SECRET: 'your-secret-key' }, /^JWT_SECRET=\*\*\*: expected at least 32 bytes/],
    [{ JWT_SECRET: random.slice(1) }, /^JWT_SECRET=\*\*\*: expected at least 32 bytes/],
    [
      { JWT_SECRET: 'a-string-secret-at-least-256-bits-long' },
      /^JWT_SECRET=\*\*\*: expected a secret of your own/,
    ],
    [{ API_KEYS: 'k' }, /^API_KEYS=\*\*\*: expected keys of at least 8 characters/],
    [{ API_KEYS: `${random},1234567` }, /^API_KEYS=\*\*\*: expected keys of at least 8 characters/],
    [
      { JWT_SECRET: random, API_KEYS: random },
      /^API_KEYS=\*\*\*: expected keys that differ from JWT_SECRET/,
    ],
  ];
  for (const [env, line] of rows) {
    const lines = left(readConfig({ ...on, ...env }, undefined)).map(faultLine);
    t.equal(lines.length, 1, lines.join());
    t.match(lines[0], line);
    for (const value of Object.values(env).filter(({ length }) => length > 8))
      t.notOk(lines[0]?.includes(value), 'no text of it');
    t.ok(E.isRight(readConfig(env, undefined)), 'where nobody is asked they open nothing');
  }
  t.equal(read({ ...on, JWT_SECRET: random }).access.jwtSecret, random);
  t.equal(read({ ...on, JWT_SECRET: 'ä'.repeat(16) }).access.jwtSecret.length, 16, 'bytes count');
  t.equal(
    left(readConfig({ ...on, JWT_SECRET: 'x', API_KEYS: 'y' }, undefined)).length,
    2,
    'both at once',
  );
});

t.test('when a database is named without a prefix, then it is warned of', async (t) => {
  const said = (env: Readonly<Record<string, string>>): string => warningsOf(read(env)).join('\n');
  t.match(said({ REDIS_URL: 'redis://h/1' }), /^REDIS_URL names database 1 without a REDIS_PREFIX/);
  t.equal(said({ REDIS_URL: 'redis://h/1', REDIS_PREFIX: 'a:' }), '');
  t.equal(said({ REDIS_URL: 'redis://h/0' }) + said({ REDIS_URL: 'redis://h' }) + said({}), '');
});

t.test('when more than one worker is asked for, then it is warned of', async (t) => {
  const said = (env: Readonly<Record<string, string>>): string => warningsOf(read(env)).join('\n');
  for (const given of ['2', '1024', 'auto'])
    t.match(
      said({ WORKERS: given }),
      new RegExp(`^WORKERS is ${given} and has no effect: .* one worker a process`),
    );
  t.equal(said({ WORKERS: '1' }) + said({ WORKERS: '' }), '');
});

t.test('when a variable is unknown and looks like one of ours, then it is told', async (t) => {
  const meant = (name: string): string | undefined =>
    / is (\w+) meant/.exec(unknownVariables({ [name]: 'x' }).join())?.[1];
  for (const [name, known] of Object.entries({
    PROT: 'PORT',
    HSOT: 'HOST',
    MAX_CONNECTION: 'MAX_CONNECTIONS',
    JWT_SECRT: 'JWT_SECRET',
    REDIS_URI: 'REDIS_URL',
    REDISURL: 'REDIS_URL',
    redis_url: 'REDIS_URL',
    'REDIS-URL': 'REDIS_URL',
    ALLOWED_ORIGIN: 'ALLOWED_ORIGINS',
    AUTH_ENABELD: 'AUTH_ENABLED',
    SERVERID: 'SERVER_ID',
    NODE_EVN: 'NODE_ENV',
    port: 'PORT',
    Host: 'HOST',
    log_level: 'LOG_LEVEL',
    REDIS_HOST: 'REDIS_URL',
    REDIS_PORT: 'REDIS_URL',
    REDIS_PASSWORD: 'REDIS_URL',
    redis_password: 'REDIS_URL',
    JWT_KEY: 'JWT_SECRET',
    JWT_PUBLIC_KEY_FILE: 'JWT_PUBLIC_KEY',
    AUTH_REQUIRED: 'AUTH_ENABLED',
    AUTH_SECRET: 'JWT_SECRET',
    LOG_TTL: 'LOG_TTL_MS',
    LOG_PRETTY: 'LOG_LEVEL',
    RATE_LIMIT: 'RATE_LIMIT_PER_SECOND',
    MAX_ROOMS: 'MAX_ROOMS_PER_CONNECTION',
    MAX_MESSAGE_SIZE: 'MAX_MESSAGE_BYTES',
    API_TOKEN: 'API_KEYS',
    BROKER_TIMEOUT: 'BROKER_TIMEOUT_MS',
  }))
    t.equal(meant(name), known, name);
  for (const name of [
    ...['PORTS', 'POST', 'SORT', 'HOME', 'HOSTS', 'GHOST', 'PATH', 'PWD', 'USER', 'SHELL', 'LANG'],
    ...['TERM', 'LOGNAME', 'HOSTNAME', 'DATABASE', 'HTTP_PROXY', 'SERVER_NAME', 'MAX', 'REDIS'],
    ...['npm_config_port', 'NODE_OPTIONS', 'CHAT_PORT', 'XPORT', '_', ''],
    ...[`MAX_${'A'.repeat(1000)}`, 'BASE_URL', 'KAFKA_HOST', 'DATABASE_HOST', 'AUTHORITY'],
    ...Object.keys(CONTRACT),
  ])
    t.equal(meant(name), undefined, name);
  const twice = { REDIS_HOST: 'a', redis_host: 'b' };
  t.equal(unknownVariables(twice).length, 2, 'each once');
  t.strictSame(unknownVariables({ PROT: '', JWT_SECRT: undefined }), [], 'not set');
  t.notMatch(unknownVariables({ JWT_SECRT: 'hunter2' }), [/hunter2/]);
});

t.test('when the platform sets variables for services beside it, then none is told', async (t) => {
  const address = 'tcp://10.96.0.11:6379';
  const services = ['REDIS', 'API', 'AUTH', 'LOG', 'REDIS_CLUSTER', 'RATE_LIMIT', 'JWT', 'MAX'];
  const env = Object.assign(
    {},
    ...services.map((name) => ({
      [`${name}_SERVICE_HOST`]: '10.96.0.11',
      [`${name}_SERVICE_PORT`]: '6379',
      [`${name}_SERVICE_PORT_HTTP`]: '6379',
      [`${name}_PORT`]: address,
      [`${name}_PORT_6379_TCP`]: address,
      [`${name}_PORT_6379_TCP_PROTO`]: 'tcp',
      [`${name}_PORT_6379_TCP_PORT`]: '6379',
      [`${name}_PORT_6379_TCP_ADDR`]: '10.96.0.11',
      [`${name}_NAME`]: '/chat/redis',
      [`${name}_ENV_LANG`]: 'C',
    })),
  ) as Record<string, string>;
  t.strictSame(unknownVariables(env), []);
  t.equal(E.isRight(readConfig(env, undefined)), true);
});

t.test('what is hardly ever meant is said', async (t) => {
  const said = (env: Readonly<Record<string, string>>): string => warningsOf(read(env)).join('\n');
  const random = 'vR4q0mSx7ZkT2nWc9bLh3uYd6pJg8eFa';
  const on = { AUTH_ENABLED: 'true', HOST: '0.0.0.0' };
  t.equal(said({}), '');
  t.match(said({ HOST: '0.0.0.0' }), /^AUTH_ENABLED is false on an address/);
  t.equal(
    said({ JWT_SECRET: 's', API_KEYS: 'k' }).replace(/:.*/s, ''),
    'AUTH_ENABLED is false',
    'and not that they are weak',
  );
  t.equal(said({ ...on, JWT_SECRET: random, API_KEYS: random.slice(0, 16) }), '');
  for (const secret of [
    'x'.repeat(32),
    'CHANGE_ME-CHANGE_ME-CHANGE_ME-CHANGE_ME',
    'changeme-0123456789abcdef0123456789',
    'this-is-your-secret-key-of-32-bytes',
    `${random}-example`,
  ]) {
    const text = said({ ...on, JWT_SECRET: secret });
    t.match(text, /^JWT_SECRET looks like a placeholder: .*[^\n]$/, secret);
    t.notOk(text.includes(secret));
  }
  t.match(
    said({ ...on, JWT_SECRET: `${random}\n` }),
    /^JWT_SECRET begins or ends with white space/,
  );
  for (const keys of ['8-signs-', 'fifteen-signs-1'])
    t.match(said({ ...on, API_KEYS: keys }), /^API_KEYS: a key is shorter than 16 characters; /);
  for (const keys of ['changeme-changeme', 'a'.repeat(16)])
    t.match(said({ ...on, API_KEYS: keys }), /^API_KEYS: a key looks like a placeholder; /);
  t.match(said({ ...on, API_KEYS: `${random},${random}` }), /^API_KEYS: a key stands there twice/);
  const jwks = (JWT_JWKS_URL: string, JWT_AUDIENCE = 'chat'): string =>
    said({ AUTH_ENABLED: 'true', JWT_JWKS_URL, JWT_AUDIENCE });
  t.match(jwks('http://id.example/k'), /^JWT_JWKS_URL is not https/);
  t.equal(
    jwks('http://127.0.0.1:1/k') + jwks('http://[::1]:1/k') + jwks('https://id.example/k'),
    '',
  );
  t.match(jwks('https://id.example/k', ''), /^JWT_JWKS_URL without JWT_AUDIENCE/);
});

t.test('faults show no secret and are one line each', async (t) => {
  const shown = (env: Readonly<Record<string, string>>): string =>
    left(readConfig(env, undefined)).map(faultLine).join('\n');
  for (const [key, value] of Object.entries({
    API_KEYS: 'hunter2,,x',
    REDIS_URL: 'http://user:hunter2@h',
    DATABASE_URL: 'postgres://u:a@b,hunter2?x@h/d?password=hunter2',
    JWT_JWKS_URL: 'x://u:hunter2@h',
    ALLOWED_ORIGINS: 'https://u:hunter2@h',
    REDIS_SENTINELS: 'u:hunter2@h',
  })) {
    t.match(shown({ [key]: value }), `${key}=`);
    t.notMatch(shown({ [key]: value }), /hunter2/, key);
  }
  t.notMatch(
    left(configOf({ access: { jwtSecret: ['hunter2'] as unknown as string } }))
      .map(faultLine)
      .join('\n'),
    /hunter2/,
  );
  t.notMatch(
    left(configOf({ access: { jwtSekret: 'hunter2' } as object }))
      .map(faultLine)
      .join('\n'),
    /hunter2/,
  );
  t.equal(shown({ LOG_LEVEL: 'a\nb\r\u001b[31mc' }).split(/[\n\r\u001b]/).length, 1);
  t.ok(shown({ LOG_LEVEL: 'x'.repeat(10_000) }).length < 400);
  const broken = t.testdir({ 'default.json': '{"access":{"jwtSecret":"hunter2"' });
  t.notMatch(left(readConfig({}, broken)).map(faultLine).join('\n'), /hunter2/);
});

t.test(
  'files: unknown keys, wrong shapes and wrong kinds are faults that name their path',
  async (t) => {
    const of = (text: string): readonly string[] =>
      left(readConfig({}, t.testdir({ 'default.json': text }))).map(({ key }) => key);
    t.strictSame(of('{'), ['default.json']);
    t.strictSame(of('\uFEFF{"server":{"port":"x"}}'), ['server.port'], 'behind a byte order mark');
    t.strictSame(of('[]'), ['configuration']);
    t.strictSame(of('{"server":1,"sever":{},"limits":{"prot":1}}'), [
      'server',
      'sever',
      'limits.prot',
    ]);
    t.strictSame(of('{"server":{"port":{"a":{"b":1}}}}'), ['server.port']);
    t.strictSame(of('{"__proto__":{},"server":{"__proto__":1,"constructor":2,"toString":3}}'), [
      '__proto__',
      'server.__proto__',
      'server.constructor',
      'server.toString',
    ]);
    t.strictSame(
      of(
        '{"server":{"port":true,"host":7,"allowedOrigins":[1],"drainMs":null,"readyRequiresBroker":"TLS"}}',
      ),
      [
        'server.port',
        'server.host',
        'server.drainMs',
        'server.readyRequiresBroker',
        'server.allowedOrigins',
      ],
    );
    const directory = t.testdir({ 'default.json': '{"server":{"port":"x"}}' });
    t.equal(
      right(readConfig({ PORT: '1' }, directory)).server.port,
      1,
      'a value that another layer replaces does not count',
    );
    mkdirSync(join(directory, 'empty'));
    writeFileSync(join(directory, 'production.json'), '{"server":{"port":80}}');
    t.equal(right(readConfig({ NODE_ENV: 'production' }, directory)).server.port, 80);
    t.equal(
      right(readConfig({}, join(directory, 'empty'))).server.port,
      8000,
      'no file is no fault',
    );
  },
);

t.test('a program gives its own values, checked the same way', async (t) => {
  const config = right(
    configOf({
      server: { port: 0, serverId: 'a' },
      broker: {
        redisSentinels: [{ host: 'h', port: 1 }],
        redisSentinelName: 'm',
        redisUrl: undefined,
      },
    }),
  );
  t.equal(config.server.port, 0);
  t.strictSame(config.broker.redisSentinels, [{ host: 'h', port: 1 }]);
  t.strictSame(
    left(configOf({ server: { port: -1 }, limits: { pingIntervalMs: 70_000 } })).map(
      ({ key }) => key,
    ),
    ['server.port', 'limits.pingIntervalMs'],
  );
  t.equal(
    right(configOf({ server: { serverId: 'b' } })).broker.redisUrl,
    '',
    'one call leaves nothing to the next',
  );
});

t.test(
  'when a program has the environment read, then its variables are above its own values',
  async (t) => {
    const own = { server: { port: 1, drainMs: 2_000 } };
    t.match(right(configOf(own, { PORT: '3' })).server, { port: 3, drainMs: 2_000 });
    t.equal(right(configOf(own)).server.port, 1, 'it is not read unless it is given');
    t.equal(configOrThrow(own, { PORT: '3' }).server.port, 3);
  },
);

t.test('when a program hands over no object, then the error names what is expected', async (t) => {
  const none = null as unknown as undefined;
  for (const given of [null, 'x', 5, []])
    t.throws(() => configOrThrow(given as unknown as undefined), {
      name: 'ConfigError',
      message: /configuration=.*: expected an object of groups/,
    });
  const env = none as unknown as Record<string, string>;
  const why = { name: 'ConfigError', message: /environment=null: expected variables by name/ };
  t.throws(() => configOrThrow({}, env), why);
  t.match(left(readConfig(env, undefined)), [{ key: 'environment' }]);
});

t.test(
  'when a configuration that has to be right is wrong, then the error lists every fault and no secret',
  async (t) => {
    const wrong = {
      server: { port: -1 },
      access: { jwtSecret: ['hunter2'] as unknown as string },
      limits: { pingIntervalMs: 70_000 },
    };
    try {
      configOrThrow(wrong, { LOG_LEVEL: 'loud' });
      t.fail('it throws');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      t.equal(error.name, 'ConfigError');
      t.strictSame(error.faults, left(configOf(wrong, { LOG_LEVEL: 'loud' })));
      t.strictSame(
        error.faults.map(({ key }) => key),
        ['server.port', 'LOG_LEVEL', 'access.jwtSecret', 'limits.pingIntervalMs'],
      );
      t.strictSame(error.message.split('\n').slice(1), error.faults.map(faultLine));
      t.match(error.message, /^the configuration has faults:\nserver\.port=-1: expected /);
      t.notMatch(error.message, /hunter2/);
    }
  },
);

t.test('the result cannot be changed', async (t) => {
  const config = read({ REDIS_SENTINELS: 'a:1', REDIS_SENTINEL_NAME: 'm' });
  t.ok(Object.isFrozen(config));
  for (const group of Object.values(config)) t.ok(Object.isFrozen(group));
  t.ok(Object.isFrozen(config.broker.redisSentinels[0]));
  t.ok(Object.isFrozen(config.server.allowedOrigins));
});

t.test('no text whatever throws, and what is taken is within its bounds', async () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(CONTRACT)),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
      (key, value) => {
        const result = readConfig({ [key]: value }, undefined);
        return E.isLeft(result)
          ? result.left.every((fault) => !/[\n\r]/.test(faultLine(fault)))
          : result.right.server.port <= 65_535;
      },
    ),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => void configOf(value as object)),
    { numRuns: 500 },
  );
});
