/** What may be configured so, and hardly ever should be. */
import t from 'tap';
import { warningsOf } from '../../lib/config/warnings.js';
import { read } from '../support/config.js';

t.test('when a database is named without a prefix, then there is a warning', async (t) => {
  const warned = (env: Readonly<Record<string, string>>): string =>
    warningsOf(read(env)).join('\n');
  t.match(
    warned({ REDIS_URL: 'redis://h/1' }),
    /^REDIS_URL names database 1 without a REDIS_PREFIX/,
  );
  t.equal(warned({ REDIS_URL: 'redis://h/1', REDIS_PREFIX: 'a:' }), '');
  t.equal(
    warned({ REDIS_URL: 'redis://h/0' }) + warned({ REDIS_URL: 'redis://h' }) + warned({}),
    '',
  );
});

t.test('when messages are kept for some days without an archive, then that is said', async (t) => {
  const warned = (env: Readonly<Record<string, string>>): string =>
    warningsOf(read(env)).join('\n');
  const days = { ARCHIVE_RETENTION_DAYS: '30' };
  t.match(warned(days), /^ARCHIVE_RETENTION_DAYS is set without DATABASE_URL: .* no effect/);
  t.equal(warned({ ...days, DATABASE_URL: 'postgres://h/d' }), '');
  t.equal(warned({ DATABASE_URL: 'postgres://h/d' }), '');
});

t.test('when a configuration is unsafe, then the warning names the variable', async (t) => {
  const warned = (env: Readonly<Record<string, string>>): string =>
    warningsOf(read(env)).join('\n');
  const random = 'vR4q0mSx7ZkT2nWc9bLh3uYd6pJg8eFa';
  const on = { AUTH_ENABLED: 'true', HOST: '0.0.0.0' };
  t.equal(warned({}), '');
  t.match(warned({ HOST: '0.0.0.0' }), /^AUTH_ENABLED is false on an address/);
  t.match(warned({ API_KEYS: 'k' }), /no client needs one; set AUTH_ENABLED=true$/);
  t.equal(
    warned({ JWT_SECRET: 's', API_KEYS: 'k' }).replace(/:.*/s, ''),
    'AUTH_ENABLED is false',
    'and not that they are weak',
  );
  t.equal(warned({ ...on, JWT_SECRET: random, API_KEYS: random.slice(0, 16) }), '');
  for (const secret of [
    'x'.repeat(32),
    'CHANGE_ME-CHANGE_ME-CHANGE_ME-CHANGE_ME',
    'changeme-0123456789abcdef0123456789',
    'this-is-your-secret-key-of-32-bytes',
    `${random}-example`,
  ]) {
    const text = warned({ ...on, JWT_SECRET: secret });
    t.match(text, /^JWT_SECRET looks like a placeholder: .*[^\n]$/, secret);
    t.notOk(text.includes(secret));
  }
  t.match(
    warned({ ...on, JWT_SECRET: `${random}\n` }),
    /^JWT_SECRET begins or ends with white space: remove the white space/,
  );
  for (const keys of ['8-signs-', 'fifteen-signs-1'])
    t.match(warned({ ...on, API_KEYS: keys }), /^API_KEYS: a key is shorter than 16 characters; /);
  for (const keys of ['changeme-changeme', 'a'.repeat(16)])
    t.match(warned({ ...on, API_KEYS: keys }), /^API_KEYS: a key looks like a placeholder; /);
  t.match(
    warned({ ...on, API_KEYS: `${random},${random}` }),
    /^API_KEYS contains a key twice; remove one/,
  );
  const jwks = (JWT_JWKS_URL: string, JWT_AUDIENCE = 'chat'): string =>
    warned({ AUTH_ENABLED: 'true', JWT_JWKS_URL, JWT_AUDIENCE });
  t.match(jwks('http://id.example/k'), /^JWT_JWKS_URL is not https/);
  t.equal(
    jwks('http://127.0.0.1:1/k') + jwks('http://[::1]:1/k') + jwks('https://id.example/k'),
    '',
  );
  t.match(jwks('https://id.example/k', ''), /^JWT_JWKS_URL without JWT_AUDIENCE/);
});
