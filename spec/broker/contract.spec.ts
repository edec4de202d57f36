/** The broker of many pods keeps the contract of all brokers: on one pod and on three, over a model of Redis in virtual time. */
import t from 'tap';
import { clusterBroker } from '../../lib/broker/cluster/cluster-broker.js';
import { modelBus } from '../support/model-bus.js';
import { modelRedis } from '../support/model-redis.js';
import { virtualClock } from '../support/virtual-clock.js';
import { brokerContract } from './contract.js';
import { type Cluster } from './contract/brokers.js';

const cluster = (pods: number): Cluster => {
  const clock = virtualClock();
  const redis = modelRedis(clock);
  const buses = Array.from({ length: pods }, (_, i) => modelBus(redis, clock, `pod-${i}`));
  const brokers = buses.map((bus, i) =>
    clusterBroker({ redis: bus, clock, serverId: `pod-${i}`, timeoutMs: 2_000 }),
  );
  // the first probe has come round
  clock.advance(1_000);
  const own = brokers.map(({ holdings }) => holdings().channels);
  return {
    clock,
    brokers,
    // a count may be a second late
    settleMs: 3_000,
    breakOff: (pod) => buses[pod]?.breakOff('both'),
    retained: () =>
      brokers.reduce((sum, { holdings }, i) => {
        const { channels, rooms, queues, counts } = holdings();
        return sum + channels - (own[i] ?? 0) + rooms + queues + counts;
      }, 0),
  };
};

brokerContract(t, { name: 'the broker of many pods', cluster, pods: [1, 3] });
