/** Cluster brokers over ports in virtual time, as the contract wants them. */
import { clusterBroker } from '../../../lib/broker/cluster/cluster-broker.js';
import type { RedisPort } from '../../../lib/broker/redis/port.js';
import type { VirtualClock } from '../../support/virtual-clock.js';
import type { Cluster } from './brokers.js';

/** `ports`: one for each pod, by its `SERVER_ID`. */
export const clusterBrokers = (
  clock: VirtualClock,
  ports: Readonly<Record<string, RedisPort>>,
): Cluster => {
  const brokers = Object.entries(ports).map(([serverId, redis]) =>
    clusterBroker({ redis, clock, serverId, timeoutMs: 2_000 }),
  );
  // the first probe has come round
  clock.advance(1_000);
  const own = brokers.map(({ holdings }) => holdings().channels);
  return {
    clock,
    brokers,
    // a count may be a second late
    settleMs: 3_000,
    retained: () =>
      brokers.reduce((sum, { holdings }, i) => {
        const { channels, rooms, queues, counts } = holdings();
        return sum + channels - (own[i] ?? 0) + rooms + queues + counts;
      }, 0),
  };
};
