/**
 * `npm run archive -- acks`: what does the archive cost a publish? One pod without Redis, one with Redis, one
 * with Redis and PostgreSQL (fsync on) take turns. The CPU time is that of the pod alone.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type PublishingSocket,
  publishingSocket,
} from '../../spec/support/archive-kills/publishing-socket.js';
import { runMain } from '../../spec/support/pod.js';
import { startPostgres } from '../../spec/support/postgres.js';
import { startRedis, until } from '../../spec/support/redis.js';

const { REPEATS = '5', SECONDS_EACH = '4', RATE = '1000' } = process.env;
const [repeats, seconds, rate] = [Number(REPEATS), Number(SECONDS_EACH), Number(RATE)];
if (!(repeats > 0) || !(seconds > 0) || !(rate > 0)) {
  console.error('REPEATS, SECONDS_EACH and RATE: expected numbers above 0');
  process.exit(2);
}

const PUBLISHERS = 200;
const WARM_UP_MS = 1_000;
const DRAIN_MS = 60_000;
const TICK_MS = 2;
/** 128 bytes, as the loads of `npm run bench`. */
const DATA = JSON.stringify({ text: 'x'.repeat(128) });
const LIMITS = {
  RATE_LIMIT_PER_SECOND: '100000',
  RATE_LIMIT_BURST: '100000',
  RATE_LIMIT_BYTES: '1000000000',
};

const LOADS = ['fixed rate', 'saturation'] as const;
type Load = (typeof LOADS)[number];

interface Result {
  /** Acks in the window. */
  readonly acks: number;
  readonly seconds: number;
  /** User and system time of the pod in the window, in seconds. */
  readonly cpu: number;
  readonly redisCpu: number;
  readonly postgresCpu: number;
  /** Sorted. */
  readonly ms: readonly number[];
}

/** Publishers on one pod, each alone in a room. */
interface Crowd {
  readonly run: (load: Load) => Promise<Result>;
  readonly stop: () => void;
  /** Acks since its start. */
  readonly total: () => number;
}

const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Fields of `/proc/PID/stat` after the name, which may have blanks. */
const statOf = (pid: string): readonly string[] => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  } catch {
    // it has ended
    return [];
  }
};

/** User and system time of a process and of its children that have ended, in seconds. */
const cpuOf = (pid: string): number =>
  statOf(pid)
    .slice(11, 15)
    .reduce((sum, ticks) => sum + Number(ticks) / TICKS, 0);

/** User and system time of the servers of this name that this process has started, in seconds. */
const serverCpu = (name: string): number => {
  const parents = new Map(
    readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .map((pid) => [pid, statOf(pid)[1] ?? ''] as const),
  );
  const own = String(process.pid);
  // PostgreSQL has a process for each connection
  const isOurs = (parent: string): boolean => parent === own || parents.get(parent) === own;
  return [...parents].reduce(
    (sum, [pid, parent]) => (isOurs(parent) && nameOf(pid) === name ? sum + cpuOf(pid) : sum),
    0,
  );
};

const nameOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
};

const cpus = (pod: number): Readonly<Record<'pod' | 'redis' | 'postgres', number>> => ({
  pod: cpuOf(String(pod)),
  redis: serverCpu('redis-server'),
  postgres: serverCpu('postgres'),
});

const crowdOn = async (port: number, pid: number): Promise<Crowd> => {
  const count = { acks: 0, joined: 0, next: 0 };
  /** When the message of a key was due. */
  const due = new Map<string, number>();
  const window = { isOpen: false, acks: 0, ms: [] as number[] };
  const faults: string[] = [];
  const load = { now: undefined as Load | undefined };

  const publish = (index: number, at: number): void => {
    // a UUID, as only these are idempotency keys
    const n = (++count.next).toString(16).padStart(12, '0');
    const key = `${index.toString(16).padStart(8, '0')}-0000-4000-8000-${n}`;
    due.set(key, at);
    sockets[index]?.publish(key, DATA);
  };
  const sockets: readonly PublishingSocket[] = Array.from({ length: PUBLISHERS }, (_, index) =>
    publishingSocket(port, `room-${index}`, `publisher-${index}`, {
      joined: () => count.joined++,
      acked: (key, { scope }) => {
        const now = performance.now();
        count.acks++;
        if (scope !== undefined) faults.push(`an ack with scope ${scope}`);
        if (window.isOpen) {
          window.acks++;
          window.ms.push(now - (due.get(key) ?? now));
        }
        due.delete(key);
        if (load.now === 'saturation') publish(index, now);
      },
      refused: (_, code) => faults.push(`refused: ${code}`),
      closed: () => faults.push('a connection was closed'),
    }),
  );
  await until('all have joined', () => count.joined >= PUBLISHERS, 30_000);

  /** Open loop: a message is due at its time, whatever the pod does. */
  const paced = (): NodeJS.Timeout => {
    const began = performance.now();
    let sent = 0;
    return setInterval(() => {
      for (let at: number; (at = began + (sent * 1_000) / rate) <= performance.now(); sent++)
        publish(sent % PUBLISHERS, at);
    }, TICK_MS);
  };

  return {
    run: async (wanted) => {
      load.now = wanted;
      const timer = wanted === 'fixed rate' ? paced() : undefined;
      if (timer === undefined) for (let i = 0; i < PUBLISHERS; i++) publish(i, performance.now());
      await sleep(WARM_UP_MS);
      Object.assign(window, { isOpen: true, acks: 0, ms: [] });
      const before = { ...cpus(pid), now: performance.now() };
      await sleep(seconds * 1_000);
      window.isOpen = false;
      const after = { ...cpus(pid), now: performance.now() };
      const result: Result = {
        acks: window.acks,
        seconds: (after.now - before.now) / 1_000,
        cpu: after.pod - before.pod,
        redisCpu: after.redis - before.redis,
        postgresCpu: after.postgres - before.postgres,
        ms: window.ms.sort((a, b) => a - b),
      };
      clearInterval(timer);
      load.now = undefined;
      await until('all are acknowledged', () => due.size === 0, DRAIN_MS);
      if (faults.length > 0) throw new Error(faults.slice(0, 5).join('\n'));
      return result;
    },
    stop: () => {
      for (const { cut } of sockets) cut();
    },
    total: () => count.acks,
  };
};

const endings: (() => unknown)[] = [];
const test = { teardown: (work: () => unknown) => void endings.unshift(work) };

const measure = async (): Promise<readonly string[]> => {
  const redis = await startRedis();
  test.teardown(redis.stop);
  const postgres = await startPostgres({ fsync: true });
  test.teardown(postgres.stop);
  const SIDES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    local: {},
    Redis: { REDIS_URL: redis.url, REDIS_PREFIX: 'plain:' },
    'Redis and PostgreSQL': {
      REDIS_URL: redis.url,
      REDIS_PREFIX: 'archived:',
      DATABASE_URL: postgres.url,
    },
  };
  const crowds = new Map<string, Crowd>();
  for (const [name, env] of Object.entries(SIDES)) {
    const pod = await runMain(test, { ...LIMITS, ...env });
    const crowd = await crowdOn(await pod.port(), pod.pid);
    test.teardown(crowd.stop);
    crowds.set(name, crowd);
  }
  console.log(
    `${PUBLISHERS} publishers, each alone in a room, ${DATA.length} bytes, ${repeats} times ${seconds} s; fixed rate ${rate} a second\n`,
  );
  const results = new Map<string, Result[]>();
  for (let i = 0; i < repeats; i++)
    for (const load of LOADS) {
      const names = [...crowds.keys()];
      // each begins in turn
      for (const name of [...names.slice(i % names.length), ...names.slice(0, i % names.length)]) {
        const key = `${load}: ${name}`;
        const result = await crowds.get(name)?.run(load);
        if (result !== undefined) results.set(key, [...(results.get(key) ?? []), result]);
      }
    }
  for (const load of LOADS) print(load, Object.keys(SIDES), results);
  const [row] = await postgres.query('SELECT count(*) AS count FROM chat_api.messages');
  const acks = crowds.get('Redis and PostgreSQL')?.total() ?? 0;
  const stored = Number(row?.['count']);
  console.log(`rows in PostgreSQL: ${stored}; acks of its pod: ${acks}`);
  return stored === acks ? [] : [`rows: ${stored}, expected ${acks}`];
};

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
const median = (some: readonly number[]): number =>
  quantile(
    some.toSorted((a, b) => a - b),
    0.5,
  );

interface Column {
  readonly name: string;
  readonly of: (result: Result) => number;
  readonly digits: number;
  /** Whether each side has this cost, so that a ratio says something. */
  readonly isCompared: boolean;
}

const column = (name: string, of: Column['of'], digits = 0, isCompared = true): Column => ({
  name,
  of,
  digits,
  isCompared,
});

/** Of the medians of all runs. */
const COLUMNS: readonly Column[] = [
  column('acks/s', ({ acks, seconds }) => acks / seconds),
  column('acks per CPU-second of the pod', ({ acks, cpu }) => acks / cpu),
  column('Redis, CPU ms per 1,000 acks', ({ acks, redisCpu }) => (redisCpu * 1e6) / acks, 0, false),
  column('PostgreSQL, the same', ({ acks, postgresCpu }) => (postgresCpu * 1e6) / acks, 0, false),
  column('p50 ms', ({ ms }) => quantile(ms, 0.5), 1),
  column('p99 ms', ({ ms }) => quantile(ms, 0.99), 1),
];

const print = (
  load: Load,
  names: readonly string[],
  results: ReadonlyMap<string, readonly Result[]>,
): void => {
  const valueOf = (name: string, of: (result: Result) => number): number =>
    median((results.get(`${load}: ${name}`) ?? []).map(of));
  console.log(`| ${[load, ...COLUMNS.map(({ name }) => name)].join(' | ')} |`);
  console.log(`|${'---|'.repeat(COLUMNS.length + 1)}`);
  for (const name of names) {
    const cells = COLUMNS.map(({ of, digits }) => valueOf(name, of).toFixed(digits));
    console.log(`| ${[name, ...cells].join(' | ')} |`);
  }
  for (const beside of names.slice(0, -1)) {
    const [last = ''] = names.slice(-1);
    const cells = COLUMNS.map(({ of, isCompared }) =>
      isCompared ? (valueOf(last, of) / valueOf(beside, of)).toFixed(2) : '–',
    );
    console.log(`| ${[`${last} / ${beside}`, ...cells].join(' | ')} |`);
  }
  console.log('');
};

const run = async (): Promise<readonly string[]> => {
  try {
    return await measure();
  } finally {
    for (const end of endings) await end();
  }
};
const faults = await run();
console.log(
  '\nNot shown: a network, a disk that others use, rooms with many members, several pods, messages across pods. ' +
    'The publishers, the pod, Redis and PostgreSQL share the machine.',
);
console.log(faults.length === 0 ? 'verdict: ok' : `verdict: FAILED\n${faults.join('\n')}`);
process.exit(faults.length === 0 ? 0 : 1);
