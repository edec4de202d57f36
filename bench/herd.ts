/**
 * `npm run herd`: 5,000 clients of 10 rooms connect in the same moment with the ids of their last messages,
 * on one pod and on three; compared with 500. Clients that resume share the reads of the log: ten times the
 * clients must not cost Redis ten times the reads.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { GLOBAL, type Room } from '../lib/protocol/position.js';
import { startRedis } from '../spec/support/redis.js';
import { logOf } from './chaos/campaign.js';
import { p99 } from './chaos/fault.js';
import { type StagePod, stagePod } from './chaos/stage.js';
import type { Answer, Order, Origin } from './herd/flock.js';
import { publisher } from './herd/publisher.js';

const [manyText = '5000', fewText = '500'] = process.argv.slice(2);
const MANY = Number(manyText);
const FEW = Number(fewText);
if (!(MANY > 0) || !(FEW > 0)) {
  console.error('usage: npm run herd -- [clients] [compared with]');
  process.exit(2);
}

const ROOMS: readonly Room[] = Array.from({ length: 10 }, (_, i) => `room-${i}`);
const LOGGED = 200;
/** How many messages ago the last id of a client is, at most. */
const BEHIND = 100;
const LIVE_PER_SECOND = Number(process.env['LIVE'] ?? 20);
const NEVER_MS = 2 ** 31 - 1;
const PROCESSES = 2;
/** One publisher sends all messages. */
const TALKATIVE = { RATE_LIMIT_PER_SECOND: '100000', RATE_LIMIT_BURST: '100000' };
const BARS = { reads: 1.5, p99Ms: 10_000, lagMs: 200 };

interface Row {
  readonly clients: number;
  readonly pods: number;
  readonly ranges: number;
  readonly scripts: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly lags: readonly number[];
  readonly replayed: number;
  readonly live: number;
  readonly gaps: number;
  readonly missing: number;
  readonly twice: number;
  readonly failed: number;
  readonly refused: number;
  readonly closed: number;
  readonly lateMs: number;
}

const log = (line: string): void => console.error(line);

const answerOf = async <A extends Answer['_tag']>(
  child: ChildProcess,
  tag: A,
): Promise<Extract<Answer, { readonly _tag: A }>> => {
  for (;;) {
    const [answer] = (await once(child, 'message')) as [Answer];
    if (answer._tag === tag) return answer as Extract<Answer, { readonly _tag: A }>;
  }
};

const lagOf = async (pod: StagePod): Promise<number> =>
  ((await pod.metrics()).get('nodejs_eventloop_lag_p99_seconds') ?? 0) * 1_000;

const herd = async (clients: number, podCount: number): Promise<Row> => {
  const redis = await startRedis({ config: [['tcp-backlog', 4_096]] });
  const pods = await Promise.all(
    Array.from({ length: podCount }, (_, i) =>
      stagePod({ name: `pod-${i + 1}`, env: { REDIS_URL: redis.url, ...TALKATIVE } }),
    ),
  );
  await Promise.all(pods.map((pod) => pod.start()));
  await Promise.all(pods.map((pod) => pod.isReady('ready', 10_000)));
  const port = pods[0]?.port ?? 0;
  const speaker = await publisher(port, ROOMS);
  for (let i = 0; i < LOGGED; i++) await speaker.publish([...ROOMS, GLOBAL]);
  const ids = new Map<Room, readonly string[]>();
  for (const room of [...ROOMS, GLOBAL])
    ids.set(
      room,
      (await logOf(redis, room)).texts.map((text) => text.slice(7, 43)),
    );
  const back = (room: Room, by: number): string => ids.get(room)?.at(-1 - by) ?? '';
  const origins = Array.from({ length: clients }, (_, i): Origin => {
    const room = ROOMS[i % ROOMS.length] ?? '';
    const by = Math.floor(Math.random() * BEHIND);
    return { room, roomId: back(room, by), globalId: back(GLOBAL, by) };
  });
  const flocks = Array.from({ length: PROCESSES }, () =>
    fork(new URL('./herd/flock.ts', import.meta.url), { execArgv: ['--import', 'tsx'] }),
  );
  const order = (child: ChildProcess, what: Order): void => void child.send(what);
  await Promise.all(
    flocks.map((child, i) => {
      const prepared = answerOf(child, 'Prepared');
      const own = origins.filter((_, n) => n % PROCESSES === i);
      order(child, { _tag: 'Prepare', ports: pods.map((pod) => pod.port), origins: own });
      return prepared;
    }),
  );
  // the room of a herd has no member at first
  const stats = async (): Promise<ReadonlyMap<string, number>> => {
    const text = String(await redis.command('INFO', 'commandstats'));
    return new Map(
      [...text.matchAll(/cmdstat_([a-z|]+):calls=(\d+)/g)].map(
        ([, name = '', calls]) => [name, Number(calls)] as const,
      ),
    );
  };
  const calls = (of: ReadonlyMap<string, number>, ...names: readonly string[]): number =>
    names.reduce((sum, name) => sum + (of.get(name) ?? 0), 0);
  const talk = setInterval(
    () => void speaker.publish([ROOMS[Math.floor(Math.random() * ROOMS.length)] ?? '']),
    LIVE_PER_SECOND > 0 ? 1_000 / LIVE_PER_SECOND : NEVER_MS,
  );
  await Promise.all(pods.map(lagOf)); // a scrape begins the next measurement
  const before = await stats();
  const joined = flocks.map((child) => answerOf(child, 'Joined'));
  for (const child of flocks) order(child, { _tag: 'Go' });
  const answers = await Promise.all(joined);
  const after = await stats();
  const lags = await Promise.all(pods.map(lagOf));
  await sleep(1_500);
  clearInterval(talk);
  await sleep(1_500);
  const tops: Record<Room, number> = {};
  for (const room of [...ROOMS, GLOBAL]) tops[room] = (await logOf(redis, room)).offset;
  const judged = await Promise.all(
    flocks.map((child) => {
      const answer = answerOf(child, 'Judged');
      order(child, { _tag: 'Judge', tops });
      return answer;
    }),
  );
  speaker.stop();
  for (const pod of pods) {
    await pod.kill();
    await pod.door.stop();
  }
  await redis.stop();
  const sum = (of: (each: (typeof judged)[number]) => number): number =>
    judged.reduce((total, each) => total + of(each), 0);
  const times = answers.flatMap((each) => each.times).sort((one, other) => one - other);
  return {
    clients,
    pods: podCount,
    ranges: calls(after, 'xrange', 'xrevrange') - calls(before, 'xrange', 'xrevrange'),
    scripts: calls(after, 'eval', 'evalsha') - calls(before, 'eval', 'evalsha'),
    p50: times[Math.floor(times.length / 2)] ?? 0,
    p99: p99(times),
    max: times.at(-1) ?? 0,
    lags,
    replayed: sum((each) => each.replayed),
    live: sum((each) => each.live),
    gaps: sum((each) => each.gaps),
    missing: sum((each) => each.missing),
    twice: sum((each) => each.twice),
    failed: answers.reduce((total, { failed }) => total + failed, 0),
    refused: sum((each) => each.refused),
    closed: sum((each) => each.closed),
    lateMs: Math.max(...judged.map(({ lateMs }) => lateMs)),
  };
};

const rows: Row[] = [];
for (const pods of [1, 3])
  for (const clients of [FEW, MANY]) {
    const row = await herd(clients, pods);
    rows.push(row);
    log(`${clients} clients on ${pods}: ${row.ranges} range reads, p99 ${Math.round(row.p99)} ms`);
  }

const ms = (value: number): string => Math.round(value).toString();
const HEAD: readonly (readonly [string, (row: Row) => string | number])[] = [
  ['clients', (row) => row.clients],
  ['pods', (row) => row.pods],
  ['range reads', (row) => row.ranges],
  ['script calls', (row) => row.scripts],
  ['connect to joined, p50 ms', (row) => ms(row.p50)],
  ['p99 ms', (row) => ms(row.p99)],
  ['most ms', (row) => ms(row.max)],
  ['loop lag of the pods, p99 ms', (row) => row.lags.map(ms).join(', ')],
  ['replayed', (row) => row.replayed],
  ['live', (row) => row.live],
  ['gaps', (row) => row.gaps],
  ['missing', (row) => row.missing],
  ['twice', (row) => row.twice],
  ['never joined', (row) => row.failed],
  ['refused', (row) => row.refused],
  ['closed', (row) => row.closed],
  ['clients’ own lag, p99 ms', (row) => ms(row.lateMs)],
];
for (const cells of [
  HEAD.map(([name]) => name),
  HEAD.map(() => '---'),
  ...rows.map((row) => HEAD.map(([, of]) => of(row))),
])
  console.log(`| ${cells.join(' | ')} |`);

const faults = rows.flatMap((row) => {
  const name = `${row.clients} clients on ${row.pods}`;
  const isOver = (what: string, value: number, bar: number): readonly string[] =>
    value > bar ? [`${name}: ${what} ${Math.round(value * 10) / 10}, expected at most ${bar}`] : [];
  return [
    ...isOver('gaps', row.gaps, 0),
    ...isOver('missing', row.missing, 0),
    ...isOver('twice', row.twice, 0),
    ...isOver('never joined', row.failed, 0),
    ...isOver('closed', row.closed, 0),
    ...isOver('p99 of recovery, ms', row.p99, BARS.p99Ms),
    ...isOver('event-loop lag, ms', Math.max(...row.lags), BARS.lagMs),
  ];
});
for (const pods of [1, 3]) {
  const [few, many] = [FEW, MANY].map((clients) =>
    rows.find((row) => row.clients === clients && row.pods === pods),
  );
  const ratio = (many?.ranges ?? 0) / Math.max(1, few?.ranges ?? 0);
  console.log(
    `${pods} pod(s): ${many?.ranges ?? 0} range reads for ${MANY}, ${few?.ranges ?? 0} for ${FEW}: ratio ${ratio.toFixed(2)} (at most ${BARS.reads})`,
  );
  if (ratio > BARS.reads) faults.push(`${pods} pod(s): ratio of range reads ${ratio.toFixed(2)}`);
}
console.log(faults.length === 0 ? 'verdict: ok' : `verdict: FAILED\n${faults.join('\n')}`);
process.exit(faults.length === 0 ? 0 : 1);
