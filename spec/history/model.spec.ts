/**
 * The log of the model passes the contract of all logs: so what specs show on it in virtual time holds on a
 * real Redis.
 */
import t from 'tap';
import { modelBus } from '../support/model-bus.js';
import { modelRedis } from '../support/model-redis.js';
import { virtualClock } from '../support/virtual-clock.js';
import { logContract } from './contract.js';
import { LOG_TTL_MS, portWorld } from './port-world.js';

logContract(t, {
  name: 'the model',
  runs: 300,
  world: async ({ logMessages }) => {
    const clock = virtualClock();
    const redis = modelRedis(clock, { logMessages, logTtlMs: LOG_TTL_MS });
    return portWorld(clock, modelBus(redis, clock, 'pod-1'));
  },
});
