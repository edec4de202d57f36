/**
 * Faults of real processes under a steady load: three pods as `node dist/main.js`, a Redis of its own for
 * each fault, 36 clients in 10 rooms and the global log, 200 messages a second. A row shows what the clients
 * got.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultCase, now, ROOMS } from './fault-cases.js';
import { build, runMain, type Running } from './pod.js';
import {
  type SentMessage,
  type StatusEvent,
  type Verdict,
  type Watcher,
  witness,
  type Witness,
} from './witness.js';

export interface Row {
  readonly name: string;
  readonly clients: number;
  /** How long the broker could not be reached; undefined: it always could. */
  readonly outageMs: number | undefined;
  /**
   * Clients that got the event, and after what time the last of them: after the fault, for `restored` after
   * the return of the broker.
   */
  readonly degraded: Latest;
  readonly restored: Latest;
  /** Clients that got `degraded` again after `restored`, or twice without it. */
  readonly flaps: number;
  readonly repeated: number;
  readonly verdict: Verdict;
  /**
   * The number of `gap`s by reason; how many clients got at least one, and how long after the return the last
   * one came.
   */
  readonly gaps: Readonly<Record<string, number>>;
  readonly gapReceived: Latest;
  /** Of the messages sent between `degraded` and the return: how many, and the longest wait for an ack. */
  readonly sentDegraded: number;
  readonly slowestDegradedMs: number;
  /** The time from a message to its ack: the median, the slowest of a hundred, the slowest. */
  readonly ackMs: readonly [number, number, number];
  readonly closed: number;
  readonly podsEnded: number;
}

export interface Latest {
  readonly clients: number;
  readonly ms: number | undefined;
}

const PODS = 3;

const CLIENTS = 36;

const TICK_MS = 50;

const A_TICK = 10;

const BEFORE_MS = 1_500;

const AFTER_MS = 3_000;

/** Runs one fault from the first process to the last. */
export const suffer = async ({ name, start, sentPerTick = A_TICK }: FaultCase): Promise<Row> => {
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
    const load = steady(clients.watchers, sentPerTick);
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

/** Sends messages each 50 ms, each from another client, one in twenty to everybody. */
const steady = (
  watchers: readonly Watcher[],
  sentPerTick: number,
): { readonly stop: () => void } => {
  let turn = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < sentPerTick; i++) {
      const watcher = watchers[turn++ % watchers.length];
      const room = watcher?.ears.find((ear) => ear.room !== '')?.room;
      if (watcher?.closeCode() === undefined) watcher?.publish(turn % 20 === 0 ? '' : (room ?? ''));
    }
  }, TICK_MS);
  return { stop: () => clearInterval(timer) };
};

const rowOf = (
  name: string,
  { watchers, sent, verdict }: Witness,
  hitAt: number,
  backAt: number,
  pods: readonly Running[],
): Row => {
  const byWatcher = watchers.map((watcher) => watcher.statusEvents);
  const degraded = latest(byWatcher, ({ event }) => event === 'degraded', hitAt);
  const gaps: Record<string, number> = {};
  for (const { event, reason = '' } of byWatcher.flat())
    if (event === 'gap') gaps[reason] = (gaps[reason] ?? 0) + 1;
  const during = [...sent.values()].filter((each) => isDegraded(each, watchers, backAt));
  return {
    name,
    clients: watchers.length,
    outageMs: degraded.clients === 0 ? undefined : backAt - hitAt,
    degraded,
    restored: latest(byWatcher, ({ event }) => event === 'restored', backAt),
    flaps: count(byWatcher, ['restored', 'degraded']),
    repeated: count(byWatcher, ['degraded', 'degraded']),
    verdict: verdict(),
    gaps,
    gapReceived: latest(byWatcher, ({ event }) => event === 'gap', backAt),
    sentDegraded: during.length,
    slowestDegradedMs: Math.max(
      0,
      ...during.map(({ at, answers: [answer] }) => (answer?.at ?? Number.POSITIVE_INFINITY) - at),
    ),
    ackMs: ackTimes([...sent.values()]),
    closed: watchers.filter((watcher) => watcher.closeCode() !== undefined).length,
    podsEnded: pods.filter((pod) => pod.hasEnded()).length,
  };
};

const ackTimes = (sent: readonly SentMessage[]): Row['ackMs'] => {
  const ms = sent.flatMap(({ at, answers: [answer] }) =>
    answer === undefined ? [] : answer.at - at,
  );
  ms.sort((a, b) => a - b);
  const at = (part: number): number =>
    ms[Math.min(ms.length - 1, Math.floor(ms.length * part))] ?? 0;
  return [at(0.5), at(0.99), at(1)];
};

/** How many clients got these two events one after the other. */
export const count = (
  byWatcher: readonly (readonly StatusEvent[])[],
  [first, second]: readonly [string, string],
): number =>
  byWatcher.filter((some) => {
    const events = some.flatMap(({ event }) => (event === 'gap' ? [] : event));
    return events.some((event, i) => event === second && events[i - 1] === first);
  }).length;

const latest = (
  byWatcher: readonly (readonly StatusEvent[])[],
  is: (event: StatusEvent) => boolean,
  from: number,
): Latest => {
  const times = byWatcher.flatMap((some) => some.filter(is).slice(-1));
  return {
    clients: times.length,
    ms: times.length === 0 ? undefined : Math.max(...times.map(({ at }) => at)) - from,
  };
};

/** Whether a message was sent after its sender had got `degraded`, and before the broker was back. */
const isDegraded = (
  { from, at }: SentMessage,
  watchers: readonly Watcher[],
  backAt: number,
): boolean => {
  const since = watchers
    .find(({ id }) => id === from)
    ?.statusEvents.find(({ event }) => event === 'degraded')?.at;
  return since !== undefined && at > since && at < backAt;
};

/** Runs all cases, this many at a time. */
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
