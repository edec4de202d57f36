/**
 * What an operator or another program does to Redis while it runs: rights, memory, pauses, connections,
 * payloads on the channels.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { channelOf } from '../../../lib/broker/redis/port.js';
import { formatId, GLOBAL, parseId, type Room } from '../../../lib/protocol/position.js';
import { ACL_USER } from '../../../spec/support/docs.js';
import {
  keptOnPod,
  deliveredAgain,
  during,
  type Fault,
  now,
  type Outcome,
  type Scene,
} from '../fault.js';

const AGAIN_BAR = 2_000;
const USER = ACL_USER.split(':')[0] ?? '';
const HURT_MS = 3_000;
const EVICTED_MS = 100;

/** Rights that are taken from the pods, and how they are given back. */
const RIGHTS: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
  publish: [['-publish'], ['+publish']],
  xadd: [['-xadd'], ['+xadd']],
  subscribe: [['-subscribe'], ['+subscribe']],
  'the keys': [['resetkeys'], ['~*']],
  'the user': [['off'], ['on']],
};

const redisOf = ({ stage }: Scene) => stage.redis();

/** Does something to Redis for a while; afterwards messages must reach all clients again. */
const hurt = async (
  scene: Scene,
  cause: Parameters<typeof during>[1],
  work: () => Promise<void>,
): Promise<Outcome> => {
  await during(scene, { unreachable: true, ...cause }, work);
  return { measures: [await deliveredAgain(scene, scene.stage.pods, now(), AGAIN_BAR)] };
};

const rights = (
  what: string,
  [taken, given]: readonly [readonly string[], readonly string[]],
): Fault => ({
  row: 'A1',
  what: `the right to ${what} is taken from the pods, and given back`,
  claims: ['redis', 'line'],
  ms: HURT_MS + 2_500,
  act: (scene) =>
    hurt(scene, { name: 'A1', denies: true }, async () => {
      const redis = await redisOf(scene);
      await redis.command('ACL', 'SETUSER', USER, ...taken);
      if (what === 'the user') await redis.command('CLIENT', 'KILL', 'USER', USER);
      await sleep(HURT_MS);
      await redis.command('ACL', 'SETUSER', USER, ...given);
    }),
});

const POLICIES = [
  'noeviction',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
] as const;

const eviction = (policy: string): Fault => ({
  row: 'E1',
  what: `Redis has too little memory: ${policy}`,
  claims: ['redis', 'line'],
  ms: HURT_MS + 2_500,
  act: async (scene) => {
    const redis = await redisOf(scene);
    const forgets = policy !== 'noeviction';
    if (forgets) scene.crowd.wiped();
    await redis.command('CONFIG', 'RESETSTAT');
    const used = /used_memory:(\d+)/.exec(String(await redis.command('INFO', 'memory')))?.[1];
    const outcome = await hurt(scene, { name: 'E1', forgets, evicts: forgets }, async () => {
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', policy);
      await redis.command('CONFIG', 'SET', 'maxmemory', Math.floor(Number(used) * 0.9));
      // Redis evicts the keys of messages one by one meanwhile
      const until = now() + HURT_MS;
      while (now() < until) {
        if (forgets) scene.crowd.wiped();
        await sleep(EVICTED_MS);
      }
      await redis.command('CONFIG', 'SET', 'maxmemory', 0);
    });
    if (forgets) scene.crowd.wiped();
    const stats = String(await redis.command('INFO', 'stats'));
    return { ...outcome, counts: { evicted: Number(/evicted_keys:(\d+)/.exec(stats)?.[1] ?? 0) } };
  },
});

const pause = (mode: 'WRITE' | 'ALL'): Fault => ({
  row: 'P1',
  what: `CLIENT PAUSE ${mode}`,
  claims: ['redis', 'line'],
  ms: HURT_MS + 2_500,
  act: (scene) =>
    hurt(scene, { name: 'P1' }, async () => {
      await (await redisOf(scene)).command('CLIENT', 'PAUSE', HURT_MS, mode);
      await sleep(HURT_MS);
    }),
});

/** Ids of a pod's connections, by their purpose. */
const connectionsOf = async (
  scene: Scene,
  pod: string,
  type: 'pubsub' | 'normal',
): Promise<readonly string[]> => {
  const list = String(await (await redisOf(scene)).command('CLIENT', 'LIST', 'TYPE', type));
  return list
    .split('\n')
    .filter((line) => line.includes(`:${pod} `))
    .flatMap((line) => /^id=(\d+)/.exec(line)?.[1] ?? []);
};

const KILLS = 10;
const KILL_MS = 200;

const kills = (what: string, types: readonly ('pubsub' | 'normal')[]): Fault => ({
  row: 'K1',
  what: `a pod's ${what} to Redis is killed, ten times in two seconds`,
  claims: ['redis', 'line'],
  ms: KILLS * KILL_MS + 2_000,
  act: async (scene) => {
    const { stage, crowd, chance } = scene;
    const pod = chance.one(stage.pods);
    const from = now();
    let killed = 0;
    for (let i = 0; i < KILLS; i++) {
      for (const type of types)
        for (const id of await connectionsOf(scene, pod.name, type)) {
          await (await redisOf(scene)).command('CLIENT', 'KILL', 'ID', id);
          killed++;
        }
      await sleep(KILL_MS);
    }
    await sleep(1_500);
    const onPod = keptOnPod(crowd, from, now());
    const degraded = crowd.rare.filter(
      (rare) => rare.at >= from && rare._tag === 'Notified' && rare.event === 'degraded',
    ).length;
    return {
      counts: { killed },
      wrongs: killed === 0 ? ['nothing was killed: the fault did not happen'] : [],
      wrongsAlone: [
        ...(onPod > 0 ? [`${onPod} acks said scope pod`] : []),
        ...(degraded > 0 ? [`${degraded} were told degraded`] : []),
      ],
    };
  },
});

const hex = (id: string): string => id.toUpperCase();

/**
 * Payloads of another program on the channel of a room: texts that are no messages, and messages with
 * invented positions.
 */
const inventions = (
  room: Room,
  last: string,
  n: number,
): readonly (readonly [string, string | undefined])[] => {
  const known = parseId(last);
  const at = known._tag === 'Some' ? known.value : undefined;
  if (at === undefined) return [];
  const invented = (over: Partial<typeof at>): readonly [string, string | undefined] => {
    const id = formatId({ ...at, nonce: n % 0x100000, ...over });
    const named = room === GLOBAL ? {} : { room };
    const timestamp = new Date().toISOString();
    const text = {
      id,
      type: 'chat',
      ...named,
      from: 'neighbour',
      data: { neighbour: n },
      timestamp,
    };
    return [JSON.stringify(text), id];
  };
  return [
    ['garbage', undefined],
    ['{"id":"x"}', undefined],
    [`{"id":"${hex(last)}"}`, undefined],
    invented({ offset: at.offset + 1 }),
    invented({ offset: at.offset + 2 }),
    invented({ offset: at.offset + 1_000 }),
    invented({ offset: at.offset }),
    invented({ offset: at.offset + 1, ms: at.ms + 86_400_000 }),
    invented({ tag: (at.tag % 4_095) + 1 }),
    invented({ outside: true, ms: at.ms + 86_400_000 }),
  ];
};

const neighbour: Fault = {
  row: 'N1',
  what: 'a neighbour invents messages and places on our channels',
  claims: ['redis'],
  ms: 3_500,
  act: async (scene) => {
    const { crowd, checker } = scene;
    const redis = await redisOf(scene);
    const from = now();
    let published = 0;
    while (now() < from + 3_000) {
      for (const room of [GLOBAL, ...crowd.rooms]) {
        const id = await redis.command('HGET', `{${channelOf(room)}}:pos`, 'i');
        for (const [text, own] of inventions(room, typeof id === 'string' ? id : '', published)) {
          if (own !== undefined) checker.foreignId(own);
          await redis.command('PUBLISH', channelOf(room), text);
          published++;
        }
      }
    }
    const onPod = keptOnPod(crowd, from, now());
    return {
      counts: { invented: published },
      wrongsAlone: onPod > 0 ? [`${onPod} acks said scope pod`] : [],
    };
  },
};

export const oddities: readonly Fault[] = [
  ...Object.entries(RIGHTS).map(([what, both]) => rights(what, both)),
  ...POLICIES.map(eviction),
  pause('WRITE'),
  pause('ALL'),
  kills('subscriber', ['pubsub']),
  kills('publisher', ['normal']),
  kills('both connections', ['pubsub', 'normal']),
  neighbour,
];
