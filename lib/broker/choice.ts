/** Which broker a configuration asks for. */
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import type { Broker } from './index.js';
import { localBroker } from './local.js';

export const brokerOf = (config: Config, clock: Clock): Broker => localBroker({ clock, positionTtlMs: config.log.logPositionTtlMs });
