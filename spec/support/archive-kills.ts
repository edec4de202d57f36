/**
 * Three pods on one Redis and one PostgreSQL with fsync. Publishers send numbered messages, and a pod,
 * PostgreSQL, or both are killed (SIGKILL) again and again, and started again, until all messages are
 * acknowledged. Then the rows of PostgreSQL are compared with the acks.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Chance, chance } from '../../bench/chaos/chance.js';
import type { Room } from '../../lib/protocol/position.js';
import { type ArchivedRow, faultsOf, judge, type Judgement } from './archive-kills/judge.js';
import { type Ledger, ledger, type Steps } from './archive-kills/ledger.js';
import { type Publisher, publisher } from './archive-kills/publisher.js';
import { readinessAt, runMain, type Running } from './pod.js';
import { type PostgresServer, startPostgres } from './postgres.js';
import { freePort, startRedis, until } from './redis.js';

interface Test {
  readonly teardown: (work: () => unknown) => void;
}

export interface ArchiveKillsOptions {
  readonly messages: number;
  readonly rooms: number;
  readonly publishers: number;
  /** The most messages of a publisher without an ack. */
  readonly window: number;
  /** New messages a second, of all publishers; undefined: as many as the windows allow. */
  readonly perSecond?: number;
  /** More settings of the pods. */
  readonly env?: Readonly<Record<string, string>>;
  /** From one kill to the next one, when what was killed is back by then. */
  readonly everyMs: number;
  readonly seed: number;
  /** Gets a line about each kill, and about each minute. */
  readonly log?: (line: string) => void;
}

export interface Kill {
  readonly kind: Kind;
  /** From the kill until all pods are ready. */
  readonly backMs: number;
}

export interface ArchiveKills {
  readonly judgement: Judgement;
  readonly faults: readonly string[];
  /** From the first message to the last ack. */
  readonly seconds: number;
  /** From the first sending of a message to its ack; sorted. */
  readonly ackMs: Float32Array;
  /** The longest time in which no publisher got an ack. */
  readonly silenceMs: number;
  readonly kills: readonly Kill[];
  readonly repeated: number;
  readonly duplicates: number;
  readonly connections: number;
  /** By code. */
  readonly refusals: Readonly<Record<string, number>>;
}

export const KINDS = ['pod', 'PostgreSQL', 'both'] as const;
type Kind = (typeof KINDS)[number];

const PODS = ['pod-1', 'pod-2', 'pod-3'] as const;
const TICK_MS = 20;
const BACK_MS = 60_000;
/** What was killed stays away for up to this long. */
const AWAY_MS = 500;
/** Between the return of one and the kill of the next one, at least. */
const REST_MS = 1_000;
/** Without an ack for this long the run ends. */
const STUCK_MS = 120_000;
const LIMITS = {
  RATE_LIMIT_PER_SECOND: '100000',
  RATE_LIMIT_BURST: '100000',
  RATE_LIMIT_BYTES: '1000000000',
};

interface StagedPod {
  readonly name: string;
  readonly port: number;
  now: Running;
}

interface Stage {
  readonly postgres: PostgresServer;
  readonly pods: readonly StagedPod[];
  readonly start: (pod: StagedPod) => Promise<void>;
}

const staged = async (t: Test, settings: ArchiveKillsOptions['env']): Promise<Stage> => {
  const redis = await startRedis();
  t.teardown(redis.stop);
  const postgres = await startPostgres({ fsync: true });
  t.teardown(postgres.stop);
  const begin = async (name: string, port: number): Promise<Running> => {
    const env = { SERVER_ID: name, PORT: String(port) };
    const urls = { REDIS_URL: redis.url, DATABASE_URL: postgres.url };
    const running = await runMain(t, { ...env, ...urls, ...LIMITS, ...settings });
    // a busy machine needs longer than the time of one call
    await running.port().catch(() => running.port());
    return running;
  };
  const pods = await Promise.all(
    PODS.map(async (name) => {
      const port = await freePort();
      return { name, port, now: await begin(name, port) };
    }),
  );
  await areReady(pods);
  return {
    postgres,
    pods,
    start: async (pod) => {
      pod.now = await begin(pod.name, pod.port);
    },
  };
};

const areReady = async (pods: readonly StagedPod[]): Promise<void> => {
  for (const { name, port } of pods)
    await until(`${name} is ready`, async () => (await readinessAt(port)) === 'ready', BACK_MS);
};

/** Each pod, PostgreSQL and PostgreSQL with a pod once, in an order of their own each time. */
const victims = function* ({ some, one }: Chance): Generator<readonly [Kind, number]> {
  const round: readonly Kind[] = [...PODS.map(() => 'pod' as const), 'PostgreSQL', 'both'];
  for (;;) {
    const pods = [...some([0, 1, 2], 3)];
    for (const kind of some(round, round.length))
      yield [kind, kind === 'pod' ? (pods.pop() ?? 0) : one([0, 1, 2])];
  }
};

/** Kills and starts again until `isDone`. */
const killing = async (
  { postgres, pods, start }: Stage,
  { seed, everyMs, log }: ArchiveKillsOptions,
  isDone: () => boolean,
): Promise<readonly Kill[]> => {
  const random = chance(seed);
  const kills: Kill[] = [];
  const nap = async (ms: number): Promise<void> => {
    const end = performance.now() + ms;
    while (!isDone() && performance.now() < end) await sleep(TICK_MS);
  };
  await nap(everyMs);
  for (const [kind, index] of victims(random)) {
    if (isDone()) break;
    const pod = pods[index];
    const killedAt = performance.now();
    if (pod !== undefined && kind !== 'PostgreSQL') pod.now.signal('SIGKILL');
    if (kind !== 'pod') await postgres.kill();
    await sleep(random.whole(0, AWAY_MS));
    await Promise.all([
      pod !== undefined && kind !== 'PostgreSQL' ? pod.now.ended().then(() => start(pod)) : [],
      kind === 'pod' ? [] : postgres.start(),
    ]);
    await areReady(pods);
    const backMs = performance.now() - killedAt;
    kills.push({ kind, backMs });
    const name = kind === 'PostgreSQL' ? kind : `${kind} (${pod?.name ?? ''})`;
    log?.(`killed: ${name}, back after ${Math.round(backMs)} ms`);
    await nap(Math.max(REST_MS, everyMs - backMs));
  }
  return kills;
};

/** New messages that may be sent now, by the clock. */
const pace = (perSecond = Number.POSITIVE_INFINITY): (() => boolean) => {
  const began = performance.now();
  const count = { started: 0 };
  return () => {
    if (count.started >= ((performance.now() - began) * perSecond) / 1_000) return false;
    count.started++;
    return true;
  };
};

export const killArchive = async (t: Test, options: ArchiveKillsOptions): Promise<ArchiveKills> => {
  const stage = await staged(t, options.env);
  const { messages, rooms, window, log } = options;
  const steps: Steps = { now: 0 };
  const ports = stage.pods.map(({ port }) => port);
  const mayStart = pace(options.perSecond);
  const began = performance.now();
  const ledgers: readonly Ledger[] = Array.from({ length: options.publishers }, (_, i) => {
    const count = Math.floor((messages + i) / options.publishers);
    return ledger(i, `room-${i % rooms}`, count);
  });
  const publishers: readonly Publisher[] = ledgers.map((own) =>
    publisher({ ledger: own, steps, ports, window, mayStart }),
  );
  t.teardown(() => {
    for (const { stop } of publishers) stop();
  });
  const lastAckAt = (): number => Math.max(...publishers.map(({ counts }) => counts.ackedAt));
  const watch = { silenceMs: 0, seenAt: performance.now() };
  const timer = setInterval(() => {
    const at = lastAckAt();
    watch.silenceMs = Math.max(watch.silenceMs, performance.now() - at);
    for (const { tick } of publishers) tick();
    if (log === undefined || performance.now() - watch.seenAt < 60_000) return;
    watch.seenAt = performance.now();
    const acked = ledgers.reduce((sum, { ackedAt }) => sum + ackedAt.filter(Boolean).length, 0);
    log(`${acked} of ${messages} acknowledged`);
  }, TICK_MS);
  t.teardown(() => clearInterval(timer));

  const isDone = (): boolean =>
    publishers.every((one) => one.isDone()) || performance.now() - lastAckAt() > STUCK_MS;
  const kills = await killing(stage, options, isDone);
  await until('all are acknowledged', isDone, 3_600_000);
  const seconds = (lastAckAt() - began) / 1_000;
  clearInterval(timer);
  for (const { stop } of publishers) stop();

  const judgement = await judge(ledgers, (room) => rowsOf(stage.postgres, room));
  const faults = [...faultsOf(judgement), ...(await otherRows(stage, judgement))];
  for (const { name, now } of stage.pods) {
    now.signal('SIGTERM');
    const end = await now.ended(30_000);
    if (end !== 0) faults.push(`${name} ended with ${end}, expected 0`);
  }
  const sum = (of: (counts: Publisher['counts']) => number): number =>
    publishers.reduce((total, { counts }) => total + of(counts), 0);
  const codes = new Set(publishers.flatMap(({ counts }) => Object.keys(counts.refusals)));
  return {
    judgement,
    faults,
    seconds,
    ackMs: sortedAckMs(ledgers, judgement.acknowledged),
    silenceMs: watch.silenceMs,
    kills,
    repeated: sum((counts) => counts.repeated),
    duplicates: sum((counts) => counts.duplicates),
    connections: sum((counts) => counts.connections),
    refusals: Object.fromEntries(
      [...codes].map((code) => [code, sum(({ refusals }) => refusals[code] ?? 0)]),
    ),
  };
};

const rowsOf = async ({ query }: PostgresServer, room: Room): Promise<readonly ArchivedRow[]> => {
  const rows = await query(
    'SELECT id, epoch, log_offset, type, data FROM chat_api.messages WHERE room = $1 ORDER BY epoch, log_offset, id',
    [room],
  );
  return rows.map(({ id, epoch, log_offset: offset, type, data }) => ({
    id: String(id),
    epoch: Number(epoch),
    offset: Number(offset),
    type: String(type),
    data: String(data),
  }));
};

/** Rows of rooms that nobody has used, and messages that were set aside. */
const otherRows = async ({ postgres }: Stage, { rows }: Judgement): Promise<readonly string[]> => {
  const [all, rejected] = await Promise.all(
    ['messages', 'rejected'].map(async (table) => {
      const [row] = await postgres.query(`SELECT count(*) AS count FROM chat_api.${table}`);
      return Number(row?.['count']);
    }),
  );
  return [
    ...(all === rows ? [] : [`rows in all: ${all}, expected ${rows}`]),
    ...(rejected === 0 ? [] : [`rejected: ${rejected}, expected 0`]),
  ];
};

const sortedAckMs = (ledgers: readonly Ledger[], acknowledged: number): Float32Array => {
  const all = new Float32Array(acknowledged);
  let at = 0;
  for (const { count, ackedAt, podOnly, ackMs } of ledgers)
    for (let n = 1; n <= count; n++)
      if (ackedAt[n] !== 0 && podOnly[n] === 0) all[at++] = ackMs[n] ?? 0;
  return all.sort();
};
