/**
 * `npm run chaos -- [minutes] [seed]`: faults drawn by the seed, one at a time and in pairs, on three real
 * pods and a real Redis under load. Everything that clients get is checked. Three acts: one Redis that writes
 * to disk before each answer, reached through proxies; the same with logs of one message; three Sentinels.
 */
import { createWriteStream } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { ACL_USER, aclOf } from '../spec/support/docs.js';
import { OTHERS, startRedis } from '../spec/support/redis.js';
import { campaign } from './chaos/campaign.js';
import { boundFaults } from './chaos/faults/bounds.js';
import { chance } from './chaos/chance.js';
import type { Fault } from './chaos/fault.js';
import { clientFaults } from './chaos/faults/client.js';
import { failoverFaults } from './chaos/faults/failover.js';
import { lineFaults } from './chaos/faults/line.js';
import { oddities } from './chaos/faults/oddities.js';
import { podFaults } from './chaos/faults/pod.js';
import { redisFaults } from './chaos/faults/redis.js';
import { failures, textOf, totals } from './chaos/report.js';
import { trio } from './chaos/sentinel.js';
import { type PodOptions, type Stage, stagePod } from './chaos/stage.js';

const [minutesText = '10', seedText] = process.argv.slice(2);
const minutes = Number(minutesText);
const seed = Number(seedText ?? Math.floor(Math.random() * 1e9));
const {
  ONLY = '',
  ACT = '',
  CLIENTS = '64',
  KEEP_ONE = '16',
  RATE = '300',
  TRACE = '',
} = process.env;
if (!(minutes > 0) || !Number.isInteger(seed)) {
  console.error('usage: npm run chaos -- [minutes] [seed]');
  process.exit(2);
}

/** How often each fault must come in ten minutes or more; a shorter run has no minimum. */
const TIMES = minutes >= 10 && ONLY === '' ? 5 : 0;
const PONG_MS = 8_000;
type Act = 'alone' | 'bounds' | 'sentinel';
const SHARES: Readonly<Record<Act, number>> =
  ACT === '' ? { alone: 0.7, bounds: 0.1, sentinel: 0.2 } : { alone: 1, bounds: 1, sentinel: 1 };

const ENV = {
  LOG_LEVEL: 'info',
  LOG_MESSAGES: '100000',
  LOG_TTL_MS: '3600000',
  PING_INTERVAL_MS: '3000',
  PONG_TIMEOUT_MS: String(PONG_MS),
  // a flood is few and large messages
  RATE_LIMIT_BYTES: '8000000',
};

const beganAt = performance.now();
const log = (line: string): void =>
  console.error(`${((performance.now() - beganAt) / 1_000).toFixed(1).padStart(6)} ${line}`);
/** A line for each event of each client: 100 MB in ten minutes. */
const file = TRACE === '' ? undefined : createWriteStream(TRACE);
const trace = file && ((line: string): void => void file.write(`${line}\n`));
const lag = monitorEventLoopDelay({ resolution: 10 });
lag.enable();

const podsOf = async (options: Omit<PodOptions, 'name'>): Promise<Stage['pods']> => {
  const pods = await Promise.all(
    [1, 2, 3].map((i) => stagePod({ ...options, name: `pod-${i}`, stepped: i === 2 })),
  );
  await Promise.all(pods.map((pod) => pod.start()));
  await Promise.all(pods.map((pod) => pod.isReady('ready', 10_000)));
  return pods;
};

const chosen = (faults: readonly Fault[], stage: Stage): readonly Fault[] =>
  faults.filter(({ row, what, isPossible }) => {
    if (ONLY !== '' && !ONLY.split(',').includes(row)) return false;
    if (isPossible?.(stage) !== false) return true;
    log(`${row} is left out, ${what}: it is not possible here`);
    return false;
  });

const run = async (name: Act, stage: Stage, faults: readonly Fault[]) => {
  const report = await campaign({
    name,
    stage,
    faults: chosen(faults, stage),
    ms: minutes * 60_000 * SHARES[name],
    times: TIMES,
    chance: chance(seed),
    clients: Number(CLIENTS),
    keepOne: Number(KEEP_ONE),
    perSecond: Number(RATE),
    log,
    trace,
    logMessages: name === 'bounds' ? 1 : 100_000,
  });
  await stage.stop();
  console.log(textOf(report));
  return report;
};

const stopPods = async (pods: Stage['pods']): Promise<void> => {
  for (const pod of pods) {
    if (!pod.running().hasEnded()) await pod.kill();
    await pod.door.stop();
    await pod.line?.stop();
  }
};

/** One Redis behind proxies, and another one that can take its place. */
const oneRedis = async (env: Readonly<Record<string, string>>): Promise<Stage> => {
  // rights can be taken from the pods, and the bench keeps all of its own
  const acl = [OTHERS, aclOf('standalone')];
  const config = [['enable-debug-command', 'local']] as const;
  const first = await startRedis({ appendonly: true, appendfsync: 'always', acl, config });
  const other = await startRedis({ acl });
  let present = first;
  const pods = await podsOf({ redisPort: () => present.port, env, user: ACL_USER });
  return {
    pods,
    redis: async () => present,
    swap: (to) => {
      present = to === 'first' ? first : other;
      for (const { line } of pods) line?.reset();
    },
    stop: async () => {
      await stopPods(pods);
      await first.stop();
      await other.stop();
    },
  };
};

const alone = async () =>
  run('alone', await oneRedis(ENV), [
    ...lineFaults,
    ...redisFaults,
    ...podFaults,
    ...clientFaults(PONG_MS),
    ...oddities,
  ]);

/** The smallest bounds: logs of one message, rooms that linger for a millisecond. */
const bounds = async () =>
  run('bounds', await oneRedis({ ...ENV, LOG_MESSAGES: '1', ROOM_LINGER_MS: '1' }), boundFaults);

const sentinel = async () => {
  const three = await trio();
  const pods = await podsOf({
    env: {
      ...ENV,
      REDIS_URL: three.url,
      REDIS_SENTINELS: three.addresses.join(','),
      REDIS_SENTINEL_NAME: three.name,
    },
  });
  const stage: Stage = {
    pods,
    redis: three.master,
    stop: async () => {
      await stopPods(pods);
      await three.stop();
    },
  };
  return run('sentinel', stage, failoverFaults(three));
};

console.log(`chaos: ${minutes} min, seed ${seed}, ${CLIENTS} clients, ${RATE} messages/s`);
const reports = [
  ...(ACT === '' || ACT === 'alone' ? [await alone()] : []),
  ...(ACT === '' || ACT === 'bounds' ? [await bounds()] : []),
  ...(ACT === '' || ACT === 'sentinel' ? [await sentinel()] : []),
];
console.log(`\n## Totals\n\n${totals(reports)}`);
const why = failures(reports, TIMES);
const acked = reports.reduce((sum, { counts }) => sum + counts.acked - counts.ackedOnPod, 0);
console.log(
  `\nacknowledged for all pods: ${acked}; this process was late by ${(lag.percentile(99) / 1e6).toFixed(0)} ms at p99, ${(lag.max / 1e6).toFixed(0)} ms at most; ${((performance.now() - beganAt) / 60_000).toFixed(1)} min`,
);
console.log(why.length === 0 ? 'verdict: ok' : `verdict: FAILED\n${why.join('\n')}`);
process.exit(why.length === 0 ? 0 : 1);
