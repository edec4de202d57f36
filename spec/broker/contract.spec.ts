/** The broker of many pods keeps the contract of all brokers: on one pod and on three, over a model of Redis in virtual time. */
import t from 'tap';
import { modelBus } from '../support/model-bus.js';
import { modelRedis } from '../support/model-redis.js';
import { virtualClock } from '../support/virtual-clock.js';
import { brokerContract } from './contract.js';
import { type Cluster } from './contract/brokers.js';
import { clusterBrokers } from './contract/cluster-brokers.js';

const cluster = (pods: number): Cluster => {
  const clock = virtualClock();
  const redis = modelRedis(clock);
  const buses = Array.from({ length: pods }, (_, i) => modelBus(redis, clock, `pod-${i}`));
  return {
    ...clusterBrokers(clock, Object.fromEntries(buses.map((bus, i) => [`pod-${i}`, bus]))),
    breakOff: (pod) => buses[pod]?.breakOff('both'),
  };
};

brokerContract(t, { name: 'the broker of many pods', cluster, pods: [1, 3] });
