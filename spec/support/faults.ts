/**
 * Faults done to real processes under a steady load: three pods as `node dist/main.js`, a Redis of its own for each
 * fault, 36 clients in 10 rooms and the global log, 200 messages a second. A row says what the clients were told.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { channelOf } from '../../lib/broker/redis/port.js';
import { slotOf } from '../../lib/broker/redis/slots.js';
import { build, type Running, runMain } from './pod.js';
import { freePort, startCluster, startRedis, startSentinels, until, urlOf } from './redis.js';
import {
  type Said,
  type Told,
  type Verdict,
  type Watcher,
  type Witness,
  witness,
} from './witness.js';

export interface Row {
  readonly name: string;
  readonly clients: number;
  /** How long the broker was away; undefined: it never was. */
  readonly outageMs: number | undefined;
  /** Clients that were told, and how long after the fault (of `restored`: after the broker's return) the last of them. */
  readonly degraded: Latest;
  readonly restored: Latest;
  /** Clients that were told `degraded` again after `restored`, and twice without it. */
  readonly flaps: number;
  readonly repeated: number;
  readonly verdict: Verdict;
  /** `gap`s told, by their reasons; and how many clients were told one at least, the last how long after the return. */
  readonly gaps: Readonly<Record<string, number>>;
  readonly gapTold: Latest;
  /** Of what was said while `degraded` was told: how many, and the longest wait for the ack. */
  readonly saidDegraded: number;
  readonly slowestDegradedMs: number;
  /** From a message to its ack, of all: the middle, of a hundred the slowest, the slowest. */
  readonly ackMs: readonly [number, number, number];
  readonly closed: number;
  readonly podsEnded: number;
}

export interface Latest {
  readonly clients: number;
  readonly ms: number | undefined;
}

interface Broker {
  readonly env: Readonly<Record<string, string>>;
  /** Does the fault and answers when it was done and when the broker was back, as `performance.now()` says it. */
  readonly fault: (
    connectedAt: number,
  ) => Promise<{ readonly hitAt: number; readonly backAt: number }>;
  readonly stop: () => Promise<void>;
}

export interface FaultCase {
  readonly name: string;
  /** Long enough to be told; else it is a hiccup. */
  readonly isOutage: boolean;
  readonly degradedBarMs?: number;
  /** Messages said in 50 ms. */
  readonly saidATick?: number;
  readonly start: () => Promise<Broker>;
}

const PODS = 3;
const CLIENTS = 36;
const ROOMS = Array.from({ length: 10 }, (_, i) => `room-${i}`);
const TICK_MS = 50;
const A_TICK = 10;
const BEFORE_MS = 1_500;
const AFTER_MS = 3_000;

const now = (): number => performance.now();

const durable = { appendonly: true, appendfsync: 'always' } as const;

export const FAULTS: readonly FaultCase[] = [
  {
    name: 'Redis killed, back with its data after 3 s',
    isOutage: true,
    start: async () => {
      const redis = await startRedis(durable);
      return {
        env: { REDIS_URL: redis.url },
        fault: async () => {
          const hitAt = now();
          await redis.kill();
          await sleep(3_000);
          await redis.restart();
          return { hitAt, backAt: now() };
        },
        stop: redis.stop,
      };
    },
  },
  {
    name: 'Redis frozen for 10 s',
    isOutage: true,
    start: async () => {
      const redis = await startRedis();
      return {
        env: { REDIS_URL: redis.url },
        fault: async () => {
          const hitAt = now();
          redis.freeze();
          await sleep(10_000);
          redis.thaw();
          return { hitAt, backAt: now() };
        },
        stop: redis.stop,
      };
    },
  },
  {
    name: 'Redis started 6 s after the clients',
    isOutage: true,
    // three seconds are `starting`, and what follows is told at the next look
    degradedBarMs: 3_500,
    start: async () => {
      const port = await freePort();
      let stop = async (): Promise<void> => undefined;
      return {
        env: { REDIS_URL: urlOf(port) },
        fault: async (connectedAt) => {
          await sleep(6_000 - (now() - connectedAt));
          ({ stop } = await startRedis({ port }));
          return { hitAt: connectedAt, backAt: now() };
        },
        stop: () => stop(),
      };
    },
  },
  {
    name: 'Redis restarted empty',
    isOutage: false,
    start: async () => {
      const redis = await startRedis();
      return {
        env: { REDIS_URL: redis.url },
        fault: async () => {
          const hitAt = now();
          await redis.restart(true);
          return { hitAt, backAt: now() };
        },
        stop: redis.stop,
      };
    },
  },
  {
    name: 'subscribers’ connections killed, three times',
    isOutage: false,
    start: async () => {
      const redis = await startRedis(durable);
      return {
        env: { REDIS_URL: redis.url },
        fault: async () => {
          const hitAt = now();
          for (const pause of [700, 700, 0]) {
            await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
            await sleep(pause);
          }
          return { hitAt, backAt: now() };
        },
        stop: redis.stop,
      };
    },
  },
  {
    name: 'Sentinel failover, master killed',
    isOutage: true,
    start: async () => {
      const trio = await startSentinels();
      return {
        env: {
          REDIS_URL: trio.url,
          REDIS_SENTINELS: trio.addresses.join(','),
          REDIS_SENTINEL_NAME: trio.name,
        },
        fault: async () => {
          const hitAt = now();
          await trio.nodes[0].kill();
          await until(
            'the Sentinels name a new master, and it is one',
            async () => {
              if ((await trio.master()) !== trio.nodes[1]) return false;
              const role = await trio.nodes[1].command('ROLE');
              return Array.isArray(role) && role[0] === 'master';
            },
            20_000,
          );
          return { hitAt, backAt: now() };
        },
        stop: trio.stop,
      };
    },
  },
  {
    name: 'Cluster: the slot of an occupied room moved',
    isOutage: false,
    start: async () => {
      const cluster = await startCluster();
      return {
        env: { REDIS_URL: cluster.url, REDIS_CLUSTER: 'true' },
        fault: async () => {
          const hitAt = now();
          for (const room of ROOMS.slice(0, 3)) {
            const slot = slotOf(channelOf(room));
            const owner = await cluster.ownerOf(slot);
            const next = cluster.nodes.find((node) => node !== owner);
            if (next !== undefined) await cluster.moveSlot(slot, next);
          }
          return { hitAt, backAt: now() };
        },
        stop: cluster.stop,
      };
    },
  },
];

/** Runs one fault from the first process to the last. */
export const suffer = async ({ name, start, saidATick = A_TICK }: FaultCase): Promise<Row> => {
  const endings: (() => unknown)[] = [];
  try {
    await build();
    const broker = await start();
    endings.push(broker.stop);
    const pods = await Promise.all(
      Array.from({ length: PODS }, (_, i) =>
        runMain(
          { teardown: (work) => endings.push(work) },
          { SERVER_ID: `pod-${i + 1}`, LOG_LEVEL: 'info', ...broker.env },
        ),
      ),
    );
    const ports = await Promise.all(pods.map((pod) => pod.port()));
    const clients = witness();
    const connectedAt = now();
    await Promise.all(
      Array.from({ length: CLIENTS }, (_, i) =>
        clients.watch(`pod-${(i % PODS) + 1}`, ports[i % PODS] ?? 0, [
          ROOMS[Math.floor(i / PODS) % ROOMS.length] ?? '',
        ]),
      ),
    );
    const load = steady(clients.watchers, saidATick);
    await sleep(BEFORE_MS);
    const { hitAt, backAt } = await broker.fault(connectedAt);
    await sleep(AFTER_MS);
    load.stop();
    await clients.quiet();
    const row = rowOf(name, clients, hitAt, backAt, pods);
    await clients.close();
    return row;
  } finally {
    for (const end of endings.reverse()) await end();
  }
};

/** Messages each 50 ms, each from another client, one in twenty to everybody. */
const steady = (watchers: readonly Watcher[], saidATick: number): { readonly stop: () => void } => {
  let turn = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < saidATick; i++) {
      const watcher = watchers[turn++ % watchers.length];
      const room = watcher?.ears.find((ear) => ear.room !== '')?.room;
      if (watcher?.closeCode() === undefined) watcher?.say(turn % 20 === 0 ? '' : (room ?? ''));
    }
  }, TICK_MS);
  return { stop: () => clearInterval(timer) };
};

const rowOf = (
  name: string,
  { watchers, said, verdict }: Witness,
  hitAt: number,
  backAt: number,
  pods: readonly Running[],
): Row => {
  const told = watchers.map((watcher) => watcher.told);
  const degraded = latest(told, ({ event }) => event === 'degraded', hitAt);
  const gaps: Record<string, number> = {};
  for (const { event, reason = '' } of told.flat())
    if (event === 'gap') gaps[reason] = (gaps[reason] ?? 0) + 1;
  const during = [...said.values()].filter((saying) => isDegraded(saying, watchers, backAt));
  return {
    name,
    clients: watchers.length,
    outageMs: degraded.clients === 0 ? undefined : backAt - hitAt,
    degraded,
    restored: latest(told, ({ event }) => event === 'restored', backAt),
    flaps: count(told, ['restored', 'degraded']),
    repeated: count(told, ['degraded', 'degraded']),
    verdict: verdict(),
    gaps,
    gapTold: latest(told, ({ event }) => event === 'gap', backAt),
    saidDegraded: during.length,
    slowestDegradedMs: Math.max(
      0,
      ...during.map(({ at, answers: [answer] }) => (answer?.at ?? Number.POSITIVE_INFINITY) - at),
    ),
    ackMs: ackTimes([...said.values()]),
    closed: watchers.filter((watcher) => watcher.closeCode() !== undefined).length,
    podsEnded: pods.filter((pod) => pod.hasEnded()).length,
  };
};

const ackTimes = (said: readonly Said[]): Row['ackMs'] => {
  const ms = said.flatMap(({ at, answers: [answer] }) =>
    answer === undefined ? [] : answer.at - at,
  );
  ms.sort((a, b) => a - b);
  const at = (part: number): number =>
    ms[Math.min(ms.length - 1, Math.floor(ms.length * part))] ?? 0;
  return [at(0.5), at(0.99), at(1)];
};

/** How many were told these two of the broker's states one after the other. */
const count = (
  told: readonly (readonly Told[])[],
  [first, second]: readonly [string, string],
): number =>
  told.filter((some) => {
    const events = some.flatMap(({ event }) => (event === 'gap' ? [] : event));
    return events.some((event, i) => event === second && events[i - 1] === first);
  }).length;

const latest = (
  told: readonly (readonly Told[])[],
  is: (told: Told) => boolean,
  from: number,
): Latest => {
  const times = told.flatMap((some) => some.filter(is).slice(-1));
  return {
    clients: times.length,
    ms: times.length === 0 ? undefined : Math.max(...times.map(({ at }) => at)) - from,
  };
};

/** Said after the sayer was told `degraded`, and before the broker was back. */
const isDegraded = ({ from, at }: Said, watchers: readonly Watcher[], backAt: number): boolean => {
  const since = watchers
    .find(({ id }) => id === from)
    ?.told.find(({ event }) => event === 'degraded')?.at;
  return since !== undefined && at > since && at < backAt;
};

/** Runs them, so many at a time. */
export const sufferAll = async (
  cases: readonly FaultCase[],
  atOnce: number,
  done: (row: Row) => void = () => undefined,
): Promise<readonly Row[]> => {
  const rows = new Map<FaultCase, Row>();
  const waiting = [...cases];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const row = await suffer(next);
      rows.set(next, row);
      done(row);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return cases.flatMap((each) => rows.get(each) ?? []);
};

const HEAD = [
  'fault',
  'degraded told',
  'restored told',
  'gaps told',
  'sent',
  'acked',
  'ack p50, p99, most',
  'on pod',
  'refused',
  'delivered',
  'missed, told',
  'missed, unsaid',
  'doubled',
  'early place',
  'closed',
] as const;

/** The rows as a table of Markdown. */
export const tableOf = (rows: readonly Row[]): string => {
  const seconds = ({ clients, ms }: Latest, of: number): string =>
    ms === undefined ? '–' : `${clients}/${of}, ${(ms / 1000).toFixed(2)} s`;
  const lines = rows.map(({ name, clients, degraded, restored, gaps, verdict, ackMs, closed }) => [
    name,
    seconds(degraded, clients),
    seconds(restored, clients),
    Object.entries(gaps)
      .map(([reason, count]) => `${count} ${reason}`)
      .join(', ') || '–',
    verdict.sent,
    verdict.acked,
    `${ackMs.map((ms) => ms.toFixed(0)).join(', ')} ms`,
    verdict.ackedOnPod,
    verdict.refused + verdict.unanswered,
    verdict.delivered,
    verdict.missingTold,
    verdict.missingUnsaid,
    verdict.doubled,
    verdict.behind,
    closed,
  ]);
  return [HEAD, HEAD.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
};
