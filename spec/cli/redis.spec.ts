/** `chat-api check` with a Redis: one that a pod can use, one without the rights, and none. */
import t from 'tap';
import { commandEnded } from '../support/command.js';
import { ACL_USER, aclOf } from '../support/docs.js';
import { HOST, OTHERS, startRedis, urlOf } from '../support/redis.js';

const server = await startRedis({ acl: [OTHERS, aclOf('standalone')] });
t.teardown(() => server.stop());
const MAX_CONNECTIONS = '10';

t.test('when a user has the least rights, then all is well, and no key is left', async (t) => {
  const env = { MAX_CONNECTIONS, REDIS_URL: urlOf(server.port, ACL_USER), SERVER_ID: 'pod-1' };
  const { code, stdout } = await commandEnded(t, ['check'], env);
  t.equal(code, 0, stdout);
  t.match(stdout, /^ok {7}rights: .*\nok {7}clock: .* ms (ahead of|behind) this machine$/m);
  t.match(stdout, /^ok {7}Redis: redis:.*: a message comes back in [\d.]+ ms$/m);
  t.notMatch(stdout, /secret/);
  // the key that the probe writes ends by itself
  const keys = (await server.command('KEYS', '*')) as readonly string[];
  t.strictSame(
    keys.filter((key) => !/^\{realtime:pod:check-\w+\}:lease$/.test(key)),
    [],
    'the lease is given back',
  );
});

t.test('when rights are missing, then check names them, and ends with 1', async (t) => {
  await server.command('ACL', 'SETUSER', 'chat', '-xadd', 'resetchannels', '&realtime:pod:*');
  const env = { MAX_CONNECTIONS, REDIS_URL: urlOf(server.port, ACL_USER) };
  const { code, stdout } = await commandEnded(t, ['check'], env);
  t.equal(code, 1);
  t.match(stdout, / lacks \+xadd &realtime:global &realtime:control &realtime:room:\*: add /);
});

t.test('when Redis does not answer, then check says why, and ends with 1', async (t) => {
  const gone = { MAX_CONNECTIONS, REDIS_URL: `redis://:hunter2@${HOST}:1` };
  const { code, stdout } = await commandEnded(t, ['check'], gone);
  t.equal(code, 1);
  t.match(stdout, /^failed {3}Redis: 127\.0\.0\.1:1: .*ECONNREFUSED.*start Redis/m);
  t.notMatch(stdout, /hunter2/);
  server.freeze();
  const env = { MAX_CONNECTIONS, REDIS_URL: urlOf(server.port, ACL_USER) };
  const frozen = await commandEnded(t, ['check'], env);
  server.thaw();
  t.equal(frozen.code, 1);
  t.match(frozen.stdout, /^failed {3}Redis: /m);
});
