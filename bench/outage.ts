/**
 * `npm run outage`: 10,000 clients of the library, behind nginx with a limit of new connections a second, lose all
 * pods in one moment. The pods are started again, and messages go on all the time.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Room } from '../lib/protocol/position.js';
import { startNginx } from '../spec/support/nginx.js';
import { freePort, startRedis } from '../spec/support/redis.js';
import { stagePod } from './chaos/stage.js';
import { started } from './rolling/cluster.js';
import { publisher } from './herd/publisher.js';
import type { Answer, Order } from './outage/clients.js';

const [clientsText = '10000', rateText = '1000'] = process.argv.slice(2);
const CLIENTS = Number(clientsText);
const PER_SECOND = Number(rateText);
if (!(CLIENTS > 0) || !(PER_SECOND > 0)) {
  console.error(
    'usage: npm run outage -- [clients] [new connections a second that nginx lets through]',
  );
  process.exit(2);
}

const PROCESSES = 4;
const ROOMS: readonly Room[] = Array.from({ length: 10 }, (_, i) => `room-${i}`);
const MESSAGES_PER_SECOND = Number(process.env['RATE'] ?? 20);
const PATIENCE_MS = 180_000;
/** A timer may be late, so a window of a second may have this much more than the rate. */
const TOLERANCE = 1.05;

const log = (line: string): void => console.error(line);

const redis = await startRedis({ config: [['tcp-backlog', 4_096]] });
const limits = { RATE_LIMIT_PER_SECOND: '100000', RATE_LIMIT_BURST: '100000' };
const pods = await Promise.all(
  ['pod-1', 'pod-2', 'pod-3', 'pod-that-stays'].map((name) =>
    stagePod({ name, env: { REDIS_URL: redis.url, ...limits } }),
  ),
);
await Promise.all(pods.map(started));
const lost = pods.slice(0, 3);
const nginx = await startNginx({
  workers: PROCESSES,
  pods: lost.map(({ port }) => port),
  // one for each process of clients
  ports: await Promise.all(Array.from({ length: PROCESSES }, freePort)),
  perSecond: PER_SECOND,
  // no client waits longer than the 15 s for its first frame
  burst: PER_SECOND * 10,
});

const children = Array.from({ length: PROCESSES }, () =>
  fork(new URL('./outage/clients.ts', import.meta.url), { execArgv: ['--import', 'tsx'] }),
);
const order = (child: ChildProcess, what: Order): void => void child.send(what);
const answers = <A extends Answer['_tag']>(
  tag: A,
  orderOf: (index: number) => Order,
): Promise<readonly Extract<Answer, { readonly _tag: A }>[]> =>
  Promise.all(
    children.map(async (child, i) => {
      const answered = once(child, 'message') as Promise<[Answer]>;
      order(child, orderOf(i));
      const [answer] = await answered;
      if (answer._tag !== tag) throw new Error(`${tag} expected, not ${answer._tag}`);
      return answer as Extract<Answer, { readonly _tag: A }>;
    }),
  );
const each = Math.ceil(CLIENTS / PROCESSES);
const began = performance.now();
await answers('Joined', (i) => ({
  _tag: 'Connect',
  port: nginx.ports[i] ?? 0,
  rooms: ROOMS,
  clients: Math.min(each, CLIENTS - i * each),
  perSecond: (PER_SECOND * 0.9) / PROCESSES,
}));
log(`${CLIENTS} clients have joined after ${Math.round(performance.now() - began)} ms`);

const speaker = await publisher(pods[3]?.port ?? 0, ROOMS);
const published: Record<Room, number> = {};
let turn = 0;
const load = setInterval(() => {
  const room = ROOMS[turn++ % ROOMS.length] ?? '';
  published[room] = (published[room] ?? 0) + 1;
  void speaker.publish([room], published[room]);
}, 1_000 / MESSAGES_PER_SECOND);
await sleep(2_000);

/** Of the pods together: connections that were accepted, and those that are open. */
const connections = async (): Promise<readonly [accepted: number, open: number]> => {
  const counts = await Promise.all(
    lost.map((pod) =>
      pod.metrics().then(
        (metrics) => [
          metrics.get('realtime_connections_opened_total') ?? 0,
          metrics.get('realtime_connections_total') ?? 0,
        ],
        () => [0, 0],
      ),
    ),
  );
  const sum = (i: 0 | 1): number => counts.reduce((total, count) => total + (count[i] ?? 0), 0);
  return [sum(0), sum(1)];
};

for (const child of children) order(child, { _tag: 'Watch' });
await sleep(200);
const killedAt = Date.now();
await Promise.all(lost.map((pod) => pod.kill()));
await Promise.all(lost.map(started));
const readyMs = Date.now() - killedAt;
log(`all pods killed; they are ready again after ${readyMs} ms`);
const rates: number[] = [];
let [count, open, at] = [0, 0, performance.now()];
// not until so many were accepted: a client on a busy machine may give a connection up, and come again
while (open < CLIENTS && Date.now() - killedAt < PATIENCE_MS) {
  await sleep(1_000);
  const [[nextCount, nextOpen], nextAt] = [await connections(), performance.now()];
  rates.push(((nextCount - count) * 1_000) / (nextAt - at));
  [count, open, at] = [nextCount, nextOpen, nextAt];
}
await sleep(5_000);
clearInterval(load);
await sleep(3_000);

const reports = await answers('Reported', () => ({ _tag: 'Report' }));
const judged = await answers('Judged', () => ({ _tag: 'Judge', published }));
const sum = (of: (one: (typeof judged)[number]) => number): number =>
  judged.reduce((total, one) => total + of(one), 0);
const sorted = (of: (one: (typeof reports)[number]) => readonly number[]): readonly number[] =>
  reports.flatMap(of).sort((one, other) => one - other);
const tries = sorted((one) => one.tries);
const lives = sorted((one) => one.lives);
const joins = sorted((one) => one.joins);
/** The most in any window of a second. */
const mostASecond = (times: readonly number[]): number => {
  let from = 0;
  return times.reduce((most, time, i) => {
    while ((times[from] ?? time) <= time - 1_000) from++;
    return Math.max(most, i - from + 1);
  }, 0);
};
const quantile = (times: readonly number[], q: number): number =>
  (times[Math.min(times.length - 1, Math.floor(times.length * q))] ?? killedAt) - killedAt;

const row: readonly (readonly [string, string | number])[] = [
  ['clients', CLIENTS],
  ['nginx lets through, a second', PER_SECOND],
  ['pods ready again, ms', readyMs],
  ['accepted by pods, most a second', Math.round(Math.max(...rates))],
  ['live again, most in a second', mostASecond(lives)],
  ['tries', tries.length],
  ['tries, most in a second', mostASecond(tries)],
  ['to live, p50 ms', quantile(lives, 0.5)],
  ['p99 ms', quantile(lives, 0.99)],
  ['most ms', quantile(lives, 1)],
  ['to the room, p99 ms', quantile(joins, 0.99)],
  ['never live', CLIENTS - lives.length],
  ['shown', sum((one) => one.shown)],
  ['missing', sum((one) => one.missing)],
  ['twice', sum((one) => one.twice)],
  ['out of order', sum((one) => one.disordered)],
  ['gaps', sum((one) => one.gaps)],
];
for (const cells of [
  row.map(([name]) => name),
  row.map(() => '---'),
  row.map(([, value]) => value),
])
  console.log(`| ${cells.join(' | ')} |`);
console.log(`accepted by the pods, second by second: ${rates.map(Math.round).join(' ')}`);

for (const child of children) child.kill('SIGKILL');
speaker.stop();
for (const pod of pods) {
  await pod.kill();
  await pod.door.stop();
}
await nginx.stop();
await redis.stop();

const faults = [
  ...(['never live', 'missing', 'twice', 'out of order', 'gaps'] as const).flatMap((name) => {
    const value = row.find(([of]) => of === name)?.[1];
    return value === 0 ? [] : [`${name}: ${value ?? '?'}, expected 0`];
  }),
  ...(Math.max(...rates) > PER_SECOND * TOLERANCE
    ? [`accepted: ${Math.round(Math.max(...rates))} a second, expected at most ${PER_SECOND}`]
    : []),
];
console.log(faults.length === 0 ? 'verdict: ok' : `verdict: FAILED\n${faults.join('\n')}`);
process.exit(faults.length === 0 ? 0 : 1);
