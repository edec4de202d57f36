/** The rights that a user of Redis lacks, against the lists of docs/security.md; and the clock of Redis. */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import type { RedisClientOptions } from '../../../lib/broker/redis/options.js';
import { redisFacts, type RedisFacts } from '../../../lib/broker/redis/rights.js';
import { systemClock } from '../../../lib/clock.js';
import { ACL_USER, aclOf } from '../../support/docs.js';
import { OTHERS, startRedis, urlOf } from '../../support/redis.js';

const server = await startRedis({ acl: [OTHERS] });
t.teardown(() => server.stop());

const optionsOf = (given: Partial<RedisClientOptions> = {}): RedisClientOptions => ({
  url: urlOf(server.port, ACL_USER),
  sentinels: [],
  sentinelName: '',
  prefix: '',
  serverId: 'check-1',
  timeoutMs: 2_000,
  positionTtlMs: 60_000,
  logMessages: 10,
  logTtlMs: 60_000,
  clock: systemClock,
  ...given,
});

const factsOf = async (
  rules: readonly string[],
  isCluster: boolean,
  given?: Partial<RedisClientOptions>,
): Promise<RedisFacts> => {
  await server.command('ACL', 'SETUSER', 'chat', 'reset', ...rules);
  const [facts] = await redisFacts(optionsOf(given), isCluster);
  if (facts === undefined || isLeft(facts)) throw new Error(`no facts: ${JSON.stringify(facts)}`);
  return facts.right;
};

/** The connection is made with these, or without them: ioredis goes on. */
const OF_CONNECTION = new Set(['+hello', '+auth', '+client|setname']);

for (const kind of ['standalone', 'Cluster'] as const) {
  const rules = aclOf(kind).replace('user chat ', '').split(' ');
  const isCluster = kind === 'Cluster';

  t.test(
    `when a user has the rights of the document (${kind}), then none is missing`,
    async (t) => {
      const facts = await factsOf(rules, isCluster);
      t.strictSame(facts.missing, []);
      t.equal(facts.node, `127.0.0.1:${server.port}`);
      t.ok(Math.abs(facts.aheadMs ?? Infinity) < 1_000, `${facts.aheadMs} ms`);
      t.strictSame(await server.command('KEYS', '*'), [], 'nothing is left in Redis');
    },
  );

  t.test(`when a right of the document is missing (${kind}), then it is named`, async (t) => {
    for (const right of rules.filter((rule) => rule.startsWith('+') && !OF_CONNECTION.has(rule))) {
      const facts = await factsOf(
        rules.filter((rule) => rule !== right),
        isCluster,
      );
      t.strictSame(facts.missing, [right]);
    }
  });

  t.test(`when keys or channels are not allowed (${kind}), then the rules are named`, async (t) => {
    const without = (pattern: string, other: string): readonly string[] =>
      rules.map((rule) => (rule === pattern ? other : rule));
    const keys = await factsOf(without('~{realtime:*', '~other:*'), isCluster);
    t.strictSame(keys.missing, ['~{realtime:*']);
    const channels = await factsOf(without('&realtime:*', '&realtime:pod:*'), isCluster);
    t.strictSame(channels.missing, ['&realtime:global', '&realtime:control', '&realtime:room:*']);
  });
}

t.test('when there is a prefix, then the rules begin with it', async (t) => {
  const facts = await factsOf(aclOf('standalone').replace('user chat ', '').split(' '), false, {
    prefix: 'a:',
  });
  t.strictSame(facts.missing, [
    '~a:*',
    '&a:realtime:pod:*',
    '&a:realtime:global',
    '&a:realtime:control',
    '&a:realtime:room:*',
  ]);
});

t.test('when Redis cannot be used, then the reason and what to do are said', async (t) => {
  const detailOf = async (url: string): Promise<string> => {
    const [facts] = await redisFacts(optionsOf({ url }), false);
    return facts === undefined || isRight(facts) ? '' : facts.left;
  };
  t.match(await detailOf(urlOf(server.port, 'chat:wrong')), /WRONGPASS .*check the user and the/);
  t.match(await detailOf('redis://127.0.0.1:1'), /^127\.0\.0\.1:1: .*ECONNREFUSED.*start Redis/);
});
