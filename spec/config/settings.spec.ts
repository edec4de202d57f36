/** The form of each variable: what it takes and what it refuses. */
import { createPublicKey } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import t from 'tap';
import { readConfig } from '../../lib/config/index.js';
import { faults, INFINITE, JWK, pem, PRIVATE, PUBLIC, RSA, SEVENS } from '../support/config.js';

t.test('when a value has not the form of its variable, then that is the only fault', async (t) => {
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
    DEMO_PAGE: { good: ['true', 'false', '1', '0'], bad: ['on', 'demo'] },
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
        // every host in it could choose its own address
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
    DATABASE_URL: {
      good: ['postgres://localhost/chat', 'postgresql://u:p@h:1/d?sslmode=no-verify'],
      bad: ['postgres://localhost', 'localhost/chat', 'redis://h/1', 'postgres://h/d?ssl_mode=x'],
    },
    ARCHIVE_RETENTION_DAYS: { good: ['0', '1', '36500'], bad: ['-1', '36501', '30d', '1.5'] },
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
