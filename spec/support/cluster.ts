/**
 * A cluster in virtual time inside one process: pods with their real code on one model of Redis, clients that
 * chat, and faults, all drawn by one seed. The same seed gives the same run, to the last byte. While the
 * faults last, the invariants judge what clients get. Then all faults end, every client must have the
 * position of the log, all clients leave, and nothing may be left.
 *
 *   0 ── talk ── 2 s ── faults ── 14 s: heal ── talk ends ── 20 s: judged ── all go ── all pods drain ── nothing is left
 *
 * `runClientSeed` adds applications on the client library. They are judged at 100 s: a client notices a dead
 * connection after 35 s, and then may wait for 30 s.
 */
import type { Config, DeepPartial } from '../../lib/config/index.js';
import { channelOf } from '../../lib/broker/redis/port.js';
import { GLOBAL, type Room } from '../../lib/protocol/position.js';
import { payloadOf } from '../../lib/protocol/payload.js';
import { type Application, application } from './cluster/application.js';
import { type Chatter, chatter } from './cluster/chatter.js';
import { type ClusterPod, clusterPod } from './cluster/pod.js';
import { neighbour } from './cluster/neighbour.js';
import { type Climate, weather } from './cluster/weather.js';
import { checker as checkerOf, type Counts, type Violation } from './invariants.js';
import { modelRedis } from './model-redis.js';
import { virtualClock } from './virtual-clock.js';

export interface RunOptions {
  readonly seed: number;
  /** Gets a line for each event, as it happens. */
  readonly note?: (line: string) => void;
}

export interface Outcome {
  readonly seed: number;
  readonly climate: Climate;
  readonly violations: readonly Violation[];
  readonly found: number;
  readonly counts: Counts;
  /** A hash of everything that clients got, and when. */
  readonly hash: string;
  readonly faults: ReadonlyMap<string, number>;
  /** How often the other program on Redis did what. */
  readonly tricks: ReadonlyMap<string, number>;
}

const PODS = ['pod-1', 'pod-2', 'pod-3'] as const;
const CLIENTS = 20;
const APPLICATIONS = 8;
/** How many clients without the library there are beside the applications. */
const OTHERS = 6;
const ROOMS: readonly Room[] = ['ant', 'bee', 'cat', 'dog'];
const FAULTS_MS = [2_000, 13_500] as const;
/** A deploy begins within this time after the first fault. */
const DEPLOY_SPREAD_MS = 5_000;
const HEAL_MS = 14_000;
const JUDGE_MS = 20_000;
const JUDGE_APPLICATIONS_MS = 100_000;
/** The promises of applications settle between two slices of the virtual time. */
const SLICE_MS = 50;
/** How many microtasks there are from the answer to the last `then` of the application. */
const MICROTASKS = 8;
/** Heartbeats are shorter than in production, as a run is. */
const PING_MS = 4_000;
const PONG_MS = 6_000;
const LINGER_MS = 1_000;
const DRAIN_MS = 3_000;
/** The longest time between two messages of the other program. */
const MEDDLE_MS = 150;

export const runSeed = (options: RunOptions): Outcome => {
  const run = life(options, CLIENTS, 0);
  for (;;) {
    const next = run.next();
    if (next.done === true) return next.value;
  }
};

export const runClientSeed = async (options: RunOptions): Promise<Outcome> => {
  const run = life(options, OTHERS, APPLICATIONS);
  for (;;) {
    const next = run.next();
    if (next.done === true) return next.value;
    // a macrotask would yield the core to other processes, and take long on a busy machine
    for (let i = 0; i < MICROTASKS; i++) await Promise.resolve();
  }
};

function* life(
  { seed, note: trace }: RunOptions,
  chatters: number,
  applications: number,
): Generator<undefined, Outcome> {
  const clock = virtualClock(seed);
  const { scheduler, random } = clock;
  const hash = fnv();
  const now = (): number => scheduler.now();
  const note = (text: () => string): void => trace?.(`${now().toFixed(1).padStart(8)}  ${text()}`);
  const drawn = random();
  const climate: Climate = drawn < 0.3 ? 'calm' : drawn < 0.65 ? 'outage' : 'loss';
  const size = random();
  const logMessages = size < 0.06 ? 1 : size < 0.2 ? 12 : 1_000;
  const sendBufferMessages = random() < 0.3 ? 16 : 256;
  const config: DeepPartial<Config> = {
    server: { drainMs: DRAIN_MS },
    limits: {
      roomLingerMs: LINGER_MS,
      pingIntervalMs: PING_MS,
      pongTimeoutMs: PONG_MS,
      sendBufferMessages,
      // applications publish in bursts: the client must stay below this rate
      ...(applications > 0 ? { rateLimitPerSecond: 20, rateLimitBurst: 40 } : {}),
    },
  };

  const checker = checkerOf({
    knowsGround: true,
    retention: { messages: logMessages, ms: 600_000 },
  });
  const redis = modelRedis(clock, {
    logMessages,
    epoch: (room, tag) => {
      note(() => `epoch ${tag} of ${room === GLOBAL ? 'the global log' : room}`);
      checker.epoch(room, tag, now());
    },
    trimmed: checker.trimmed,
  });
  const pods = PODS.map(
    (name): ClusterPod =>
      clusterPod({
        name,
        world: clock,
        redis,
        config: { ...config, server: { ...config.server, serverId: name } },
        delayMs: () => 3,
        status: (status) => {
          note(() => `${name} is ${status}`);
          checker.status(name, STATUS[status], now());
        },
        outboxPeak: (messages, bound) =>
          checker.holds(`the outbox of a connection of ${name}`, messages, bound, now()),
        left: (what, count) => checker.left(what, count, now()),
        failed: (detail) => checker.ended(detail, now()),
      }),
  );

  /** Records whether a probe could come back: the status of each pod is judged by this. */
  const look = (): void => {
    for (const pod of pods) {
      const bus = pod.bus();
      const can =
        bus === undefined || pod.isFrozen() || sky.isMurky(pod.name)
          ? undefined
          : redis.isUp() && !redis.isFrozen() && !redis.refuses() && bus.isClear();
      checker.probes(pod.name, can, now());
    }
  };

  const sky = weather({ climate, clock, redis, pods, checker, note, changed: () => look() });
  const beside = neighbour({ clock, redis, rooms: ROOMS, forged: checker.foreignId, note });
  const paceMs = 700 + random() * 1_200;
  const shared = {
    rooms: ROOMS,
    clock,
    pods,
    checker,
    paceMs,
    slackMs: (PONG_MS - PING_MS) / 2,
    note,
    trace: (text: string) => hash.add(now(), text),
  };

  const people = Array.from(
    { length: chatters },
    (_, i): Chatter =>
      chatter({
        name: `c${i + 1}`,
        user: i % 3 === 0 ? null : `user-${i % 3 === 1 ? i : 'twin'}`,
        home: i % 7 === 6 ? undefined : ROOMS[i % ROOMS.length],
        ...shared,
      }),
  );

  const apps = Array.from(
    { length: applications },
    (_, i): Application =>
      application({
        name: `app${i + 1}`,
        user: i % 3 === 0 ? null : `app-user-${i}`,
        ...shared,
      }),
  );
  const everybody = [...people, ...apps];

  for (const pod of pods) scheduler.schedule(() => pod.start(), random() * 300);
  for (const each of everybody) scheduler.schedule(each.start, 200 + random() * 1_000);
  const [from, to] = FAULTS_MS;
  const strikes = 1 + Math.floor(random() * 5);
  for (let i = 0; i < strikes; i++) scheduler.schedule(sky.strike, from + random() * (to - from));
  if (applications > 0 && random() < 0.4)
    scheduler.schedule(sky.deploy, from + random() * DEPLOY_SPREAD_MS);
  scheduler.schedule(look, 3_000);
  const isBeset = random() < 0.5;
  const meddle = (): void => {
    if (now() > HEAL_MS) return;
    beside.speak();
    scheduler.schedule(meddle, random() * MEDDLE_MS);
  };
  if (isBeset) scheduler.schedule(meddle, FAULTS_MS[0]);

  function* until(ms: number): Generator<undefined, void> {
    const slice = applications > 0 ? SLICE_MS : ms;
    while (now() < ms) {
      clock.advance(Math.min(slice, ms - now()));
      yield;
    }
  }

  yield* until(HEAL_MS);
  sky.heal();
  note(() => '*** healed');
  checker.healed(now());
  const hushed = now() + random() * 3_000 - 1_500;
  for (const each of everybody) scheduler.schedule(each.hush, Math.max(0, hushed - now()));
  yield* until(applications > 0 ? JUDGE_APPLICATIONS_MS : JUDGE_MS);

  for (const room of [GLOBAL, ...ROOMS]) {
    const top = redis.position(room);
    if (top === undefined) continue;
    const entries = redis.entries(room);
    checker.log({
      room,
      tag: top.tag,
      offset: top.offset,
      id: top.id,
      first: entries[0]?.offset ?? top.offset + 1,
      texts: entries.map(({ id, rest }) => payloadOf(id, rest)),
    });
  }
  checker.placed([...redis.placed].map(([id, { rest }]) => payloadOf(id, rest)));
  note(() => '*** judged');
  for (const each of apps) each.judge();
  const verdict = checker.verdict({ at: now(), settled: now() - 2_000 });
  const judged = checker.found();

  for (const each of everybody) each.end();
  clock.advance(LINGER_MS + PONG_MS + 1_000);
  for (const pod of pods)
    for (const [what, count] of Object.entries(pod.holdings()))
      checker.left(`${what} of ${pod.name}, with nobody there,`, count, now());
  for (const room of ROOMS)
    checker.left(`subscriptions of ${room}`, redis.subscribers(channelOf(room)), now());
  for (const pod of pods) pod.drain();
  clock.advance(DRAIN_MS + 3_000);
  checker.left('connections to Redis', redis.peers.size, now());
  checker.left('timers', clock.pending(), now());
  return {
    seed,
    climate,
    violations: [...verdict.violations, ...checker.violations().slice(judged)],
    found: verdict.found + checker.found() - judged,
    counts: verdict.counts,
    hash: hash.read(),
    faults: sky.struck,
    tricks: beside.spoke,
  };
}

const STATUS = {
  Starting: 'starting',
  Up: 'ready',
  Degraded: 'degraded',
  Draining: 'draining',
  Gone: 'gone',
} as const;

/** FNV-1a over everything that clients got, 32 bits. */
const fnv = (): {
  readonly add: (at: number, text: string) => void;
  readonly read: () => string;
} => {
  let state = 0x811c9dc5;
  const mix = (value: number): void => {
    state = Math.imul(state ^ (value & 0xffff), 0x01000193);
  };
  return {
    add: (at, text) => {
      mix(Math.floor(at * 16));
      for (let i = 0; i < text.length; i++) mix(text.charCodeAt(i));
    },
    read: () => (state >>> 0).toString(16).padStart(8, '0'),
  };
};
