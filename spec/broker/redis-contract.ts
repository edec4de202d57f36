/**
 * What every client of a real Redis must do, whatever kind of Redis it is. Nothing here waits for a fixed
 * time, only for an event, with a time limit.
 */
import { type Test } from 'tap';
import { until } from '../support/redis.js';
import { left } from '../support/watched-bus.js';
import { channels } from './redis-contract/channels.js';
import { placing } from './redis-contract/placing.js';
import { podsOf } from './redis-contract/pods.js';
import { refusals } from './redis-contract/refusals.js';
import { type Kind, twoPods } from './redis-contract/two-pods.js';

/** All that holds on every kind of Redis. */
export const behaves = async (test: Test, kind: Kind): Promise<void> => {
  const pods = await twoPods(kind);
  const { a, b } = pods;
  await placing(test, pods);
  await podsOf(test, pods);
  await channels(test, pods);
  await refusals(test, pods);
  await Promise.all([a.close(), b.close()]);
  await test.test('when the client is closed, then no socket is open', async (t) => {
    const sockets = (): number =>
      process.getActiveResourcesInfo().filter((name) => /TCP|TLS/.test(name)).length;
    await until('the sockets are gone', () => sockets() === 0, 3_000);
    t.equal(await left(a.bus.probe('x')), 'Unreachable');
  });
};
