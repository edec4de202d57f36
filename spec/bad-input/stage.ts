/** The pod of a family of rows. It must have counted what was refused, and nothing else. */
import { BASE } from '../support/pod.js';
import { handshakeOf } from '../support/raw-client.js';
import { until } from '../support/redis.js';
import { textOf, type WatchedPod, watchedPod } from '../support/watched-pod.js';
import type { Played, Row, Stage } from './row.js';

interface Test {
  readonly teardown: (work: () => unknown) => void;
}

export interface StageOptions {
  /** For rows that take their time: all at once. */
  readonly together?: boolean;
  /** What a resident shows at the door. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * What V8 compiles and keeps by the way: 5.3 MB where all requests are played, and 0.1 MB for each 1,600 more of them. A
 * leak of one row's 10 MB, or of each connection's 30 kB, is more.
 */
const HEAP_BYTES = 6_500_000;

/** A counter that has not risen by then does not. */
const LATE_MS = 2_000;

/** Plays rows one after the other, then looks at the process as a whole. */
export const playAll = async (
  t: Test,
  rows: readonly Row[],
  env: Readonly<Record<string, string>> = {},
  { together = false, headers = {} }: StageOptions = {},
): Promise<readonly Played[]> => {
  const pod = await watchedPod(t, env, headers);
  const stage = stageOf(pod, headers);
  const before = await pod.heap();
  const played: Played[] = [];
  for (const some of together ? [rows] : rows.map((row) => [row]))
    played.push(...(await playSome(pod, stage, some)));
  const grown = (await pod.heap()) - before;
  const faults = [
    ...(grown > HEAP_BYTES ? [`the heap grew by ${grown} bytes`] : []),
    ...(await pod.end()),
  ];
  return [...played, ...faultsOf(faults, played.at(-1))];
};

/** What shows at the end only is a row of its own. */
const faultsOf = (faults: readonly string[], last: Played | undefined): readonly Played[] =>
  faults.length === 0
    ? []
    : [{ row: last?.row ?? '', sent: 'all of it', due: '', answered: '', faults }];

const stageOf = (
  { doors, running, received, metrics, settled }: WatchedPod,
  headers: Readonly<Record<string, string>>,
): Stage => ({
  ...doors,
  received,
  metrics,
  settled,
  log: running.stdout,
  member: async (path = '/ws/general', more = {}) => {
    const client = await doors.raw();
    client.write(handshakeOf(BASE + path, { ...headers, ...more }));
    const joined = path === '/ws' ? '"joined"' : '"joined","room"';
    await until(
      'joined',
      () => client.texts().some((text) => text.includes(joined)) || client.isEnded(),
    );
    return client;
  },
});

/** Together; what is wrong beside their answers is the first one's. */
const playSome = async (
  pod: WatchedPod,
  stage: Stage,
  rows: readonly Row[],
): Promise<readonly Played[]> => {
  const before = await pod.counters();
  const played = await Promise.all(rows.map((row) => play(stage, row)));
  const left = await pod.clear();
  const faults = pod.running.hasEnded()
    ? left
    : [...left, ...(await miscountedYet(pod, rows, before))];
  return played.map((one, i) => (i === 0 ? { ...one, faults: [...one.faults, ...faults] } : one));
};

const play = async (stage: Stage, row: Row): Promise<Played> => {
  const { due, contract } = row;
  const answered = await row.play(stage).catch((error: unknown) => `failed: ${textOf(error)}`);
  const isDue = typeof due === 'string' ? answered === due : due.test(answered);
  return {
    row: row.row,
    sent: row.sent,
    due,
    ...(contract === undefined ? {} : { contract }),
    answered,
    faults: isDue ? [] : [`expected ${String(due)}, got ${answered}`],
  };
};

/** What is miscounted still when what is late, or a flood of scrapes has hidden, should have come. */
const miscountedYet = async (
  pod: WatchedPod,
  rows: readonly Row[],
  before: ReadonlyMap<string, number>,
): Promise<readonly string[]> => {
  let faults: readonly string[] = ['the counters cannot be read'];
  const isCounted = async (): Promise<boolean> => {
    faults = miscounted(rows, before, await pod.counters());
    return faults.length === 0;
  };
  return until('', isCounted, LATE_MS).then(
    () => [],
    () => faults,
  );
};

const miscounted = (
  rows: readonly Row[],
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): readonly string[] => {
  const due = new Map<string, number>();
  for (const { counted = {} } of rows)
    for (const [name, times] of Object.entries(counted))
      due.set(name, (due.get(name) ?? 0) + times);
  return [...new Set([...before.keys(), ...after.keys(), ...due.keys()])].flatMap((name) => {
    const rose = (after.get(name) ?? 0) - (before.get(name) ?? 0);
    const expected = due.get(name) ?? 0;
    return rose === expected ? [] : [`${name}: expected ${expected} more, got ${rose}`];
  });
};
