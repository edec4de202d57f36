/** A Redis Cluster of a spec's own. */
import { aclOf } from './docs.js';
import { list, text } from './redis-sentinels.js';
import {
  HOST,
  IS_LEAST,
  OTHERS,
  type RedisServer,
  type RedisServerOptions,
  startRedis,
  until,
  urlOf,
} from './redis.js';

// Cluster

export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  /** The URL of the first node. */
  readonly url: string;
  readonly ownerOf: (slot: number) => Promise<RedisServer>;
  /** Moves a slot with its keys, while it is in use. */
  readonly moveSlot: (slot: number, to: RedisServer) => Promise<void>;
  /** Waits until all nodes report a complete Cluster. */
  readonly whole: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const SLOTS = 16_384;

/** Three masters without replicas. */
export const startCluster = async (
  options: Pick<RedisServerOptions, 'acl'> = {},
): Promise<RedisCluster> => {
  const acl = options.acl ?? (IS_LEAST ? [OTHERS, aclOf('Cluster')] : undefined);
  const config: RedisServerOptions['config'] = [
    ['cluster-enabled', 'yes'],
    ['cluster-node-timeout', 2_000],
    ['cluster-require-full-coverage', 'no'],
  ];
  const nodes = await Promise.all(
    [1, 2, 3].map(() => startRedis({ config, ...(acl === undefined ? {} : { acl }) })),
  );
  const share = Math.ceil(SLOTS / nodes.length);
  await Promise.all(
    nodes.map((node, i) =>
      node.command('CLUSTER', 'ADDSLOTSRANGE', i * share, Math.min((i + 1) * share, SLOTS) - 1),
    ),
  );
  const [first] = nodes;
  if (first === undefined) throw new Error('no node');
  for (const { port } of nodes.slice(1)) await first.command('CLUSTER', 'MEET', HOST, port);
  const isWhole = async (node: RedisServer): Promise<boolean> => {
    const info = text(await node.command('CLUSTER', 'INFO'));
    return [
      'cluster_state:ok',
      'cluster_slots_ok:16384',
      `cluster_known_nodes:${nodes.length}`,
    ].every((line) => info.includes(line));
  };
  const whole = (): Promise<void> =>
    until(
      'the Cluster is whole',
      async () => (await Promise.all(nodes.map(isWhole))).every(Boolean),
      20_000,
    );
  await whole();

  const ids = new Map<RedisServer, string>();
  for (const node of nodes) ids.set(node, text(await node.command('CLUSTER', 'MYID')));
  const idOf = (node: RedisServer): string => ids.get(node) ?? '';
  const ownerOf = async (slot: number): Promise<RedisServer> => {
    for (const node of nodes) {
      const slots = await node.command('CLUSTER', 'SLOTS');
      const range =
        list(slots)
          .map(list)
          .find(([from, to]) => Number(from) <= slot && slot <= Number(to)) ?? [];
      const owner = nodes.find(({ port }) => port === list(range[2])[1]);
      if (owner !== undefined) return owner;
    }
    throw new Error(`nobody has slot ${slot}`);
  };
  return {
    nodes,
    url: options.acl === undefined ? urlOf(first.port) : first.url,
    ownerOf,
    moveSlot: async (slot, to) => {
      const from = await ownerOf(slot);
      await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', idOf(from));
      await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', idOf(to));
      for (;;) {
        const keys = await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 100);
        if (!Array.isArray(keys) || keys.length === 0) break;
        await from.command('MIGRATE', HOST, to.port, '', 0, 5_000, 'KEYS', ...keys.map(text));
      }
      await to.command('CLUSTER', 'SETSLOT', slot, 'NODE', idOf(to));
      for (const node of nodes)
        if (node !== to) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', idOf(to));
    },
    whole,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
};
