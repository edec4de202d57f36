/** Faults one after the other while clients chat, and what is found at the end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { channelOf } from '../../lib/broker/redis/port.js';
import { GLOBAL, type Room } from '../../lib/protocol/position.js';
import {
  checker as newChecker,
  type LogContent,
  type Verdict,
} from '../../spec/support/invariants.js';
import { type RedisServer } from '../../spec/support/redis.js';
import type { Chance } from './chance.js';
import { type Crowd, crowd as newCrowd } from './crowd.js';
import { type Fault, type Measure, now, type Outcome, SLOW } from './fault.js';
import { plan } from './plan.js';
import type { Stage } from './stage.js';

/** The results of one kind of fault. */
export interface Suffered {
  readonly fault: Fault;
  alone: number;
  inPairs: number;
  readonly measures: (Measure & { readonly alone: boolean })[];
  readonly counts: Record<string, number>;
}

export interface Report {
  readonly name: string;
  readonly suffered: readonly Suffered[];
  readonly verdict: Verdict;
  readonly counts: ReturnType<Crowd['counts']>;
  /** Faults that are no violations of the invariants. */
  readonly wrongs: readonly string[];
  readonly closes: Readonly<Record<string, number>>;
  readonly unexpected: number;
}

export interface Campaign {
  readonly name: string;
  readonly stage: Stage;
  readonly faults: readonly Fault[];
  readonly ms: number;
  /** How often each fault must come at least. */
  readonly times: number;
  readonly chance: Chance;
  readonly clients: number;
  /** How many of the clients keep only the last id of any kind. */
  readonly keepOne: number;
  readonly perSecond: number;
  readonly log: (line: string) => void;
  readonly trace: ((line: string) => void) | undefined;
  /**
   * How many messages each log keeps. When these are few, it is not known which gap is due; missing messages
   * without a gap and repeats are found all the same.
   */
  readonly logMessages: number;
}

const ROOMS: readonly Room[] = Array.from({ length: 8 }, (_, i) => `room-${i}`);
/** I9: within this time after the faults, all clients have the position of the log. */
const LEVEL_MS = 2_000;
/** A pod is ready before its last room is: a room in the fallback waits for the next probe. */
const PINNED_MS = 1_000;
const READY_MS = 10_000;
const LINGER_MS = 5_000;

export const campaign = async (options: Campaign): Promise<Report> => {
  const { name, stage, faults, ms, times, chance, log } = options;
  const { logMessages } = options;
  const checker = newChecker({
    knowsGround: logMessages > 1_000,
    retention: { messages: logMessages, ms: 3_600_000 },
    isSlow: (client) => client.startsWith(SLOW),
    // a busy machine: this process was late by over a second at most
    disorderMs: 1_000,
  });
  const mark = `${name}-${Math.floor(Math.random() * 1e9).toString(36)}`;
  const crowd = newCrowd({
    count: options.clients,
    keepOne: options.keepOne,
    rooms: ROOMS,
    doors: stage.pods.flatMap(({ near, far }) => [near, far]),
    perSecond: options.perSecond,
    chance,
    checker,
    logMessages,
    mark,
    trace: options.trace,
  });
  const suffered = faults.map(
    (fault): Suffered => ({ fault, alone: 0, inPairs: 0, measures: [], counts: {} }),
  );
  const wrongs: string[] = [];
  const wrong = (text: string): void => {
    wrongs.push(text);
    log(`WRONG ${text}`);
  };

  const take = (fault: Fault, alone: boolean, outcome: Outcome): void => {
    const row = suffered.find((each) => each.fault === fault);
    if (row === undefined) return;
    if (alone) row.alone++;
    else row.inPairs++;
    for (const measure of outcome.measures ?? []) {
      row.measures.push({ ...measure, alone });
      if (alone && measure.ms > measure.barMs)
        log(`SLOW ${fault.row} ${measure.what}: ${msOf(measure.ms)}, expected ${measure.barMs}`);
    }
    for (const [what, count] of Object.entries(outcome.counts ?? {}))
      row.counts[what] = Math.max(row.counts[what] ?? 0, count);
    for (const text of [...(outcome.wrongs ?? []), ...(alone ? (outcome.wrongsAlone ?? []) : [])])
      wrong(`${fault.row} ${text}`);
  };

  const slot = async (some: readonly Fault[]): Promise<void> => {
    const from = now();
    const alone = some.length === 1;
    const names = some.map(({ row }) => row).join(' + ');
    crowd.forget(from - 2_000);
    await Promise.all(
      some.map(async (fault) => {
        try {
          take(fault, alone, await fault.act({ stage, crowd, chance, checker, alone }));
        } catch (error) {
          wrong(`${fault.row} was not done: ${String(error)}`);
        }
      }),
    );
    const healedAt = now();
    await Promise.all(stage.pods.map((pod) => pod.isReady('ready', READY_MS))).catch(
      (error: unknown) => wrong(`after ${names}: ${String(error)}`),
    );
    const late = await crowd.level(LEVEL_MS);
    if (late.length > 0) wrong(`after ${names}: ${late.length}, ${late.slice(0, 3).join('; ')}`);
    log(`${names}: ${msOf(healedAt - from)}, settled ${msOf(now() - healedAt)}`);
    await sleep(PINNED_MS);
  };

  await crowd.level(20_000, true);
  log(`${name}: ${crowd.wanderers.length} clients are in`);
  crowd.go();
  await sleep(2_000);
  const end = now() + ms;
  const isDue = (): boolean =>
    now() < end || suffered.some(({ alone, inPairs }) => alone + inPairs < times);
  for (const some of plan(faults, chance)) {
    if (!isDue()) break;
    await slot(some);
  }

  crowd.still();
  const healedAt = now();
  checker.healed(healedAt);
  const open = await crowd.answered(10_000);
  for (const { n, room, times: sends } of open.slice(0, 5))
    wrong(`${n} in ${room}, said ${sends} times, was never answered`);
  await sleep(1_000);
  const late = await crowd.level(10_000, true);
  for (const text of late.slice(0, 5)) wrong(`in the end: ${text}`);
  const settled = now();
  try {
    for (const room of [GLOBAL, ...ROOMS]) checker.log(await logOf(await stage.redis(), room));
  } catch (error) {
    wrong(`the logs could not be read: ${String(error)}`);
  }
  const verdict = checker.verdict({ at: now(), settled });
  for (const text of crowd.wrongs) wrong(text);
  const closed = crowd.rare.flatMap((rare) => (rare._tag === 'Closed' ? [rare] : []));
  const closes: Record<string, number> = {};
  for (const { code, cause } of closed) {
    const key = `${code}${cause === undefined ? '' : `, ${cause}`}`;
    closes[key] = (closes[key] ?? 0) + 1;
  }
  await crowd.stop();
  await drained(stage, wrong).catch((error: unknown) => wrong(`in the end: ${String(error)}`));
  for (const { deaths } of stage.pods) for (const death of deaths) wrong(death);
  return {
    name,
    suffered,
    verdict,
    counts: crowd.counts(),
    wrongs,
    closes,
    unexpected: closed.filter(({ cause, code }) => cause === undefined && code !== 1013).length,
  };
};

const msOf = (ms: number): string => (ms === Infinity ? 'never' : `${(ms / 1_000).toFixed(2)} s`);

/** I10: nothing is left when all clients have left. */
const drained = async ({ pods, redis }: Stage, wrong: (text: string) => void): Promise<void> => {
  await sleep(LINGER_MS + 2_000);
  for (const pod of pods) {
    const metrics = await pod.metrics();
    for (const name of ['realtime_connections_total', 'realtime_rooms_total'])
      if (metrics.get(name) !== 0) wrong(`${pod.name}: ${name} is ${metrics.get(name)} in the end`);
    for (const name of ['realtime_room_failures'])
      if ((metrics.get(name) ?? 0) !== 0) wrong(`${pod.name}: ${name} is ${metrics.get(name)}`);
    if (/uncaught|unhandled/i.test(pod.running().stderr()))
      wrong(`${pod.name} said ${pod.running().stderr().slice(-500)}`);
  }
  const master = await redis();
  const channels = await master.command('PUBSUB', 'CHANNELS', 'realtime:room:*');
  if (Array.isArray(channels) && channels.length > 0)
    wrong(`${channels.length} rooms are subscribed in the end`);
  for (const pod of pods) pod.signal('SIGTERM');
  for (const pod of pods) {
    const code = await pod
      .running()
      .ended(12_000)
      .catch((error: unknown) => String(error));
    if (code !== 0) wrong(`${pod.name} ended with ${code}: expected 0`);
  }
};

/** The content of a room's log in Redis. */
export const logOf = async (redis: RedisServer, room: Room): Promise<LogContent> => {
  const channel = channelOf(room);
  const pos = await redis.command('HMGET', `{${channel}}:pos`, 'e', 'o', 'i');
  const [tag, offset, id] = Array.isArray(pos) ? (pos as readonly (string | null)[]) : [];
  const entries = await redis.command('XRANGE', `{${channel}}:log`, '-', '+');
  const some = Array.isArray(entries)
    ? (entries as readonly (readonly [string, readonly string[]])[])
    : [];
  const top = Number(offset ?? 0);
  return {
    room,
    tag: Number(tag ?? 0),
    offset: top,
    id: id === '' ? null : (id ?? null),
    first: some[0] === undefined ? top + 1 : Number(some[0][0].split('-')[0]),
    texts: some.map(([, fields]) => fields[1] ?? ''),
  };
};
