/**
 * `npm run storm -- [minutes] [logMessages]`: clients that come back again and again to any of three pods,
 * away for up to 30 s each time, while their rooms get 1,000 messages a second. With a log that has all
 * messages, no message may be missing or come twice, and no gap may come. With a short log, a gap must come
 * exactly when the log was trimmed. Without `logMessages` both.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { GLOBAL, type Room } from '../lib/protocol/position.js';
import { checker as newChecker } from '../spec/support/invariants.js';
import { idOf } from '../spec/support/invariants/frame.js';
import { startRedis } from '../spec/support/redis.js';
import { logOf } from './chaos/campaign.js';
import { p99 } from './chaos/fault.js';
import { type StagePod, stagePod } from './chaos/stage.js';
import { type Door, type Fact, type Wanderer, wanderer } from './chaos/wanderer.js';

const [minutesText = '5', logText] = process.argv.slice(2);
const minutes = Number(minutesText);
const { CLIENTS = '50', RATE = '1000' } = process.env;
if (!(minutes > 0) || (logText !== undefined && !(Number(logText) > 0))) {
  console.error('usage: npm run storm -- [minutes] [logMessages]');
  process.exit(2);
}

const PODS = 3;
const ROOMS: readonly Room[] = Array.from({ length: 5 }, (_, i) => `room-${i}`);
/** A client may send at most 100 messages a second. */
const TALKERS = 20;
const TICK_MS = 20;
const STAY_MS = 10_000;
const AWAY_MS = 30_000;
const GLOBAL_SHARE = 0.01;
/**
 * The log that a pod has read when it sends `gap` may be this much further than the client's last message.
 */
const AHEAD = 100;

interface Report {
  readonly logMessages: number;
  readonly lines: readonly (readonly [string, string | number])[];
  readonly faults: readonly string[];
}

const beganAt = performance.now();
const log = (line: string): void =>
  console.error(`${((performance.now() - beganAt) / 1_000).toFixed(1).padStart(6)} ${line}`);
const any = <A>(of: readonly A[]): A => {
  const found = of[Math.floor(Math.random() * of.length)];
  if (found === undefined) throw new Error('expected something to draw from, got nothing');
  return found;
};

/** Which resumes must get a gap, from the offsets alone. */
const gapsDue = (logMessages: number) => {
  const tops = new Map<Room, number>();
  const asked = new Map<string, number>();
  const withGap = new Set<string>();
  const counts = { resumes: 0, due: 0, undue: 0, either: 0, spared: 0, gaps: 0 };
  const faults: string[] = [];
  const keyOf = ({ who, life }: Fact, room: Room): string => `${who}.${life} ${room}`;
  const firstAt = (top: number): number => Math.max(1, top - logMessages + 1);
  return {
    counts,
    faults,
    asks: (fact: Fact, room: Room): void => {
      asked.set(keyOf(fact, room), tops.get(room) ?? 0);
    },
    emit: (fact: Fact): void => {
      switch (fact._tag) {
        case 'Received': {
          const { room, id } = fact.message;
          if (!id.outside && id.offset > (tops.get(room) ?? 0)) tops.set(room, id.offset);
          return;
        }
        case 'Gap':
          counts.gaps++;
          withGap.add(keyOf(fact, fact.room));
          return;
        case 'Joined': {
          const { room, resumed, position } = fact;
          const last = resumed === undefined ? undefined : idOf(resumed);
          if (last === undefined) return;
          counts.resumes++;
          const key = keyOf(fact, room);
          const hasGap = withGap.has(key);
          // a resume from the beginning of the log needs no entry: it is complete while the first message is
          // there
          const at = Math.max(1, last.offset);
          const wasGone = at < firstAt(asked.get(key) ?? 0);
          const isGone = at < firstAt(position.offset);
          if (wasGone && hasGap) counts.due++;
          // pages that clients share still have messages that the log has trimmed: the checker decides
          // whether something is missing
          else if (wasGone) counts.spared++;
          else if (!isGone && hasGap) {
            counts.undue++;
            faults.push(
              `${key}: told a gap at ${last.offset}, the log stands at ${position.offset}`,
            );
          } else if (isGone && hasGap) counts.either++;
          return;
        }
        case 'Opened':
        case 'Asks':
        case 'Leaves':
        case 'Left':
        case 'Sent':
        case 'Acked':
        case 'Refused':
        case 'Notified':
        case 'Closed':
      }
    },
  };
};

const storm = async (logMessages: number): Promise<Report> => {
  const redis = await startRedis();
  const pods = await Promise.all(
    Array.from({ length: PODS }, (_, i) =>
      stagePod({
        name: `pod-${i + 1}`,
        env: {
          REDIS_URL: redis.url,
          ...(logMessages === 1_000 ? {} : { LOG_MESSAGES: String(logMessages) }),
        },
      }),
    ),
  );
  await Promise.all(pods.map((pod) => pod.start()));
  await Promise.all(pods.map((pod) => pod.isReady('ready', 10_000)));
  const doors: readonly Door[] = pods.map(({ near }) => near);
  const checker = newChecker({
    knowsGround: true,
    retention: { messages: logMessages, ms: 600_000 },
  });
  const due = gapsDue(logMessages);
  const opened = new Map<string, number>();
  const joins: number[] = [];
  let n = 0;
  let replayed = 0;
  const emit = (fact: Fact): void => {
    due.emit(fact);
    switch (fact._tag) {
      case 'Opened':
        opened.set(fact.who, fact.at);
        // the room of the URL and the global log; it has no other
        for (const room of [GLOBAL, ...ROOMS]) due.asks(fact, room);
        return;
      case 'Received': {
        const { id, room } = fact.message;
        const first = id.offset + AHEAD - logMessages + 1;
        if (!id.outside && first > 1) checker.trimmed(room, id.tag, first);
        return;
      }
      case 'Joined':
        if (fact.resumed === undefined || fact.room === GLOBAL) return;
        replayed += fact.recovered ?? 0;
        joins.push(fact.at - (opened.get(fact.who) ?? fact.at));
        return;
      case 'Asks':
      case 'Leaves':
      case 'Gap':
      case 'Left':
      case 'Sent':
      case 'Acked':
      case 'Refused':
      case 'Notified':
      case 'Closed':
    }
  };
  const wander = (who: string, room: Room): Wanderer =>
    wanderer({
      who,
      rooms: [room],
      door: () => any(doors),
      checker,
      emit,
      blame: () => undefined,
      mark: 'storm',
      next: () => ++n,
    });
  const roomOf = (i: number): Room => ROOMS[i % ROOMS.length] ?? '';
  const wanderers = Array.from({ length: Number(CLIENTS) }, (_, i) => wander(`w${i}`, roomOf(i)));
  const talkers = Array.from({ length: TALKERS }, (_, i) => wander(`t${i}`, roomOf(i)));
  const all = [...wanderers, ...talkers];
  const allIn = async (ms: number): Promise<boolean> => {
    const end = performance.now() + ms;
    while (performance.now() < end && all.some((each) => !each.isIn())) await sleep(50);
    return all.every((each) => each.isIn());
  };
  await allIn(20_000);
  log(`LOG_MESSAGES=${logMessages}: ${all.length} clients are in`);

  const end = performance.now() + minutes * 60_000;
  const isOn = (): boolean => performance.now() < end;
  let dueAt = performance.now();
  const talk = setInterval(() => {
    for (const now = performance.now(); dueAt < now; dueAt += 1_000 / Number(RATE)) {
      const talker = any(talkers);
      talker.publish(Math.random() < GLOBAL_SHARE ? GLOBAL : (talker.rooms()[0] ?? GLOBAL));
    }
  }, TICK_MS);
  const watch = setInterval(() => {
    const here = wanderers.filter((each) => each.isIn()).length;
    log(
      `${n} said, ${here} of ${wanderers.length} in, ${due.counts.resumes} resumes, ${due.counts.gaps} gaps`,
    );
  }, 30_000);
  await Promise.all(
    wanderers.map(async (each) => {
      while (isOn()) {
        await sleep(Math.random() * STAY_MS);
        if (each.isIn()) each.breakOff(Math.random() * AWAY_MS);
      }
    }),
  );
  clearInterval(talk);
  clearInterval(watch);
  checker.healed(performance.now());
  const isWhole = await allIn(AWAY_MS + 15_000);
  await sleep(2_000);
  const settled = performance.now();
  for (const room of [GLOBAL, ...ROOMS]) checker.log(await logOf(redis, room));
  const { violations, found, counts } = checker.verdict({ at: settled, settled });
  await Promise.all(all.map((each) => each.stop()));
  const lag = await Promise.all(pods.map(lagOf));
  for (const pod of pods) {
    await pod.kill();
    await pod.door.stop();
  }
  await redis.stop();

  const missing = violations.filter(({ tag }) => ['I1', 'I3', 'I4', 'I9'].includes(tag)).length;
  const twice = violations.filter(({ tag }) => tag === 'I2' || tag === 'I7').length;
  const { resumes, due: dueGaps, undue, either, spared } = due.counts;
  const isShort = logMessages < 100_000;
  return {
    logMessages,
    lines: [
      ['said', counts.sent],
      ['acked', counts.acked],
      ['delivered', counts.delivered],
      ['resumes of a log', resumes],
      ['messages replayed', replayed],
      [
        'from open to joined, p50 / p99 ms',
        `${Math.round(median(joins))} / ${Math.round(p99(joins))}`,
      ],
      ['missing, unsaid', missing],
      ['missed, told', counts.missedWithGap],
      ['twice', twice],
      ['gaps told', due.counts.gaps],
      ['of these due: trimmed before it asked', dueGaps],
      ['trimmed while it asked', either],
      ['not due', undue],
      ['went again before it had joined', due.counts.gaps - dueGaps - either - undue],
      ['trimmed, but had from shared pages', spared],
      ['violations in all', found],
      ['event-loop lag of the pods, p99 ms', lag.map((ms) => ms.toFixed(0)).join(', ')],
    ],
    faults: [
      ...(isWhole ? [] : ['not all came back in the end']),
      ...(found > 0 ? [`${found} violations`] : []),
      ...violations
        .slice(0, 10)
        .map(({ tag, client, room, text }) => `${tag} ${client ?? ''} ${room ?? ''} ${text}`),
      ...(undue > 0 ? [`${undue} gaps were not due`] : []),
      ...due.faults.slice(0, 10),
      ...(!isShort && due.counts.gaps > 0 ? [`${due.counts.gaps} gaps: expected none`] : []),
      ...(counts.acked === counts.sent
        ? []
        : [`${counts.sent - counts.acked} were not acknowledged`]),
    ],
  };
};

const lagOf = async (pod: StagePod): Promise<number> =>
  ((await pod.metrics()).get('nodejs_eventloop_lag_p99_seconds') ?? Number.NaN) * 1_000;

const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;

const lag = monitorEventLoopDelay({ resolution: 10 });
lag.enable();
console.log(`storm: ${minutes} min, ${CLIENTS} clients, ${RATE} messages/s`);
const reports: Report[] = [];
for (const logMessages of logText === undefined ? [100_000, 1_000] : [Number(logText)])
  reports.push(await storm(logMessages));
const rows = [
  ['LOG_MESSAGES', ...reports.map(({ logMessages }) => logMessages)],
  reports.map(() => '---').concat('---'),
  ...(reports[0]?.lines ?? []).map(([what], i) => [
    what,
    ...reports.map(({ lines }) => lines[i]?.[1] ?? ''),
  ]),
];
for (const cells of rows) console.log(`| ${cells.join(' | ')} |`);
console.log(
  `this process was late by ${(lag.percentile(99) / 1e6).toFixed(0)} ms at p99, ${(lag.max / 1e6).toFixed(0)} ms at most`,
);
const faults = reports.flatMap((each) =>
  each.faults.map((fault) => `LOG_MESSAGES=${each.logMessages}: ${fault}`),
);
console.log(faults.length === 0 ? 'verdict: ok' : `verdict: FAILED\n${faults.join('\n')}`);
process.exit(faults.length === 0 ? 0 : 1);
