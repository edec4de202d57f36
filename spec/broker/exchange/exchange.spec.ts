/** The workers of one command keep the contract of all brokers: one worker and three, in virtual time. */
import t from 'tap';
import { exchangeWorld } from '../../support/exchange-world.js';
import { virtualClock } from '../../support/virtual-clock.js';
import { brokerContract } from '../contract.js';
import type { Cluster } from '../contract/brokers.js';
import { clusterBrokers } from '../contract/cluster-brokers.js';

const cluster = (count: number): Cluster => {
  const clock = virtualClock();
  const { worker } = exchangeWorld(clock);
  const names = Array.from({ length: count }, (_, i) => `worker-${i}`);
  return clusterBrokers(clock, Object.fromEntries(names.map((name) => [name, worker(name).port])));
};

brokerContract(t, { name: 'the broker of workers', cluster, pods: [1, 3] });
