/** What the cluster broker is made from: the port to Redis, the clock, and the limits of its configuration. */
import type { Clock } from '../../clock.js';
import type { RedisPort } from '../redis/port.js';

export interface ClusterBrokerDeps {
  readonly redis: RedisPort;
  /** The name in `stats`; the default is `redis`. */
  readonly name?: string;
  readonly clock: Clock;
  readonly serverId: string;
  /** `BROKER_TIMEOUT_MS`. */
  readonly timeoutMs: number;
  /** `LOG_POSITION_TTL_MS`; the default is a day. */
  readonly positionTtlMs?: number;
  /** `LOG_TTL_MS`: for this long the log may still return a message that this pod has already delivered. */
  readonly logTtlMs?: number;
}
