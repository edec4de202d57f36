/**
 * `npm run revoke -- [revocations]`: for how long a client still gets messages of a room after it lost the
 * right to it. Three pods on one Redis require tokens; each user has a connection on every pod, in a room
 * with `RATE` messages a second. There are three ways: a refresh with fewer rooms (timed from its sending), a
 * disconnect by an operator on one pod (from its 202), the end of the token (from `exp`); each up to the last
 * message that comes to the client. 99 of 100 must be within 100 ms.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { BASE, http, runMain } from '../spec/support/pod.js';
import { startRedis, until } from '../spec/support/redis.js';
import { SECRET } from '../spec/support/tokens.js';
import { LOBBY, type Visitor, visitor } from './revoke/visitor.js';

const [revocationsText = '360'] = process.argv.slice(2);
const revocations = Number(revocationsText);
const { CLIENTS = '200', RATE = '200' } = process.env;
if (!(revocations > 0)) {
  console.error('usage: npm run revoke -- [revocations]');
  process.exit(2);
}

const PODS = ['pod-1', 'pod-2', 'pod-3'] as const;
const ROOMS = Array.from({ length: 10 }, (_, i) => `room-${i}`);
const BAR_MS = 100;
const TICK_MS = 5;
/** Users of each way, each with a connection on every pod. */
const USERS_A_ROUND = 4;
/** The revocations of a round are spread over this time. */
const SPREAD_MS = 1_000;
const SETTLE_MS = 500;
const API_KEY = 'an-operator-of-the-bench-0123456789';

const WAYS = ['refresh', 'operator', 'expiry'] as const;
type Way = (typeof WAYS)[number];
/** How the connections of the user end, by the way of the revocation. */
const GOES = { refresh: 'left', operator: 4503, expiry: 4001 } as const;

interface Sample {
  readonly way: Way;
  readonly pod: string;
  /** From the revocation to the last message; 0: none came after it. */
  readonly ms: number;
}

const beganAt = performance.now();
const log = (line: string): void =>
  console.error(`${((performance.now() - beganAt) / 1_000).toFixed(1).padStart(6)} ${line}`);

const endings: (() => unknown)[] = [];
const redis = await startRedis();
endings.push(redis.stop);
const ports = await Promise.all(
  PODS.map(async (name) => {
    const env = {
      SERVER_ID: name,
      REDIS_URL: redis.url,
      AUTH_ENABLED: 'true',
      JWT_SECRET: SECRET,
      API_KEYS: API_KEY,
      RATE_LIMIT_PER_SECOND: '100000',
      RATE_LIMIT_BURST: '100000',
      RATE_LIMIT_BYTES: '1000000000',
    };
    const owner = { teardown: (work: () => unknown) => endings.push(work) };
    const pod = await runMain(owner, env);
    const port = await pod.port();
    await until(`${name} is ready`, async () => (await http(port, '/ready')).status === 200);
    return port;
  }),
);
const portOf = (at: number): number => ports[at % ports.length] ?? 0;

const speakers = ROOMS.map((room, i) =>
  visitor({ pod: PODS[i % 3] ?? '', port: portOf(i), user: `speaker-${i}`, room }),
);
const users: readonly (readonly Visitor[])[] = Array.from(
  { length: Math.ceil(Number(CLIENTS) / PODS.length) },
  (_, i) =>
    PODS.map((pod, at) =>
      visitor({ pod, port: portOf(at), user: `user-${i}`, room: ROOMS[i % ROOMS.length] ?? '' }),
    ),
);
const visitors = users.flat();
for (const each of [...speakers, ...visitors]) await each.enter();
log(`${visitors.length} clients of ${users.length} users are in`);

let dueAt = performance.now();
let sent = 0;
const talk = setInterval(() => {
  for (const now = performance.now(); dueAt < now; dueAt += 1_000 / Number(RATE)) {
    sent += speakers.length;
    for (const speaker of speakers) speaker.publish('x'.repeat(100));
  }
}, TICK_MS);
await sleep(1_000);

const faults: string[] = [];
const samples: Sample[] = [];

/**
 * Takes the right from all connections of a user; resolves with the moment for each, as `performance.now()`.
 */
const revoke = async (
  way: Way,
  user: readonly Visitor[],
  at: number,
): Promise<readonly number[]> => {
  const name = user[0]?.user ?? '';
  const wait = Math.random() * SPREAD_MS;
  if (way === 'expiry') {
    const exp = Date.now() + 200 + wait;
    const moment = performance.now() + exp - Date.now();
    for (const each of user) each.refresh({ exp: exp / 1_000 });
    await sleep(200 + wait);
    return user.map(() => moment);
  }
  await sleep(wait);
  if (way === 'refresh')
    return user.map((each) => {
      each.refresh({ rooms: { join: [LOBBY] } });
      return performance.now();
    });
  const headers = { 'X-API-Key': API_KEY };
  const { status } = await http(portOf(at), `${BASE}/users/${name}/connections`, 'DELETE', headers);
  const moment = performance.now();
  if (status !== 202) faults.push(`DELETE was answered ${status}`);
  return user.map(() => moment);
};

const play = async (way: Way, user: readonly Visitor[], at: number): Promise<void> => {
  const moments = await revoke(way, user, at);
  const hasGone = (): boolean => user.every((each) => each.standing() !== 'in');
  await until('', hasGone, 3_000).catch(() => undefined);
  await sleep(SETTLE_MS);
  for (const [i, each] of user.entries()) {
    const ms = each.receivedAt() - (moments[i] ?? 0);
    const how = each.standing();
    if (how !== GOES[way]) faults.push(`${way} on ${each.pod}: expected ${GOES[way]}, got ${how}`);
    if (ms < -BAR_MS) faults.push(`${way} on ${each.pod}: it had heard nothing before it`);
    samples.push({ way, pod: each.pod, ms: Math.max(0, ms) });
  }
  await Promise.all(user.map((each) => each.enter()));
};

const lag = monitorEventLoopDelay({ resolution: 10 });
lag.enable();
const measuredAt = performance.now();
const sentBefore = sent;
let turn = 0;
while (samples.length < revocations) {
  const round = WAYS.flatMap((way) =>
    Array.from({ length: USERS_A_ROUND }, () => {
      turn++;
      return play(way, users[turn % users.length] ?? [], turn);
    }),
  );
  await Promise.all(round);
  log(`${samples.length} of ${revocations} revocations`);
}
const seconds = (performance.now() - measuredAt) / 1_000;
clearInterval(talk);
for (const each of [...speakers, ...visitors]) {
  each.go();
  faults.push(...each.faults);
}
for (const end of endings.reverse()) await end();

const quantile = (values: readonly number[], q: number): number => {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? Number.NaN;
};
console.log(
  `revoke: ${visitors.length} clients, ${ROOMS.length} rooms, ${Math.round((sent - sentBefore) / seconds / ROOMS.length)} messages/s in each; from the revocation to the last message, ms`,
);
console.log('| way | pod | times | p50 | p99 | max |\n| --- | --- | --- | --- | --- | --- |');
for (const way of WAYS)
  for (const pod of [...PODS, 'all']) {
    const some = samples.filter((one) => one.way === way && (pod === 'all' || one.pod === pod));
    const times = some.map(({ ms }) => ms);
    const cells = [0.5, 0.99, 1].map((q) => quantile(times, q).toFixed(1));
    console.log(`| ${[way, pod, times.length, ...cells].join(' | ')} |`);
    const p99 = quantile(times, 0.99);
    if (!(p99 <= BAR_MS))
      faults.push(`${way} on ${pod}: expected at most ${BAR_MS} ms at p99, got ${p99.toFixed(1)}`);
  }
console.log(
  `this process was late by ${(lag.percentile(99) / 1e6).toFixed(0)} ms at p99, ${(lag.max / 1e6).toFixed(0)} ms at most`,
);
console.log(
  faults.length === 0 ? 'verdict: ok' : `verdict: FAILED\n${faults.slice(0, 20).join('\n')}`,
);
process.exit(faults.length === 0 ? 0 : 1);
