/**
 * The workers of one command keep the contract of all brokers, and their exchange keeps the contract of all
 * logs: one worker and three, in virtual time.
 */
import t from 'tap';
import { clusterBroker } from '../../../lib/broker/cluster/cluster-broker.js';
import { exchangeWorld } from '../../support/exchange-world.js';
import { virtualClock } from '../../support/virtual-clock.js';
import { brokerContract } from '../contract.js';
import type { Cluster } from '../contract/brokers.js';

const cluster = (count: number): Cluster => {
  const clock = virtualClock();
  const world = exchangeWorld(clock);
  const brokers = Array.from({ length: count }, (_, i) =>
    clusterBroker({
      redis: world.worker(`worker-${i}`).port,
      clock,
      serverId: `worker-${i}`,
      timeoutMs: 2_000,
    }),
  );
  // the first probe has come round
  clock.advance(1_000);
  const own = brokers.map(({ holdings }) => holdings().channels);
  return {
    clock,
    brokers,
    settleMs: 3_000,
    retained: () =>
      brokers.reduce((sum, { holdings }, i) => {
        const { channels, rooms, queues, counts } = holdings();
        return sum + channels - (own[i] ?? 0) + rooms + queues + counts;
      }, 0),
  };
};

brokerContract(t, { name: 'the broker of workers', cluster, pods: [1, 3] });
