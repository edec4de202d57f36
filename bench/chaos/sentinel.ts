/** Three Sentinels, a master and two replicas. */
import { type RedisServer, startRedis, until } from '../../spec/support/redis.js';

export interface Trio {
  readonly name: string;
  /** A URL with the user and password for its nodes. */
  readonly url: string;
  /** `host:port` each. */
  readonly addresses: readonly string[];
  readonly master: () => Promise<RedisServer>;
  /** Starts a node again as a replica of the present master, and waits until it has all data. */
  readonly revive: (node: RedisServer) => Promise<void>;
  /** Waits until every replica has all data of the master. */
  readonly inStep: () => Promise<void>;
  /** Cuts the replicas off from the master; the Sentinels repair that in ten seconds. */
  readonly detach: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const HOST = '127.0.0.1';
const NAME = 'chat';
/** A port where nobody listens. */
const NOWHERE = 1;
const DOWN_AFTER_MS = 1_000;
const FAILOVER_MS = 3_000;
/** A Sentinel that has begun a failover begins no other for twice its timeout. */
export const BETWEEN_MS = 2 * FAILOVER_MS + 500;

export const trio = async (): Promise<Trio> => {
  const first = await startRedis();
  const replicas = await Promise.all(
    [1, 2].map(() => startRedis({ config: [['replicaof', HOST, first.port]] })),
  );
  const nodes = [first, ...replicas];
  const roleOf = async (node: RedisServer): Promise<string> => {
    const info = await node.command('INFO', 'replication').catch(() => '');
    return typeof info === 'string' ? info : '';
  };
  const isReplica = async (node: RedisServer): Promise<boolean> =>
    (await roleOf(node)).includes('master_link_status:up');
  for (const node of replicas) await until('a replica is in step', () => isReplica(node));
  const sentinels = await Promise.all(
    [1, 2, 3].map(() =>
      startRedis({
        sentinel: true,
        config: [
          ['sentinel', 'monitor', NAME, HOST, first.port, 2],
          ['sentinel', 'down-after-milliseconds', NAME, DOWN_AFTER_MS],
          ['sentinel', 'failover-timeout', NAME, FAILOVER_MS],
        ],
      }),
    ),
  );
  const knows = async (sentinel: RedisServer): Promise<boolean> => {
    const fields = await sentinel.command('SENTINEL', 'MASTER', NAME);
    const field = (key: string): unknown =>
      Array.isArray(fields) ? fields[fields.indexOf(key) + 1] : undefined;
    return field('num-slaves') === '2' && field('num-other-sentinels') === '2';
  };
  await until(
    'the Sentinels know all',
    async () => (await Promise.all(sentinels.map(knows))).every(Boolean),
    20_000,
  );
  const master = async (): Promise<RedisServer> => {
    const replies = await Promise.all(
      sentinels.map((each) => each.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)),
    );
    const ports = replies.map((reply) => (Array.isArray(reply) ? Number(reply[1]) : 0));
    // one of them may not know yet of a failover that the other two have made
    const isNamed =
      (most: number) =>
      ({ port }: RedisServer) =>
        ports.filter((named) => named === port).length >= most;
    const found = nodes.find(isNamed(2)) ?? nodes.find(isNamed(1));
    if (found === undefined)
      throw new Error(`expected the Sentinels to name a master, got ${ports.join(', ')}`);
    return found;
  };
  /** Sentinel would do this too, after ten seconds. */
  const inStep = async (): Promise<void> => {
    const isInStep = async (node: RedisServer): Promise<boolean> => {
      const { port } = await master();
      const role = await roleOf(node);
      if (port === node.port) return role.includes('role:master');
      if (!role.includes(`master_port:${port}\r`)) await node.command('REPLICAOF', HOST, port);
      return role.includes('master_link_status:up');
    };
    await until(
      'the replicas are in step',
      async () => (await Promise.all(nodes.map(isInStep))).every(Boolean),
      20_000,
    );
  };
  return {
    name: NAME,
    url: first.url,
    addresses: sentinels.map(({ port }) => `${HOST}:${port}`),
    master,
    revive: async (node) => {
      await node.restart();
      await inStep();
    },
    inStep,
    detach: async () => {
      const { port } = await master();
      for (const node of nodes)
        if (node.port !== port) await node.command('REPLICAOF', HOST, NOWHERE);
    },
    stop: async () => {
      await Promise.all([...sentinels, ...nodes].map((server) => server.stop()));
    },
  };
};
