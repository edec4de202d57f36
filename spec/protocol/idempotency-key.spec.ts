/** Idempotency keys: an owner and a text, and the one text that Redis has of both. */
import fc from 'fast-check';
import t from 'tap';
import {
  apiKey,
  appKey,
  clientKey,
  type IdempotencyKey,
  keyField,
  sqlKey,
} from '../../lib/protocol/idempotency-key.js';

const UUID = '6F1F8A0C-52A0-4C33-9B60-7D2F0A8F4C11';

const fieldOf = (key: IdempotencyKey | undefined): string | undefined =>
  key === undefined ? undefined : keyField(key);

t.test('when a message has no id, then it has no key', async (t) => {
  t.equal(clientKey('alice', undefined), undefined);
  t.equal(clientKey(null, undefined), undefined);
  t.equal(apiKey(undefined), undefined);
  t.equal(appKey(undefined), undefined);
});

t.test('when a client has no user id, then only a UUID is a key', async (t) => {
  t.equal(clientKey(null, 'x'), undefined);
  t.same(clientKey(null, UUID), { owner: { _tag: 'Anonymous' }, ref: UUID.toLowerCase() });
  t.same(clientKey('alice', 'x'), { owner: { _tag: 'User', userId: 'alice' }, ref: 'x' });
});

t.test(
  'when a key is written for Redis, then it has the form that pods of other versions write',
  async (t) => {
    t.equal(fieldOf(clientKey('alice', 'x:y')), 'alice:x:y');
    t.equal(fieldOf(clientKey('a:b%', 'x')), 'a%3Ab%25:x');
    t.equal(fieldOf(clientKey(null, UUID)), `:${UUID.toLowerCase()}`);
    t.equal(fieldOf(apiKey('x')), '%:x');
    t.equal(fieldOf(appKey('x')), 'x');
  },
);

t.test(
  'when a program writes its key like that of another owner, then the keys differ',
  async (t) => {
    t.equal(fieldOf(appKey('alice:x')), '%%:alice:x');
    t.not(fieldOf(appKey('alice:x')), fieldOf(clientKey('alice', 'x')));
    t.not(fieldOf(appKey('%:x')), fieldOf(apiKey('x')));
    t.equal(fieldOf(sqlKey(UUID)), `%%%:${UUID}`);
    t.not(fieldOf(appKey(`%%%:${UUID}`)), fieldOf(sqlKey(UUID)));
    t.not(fieldOf(appKey(`:${UUID.toLowerCase()}`)), fieldOf(clientKey(null, UUID)));
  },
);

t.test('when owners or texts differ, then so do the keys in Redis', async (t) => {
  const text = fc.string({
    unit: fc.constantFrom('a', ':', '%', '3', 'A'),
    minLength: 1,
    maxLength: 5,
  });
  const key = fc.oneof(
    fc.record({
      owner: fc.record({ _tag: fc.constant('User' as const), userId: text }),
      ref: text,
    }),
    fc.record({
      owner: fc.constantFrom(
        { _tag: 'Anonymous' as const },
        { _tag: 'Api' as const },
        { _tag: 'App' as const },
        { _tag: 'Sql' as const },
      ),
      ref: text,
    }),
  );
  fc.assert(
    fc.property(key, key, (one, other) => {
      const isSame = JSON.stringify(one) === JSON.stringify(other);
      return isSame === (keyField(one) === keyField(other));
    }),
    { numRuns: 20_000 },
  );
  t.pass();
});
