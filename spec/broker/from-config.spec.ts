/** Which broker a configuration asks for. */
import t from 'tap';
import { brokerNameOf, brokerOf } from '../../lib/broker/from-config.js';
import type { ChannelEvent } from '../../lib/broker/index.js';
import { configWith } from '../support/hub-world.js';
import { draft, right } from '../support/messages.js';
import { virtualClock } from '../support/virtual-clock.js';

const SENTINEL = { host: 'sentinel.example', port: 26_379 };

t.test('when no Redis is configured, then the broker is the local one', async (t) => {
  t.equal(brokerNameOf(configWith()), 'local');
  t.equal(brokerOf(configWith(), virtualClock()).name, 'local');
});

t.test('when a URL or Sentinels are configured, then the broker is that of Redis', async (t) => {
  t.equal(brokerNameOf(configWith({ broker: { redisUrl: 'redis://redis.example' } })), 'redis');
  t.equal(
    brokerNameOf(configWith({ broker: { redisSentinels: [SENTINEL], redisSentinelName: 'main' } })),
    'redis',
  );
});

t.test('when the log is configured, then the local broker keeps as many messages', async (t) => {
  const clock = virtualClock();
  const broker = brokerOf(configWith({ log: { logMessages: 2, logTtlMs: 60_000 } }), clock);
  const events: ChannelEvent[] = [];
  broker.channel('r').subscribe((event) => events.push(event));
  for (let i = 1; i <= 3; i++) broker.publish(right(draft({ data: i }))).subscribe();
  const page = (): unknown => {
    let found: unknown;
    broker.log.page('r', 1, 10).subscribe((answer) => {
      found = answer._tag === 'Right' ? [answer.right.first, answer.right.entries.length] : answer;
    });
    return found;
  };
  t.same(page(), [2, 2], 'LOG_MESSAGES');
  clock.advance(60_001);
  t.same(page(), [4, 0], 'LOG_TTL_MS');
  t.equal(events.filter(({ _tag }) => _tag === 'Published').length, 3);
});
