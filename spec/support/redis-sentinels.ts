/** A master, a replica and three Sentinels of a spec's own. */
import { HOST, type RedisServer, startRedis, until } from './redis.js';

// Sentinel

export interface SentinelTrio {
  readonly name: string;
  /** A URL with the user and password for its nodes. */
  readonly url: string;
  /** `host:port` each. */
  readonly addresses: readonly string[];
  readonly sentinels: readonly RedisServer[];
  readonly nodes: readonly [RedisServer, RedisServer];
  /** The node that the Sentinels name as the master now. */
  readonly master: () => Promise<RedisServer>;
  readonly stop: () => Promise<void>;
}

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const text = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

/** Three Sentinels, a master and a replica; a master that does not answer is replaced after a second. */
export const startSentinels = async (): Promise<SentinelTrio> => {
  const name = 'chat';
  const first = await startRedis();
  const second = await startRedis({ config: [['replicaof', HOST, first.port]] });
  const nodes = [first, second] as const;
  await until('the replica is in step', async () =>
    text(await second.command('INFO', 'replication')).includes('master_link_status:up'),
  );
  const sentinels = await Promise.all(
    [1, 2, 3].map(() =>
      startRedis({
        sentinel: true,
        config: [
          ['sentinel', 'monitor', name, HOST, first.port, 2],
          ['sentinel', 'down-after-milliseconds', name, 1_000],
          ['sentinel', 'failover-timeout', name, 3_000],
        ],
      }),
    ),
  );
  const knows = async (sentinel: RedisServer): Promise<boolean> => {
    const fields = await sentinel.command('SENTINEL', 'MASTER', name);
    const field = (key: string): unknown =>
      Array.isArray(fields) ? fields[fields.indexOf(key) + 1] : undefined;
    return field('num-slaves') === '1' && field('num-other-sentinels') === '2';
  };
  await until(
    'the Sentinels know each other and the replica',
    async () => (await Promise.all(sentinels.map(knows))).every(Boolean),
    20_000,
  );
  return {
    name,
    url: first.url,
    addresses: sentinels.map(({ port }) => `${HOST}:${port}`),
    sentinels,
    nodes,
    master: async () => {
      const [sentinel] = sentinels;
      const reply = await sentinel?.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name);
      const port = Array.isArray(reply) ? Number(reply[1]) : 0;
      return port === second.port ? second : first;
    },
    stop: async () => {
      await Promise.all([...sentinels, ...nodes].map((server) => server.stop()));
    },
  };
};
