/** Settings of the broker: where Redis is, and how long a publish may take. */
import {
  boolean,
  duration,
  list,
  matching,
  optional,
  redisPrefix,
  redisUrls,
  sentinels,
  text,
  unavailable,
} from '../formats.js';
import { setting } from '../setting.js';

const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;

export const broker = {
  redisUrl: setting(
    'REDIS_URL',
    '',
    redisUrls,
    'redis://, rediss:// or host:port; of a Cluster one node or more, comma separated. ' +
      'Empty: each start is a service of its own.',
  ),
  redisSentinels: setting(
    'REDIS_SENTINELS',
    '',
    sentinels,
    'Sentinels as host:port, comma separated. REDIS_SENTINEL_NAME is needed too.',
  ),
  redisSentinelName: setting(
    'REDIS_SENTINEL_NAME',
    '',
    optional(matching(/^[A-Za-z0-9._-]+$/, 'a name of A-Z a-z 0-9 . _ -')),
    'The name of the master that the Sentinels watch.',
  ),
  redisCluster: setting(
    'REDIS_CLUSTER',
    false,
    boolean,
    'Whether REDIS_URL names nodes of a Redis Cluster.',
  ),
  redisPrefix: setting(
    'REDIS_PREFIX',
    '',
    optional(redisPrefix),
    'The prefix of every channel and key, such as "chat-a:". Each service on one Redis needs its own.',
  ),
  brokerTimeoutMs: setting(
    'BROKER_TIMEOUT_MS',
    2000,
    duration(1),
    'When Redis takes longer, a publish reaches this pod only. With DATABASE_URL, the sender then gets the ' +
      'error unavailable.',
  ),
  kafkaBrokers: setting(
    'KAFKA_BROKERS',
    '',
    unavailable(
      list(text, ''),
      (brokers) => brokers.length === 0,
      'nothing: Kafka comes with a later version',
    ),
    'Brokers as host:port, comma separated. Not in this version: a value stops the start.',
  ),
  kafkaTopic: setting(
    'KAFKA_TOPIC',
    'realtime.messages',
    matching(TOPIC, '1 to 249 characters of A-Z a-z 0-9 . _ -'),
    'The topic of log and archive in Kafka. Without effect in this version.',
  ),
};
