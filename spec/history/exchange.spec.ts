/** The log of the exchange passes the contract of all logs, in virtual time. */
import t from 'tap';
import { exchangeWorld } from '../support/exchange-world.js';
import { virtualClock } from '../support/virtual-clock.js';
import { logContract } from './contract.js';
import { LOG_TTL_MS, portWorld } from './port-world.js';

logContract(t, {
  name: 'the exchange',
  runs: 300,
  world: async ({ logMessages }) => {
    const clock = virtualClock();
    const { worker } = exchangeWorld(clock, { logMessages, logTtlMs: LOG_TTL_MS });
    return portWorld(clock, worker('worker-1').port);
  },
});
