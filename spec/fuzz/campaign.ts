/**
 * Attacks on a pod, in groups, drawn from a seed. After each group the pod is checked
 * (`support/watched-pod.ts`). When it did not handle a group well, a fresh pod shows which attack it was, and
 * how small it can be made.
 */
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../support/redis.js';
import { type WatchedPod, watchedPod } from '../support/watched-pod.js';
import { KINDS } from './arbitraries.js';
import { type Answered, type Attack, type Field, throwAt } from './attack.js';

export interface Campaign {
  readonly seed: number;
  readonly attacks: number;
  /** What was answered, how often, by kind. */
  readonly answers: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** What the pod counted. */
  readonly counted: ReadonlyMap<string, number>;
  readonly heapBefore: number;
  readonly heapAfter: number;
  readonly faults: readonly string[];
  /** The attacks that caused them, as small as they were found. */
  readonly culprits: readonly Attack[];
}

interface Test {
  readonly teardown: (work: () => unknown) => void;
}

const CROWD = 60;
const SHRINK_MS = 60_000;
/** Nobody is to be stopped by the limits of one connection before it comes to the parser. */
const ENV = {
  SERVER_ID: 'fuzzed',
  RATE_LIMIT_BURST: '1000',
  HANDSHAKE_TIMEOUT_MS: '2000',
  LOG_POSITION_TTL_MS: '5000',
};

export interface Front {
  readonly pod: WatchedPod;
  readonly field: Field;
}

/** A pod with Redis, and the ways to it. */
export const frontOf = async (t: Test, redis: RedisServer): Promise<Front> => {
  const publisher = new Redis(redis.url);
  t.teardown(() => publisher.disconnect());
  const pod = await watchedPod(t, { ...ENV, REDIS_URL: redis.url });
  const { port } = pod.doors;
  return {
    pod,
    field: { port, publish: (channel, payload) => publisher.publish(channel, payload) },
  };
};

/** Throws all of them at once; what is wrong with the answers, and with the pod afterwards. */
export const survives = async (
  { pod, field }: Front,
  attacks: readonly Attack[],
): Promise<{ readonly answered: readonly Answered[]; readonly faults: readonly string[] }> => {
  const answered = await Promise.all(attacks.map((attack) => throwAt(field, attack)));
  const left = await pod.clear();
  const stderr = pod.running.stderr();
  return {
    answered,
    faults: [
      ...answered.flatMap(({ faults }) => faults),
      ...left,
      ...(stderr === '' ? [] : [`on stderr: ${stderr}`]),
    ],
  };
};

export const campaign = async (
  t: Test,
  seed: number,
  {
    warmUpMs,
    forMs,
    heapLooks,
  }: { readonly warmUpMs: number; readonly forMs: number; readonly heapLooks: number },
): Promise<Campaign> => {
  const redis = await startRedis();
  t.teardown(redis.stop);
  const front = await frontOf(t, redis);
  const answers = new Map<string, Map<string, number>>();
  let attacks = 0;
  let crowds = 0;

  /** Until the time is over or something is wrong. */
  const attackFor = async (
    ms: number,
  ): Promise<{ readonly faults: readonly string[]; readonly crowd: number } | undefined> => {
    const end = performance.now() + ms;
    while (performance.now() < end) {
      crowds++;
      const thrown = crowdOf(seed, crowds);
      const { answered, faults } = await survives(
        front,
        thrown.map(([, attack]) => attack),
      );
      attacks += thrown.length;
      for (const [i, [kind]] of thrown.entries()) {
        const counts = answers.get(kind) ?? new Map<string, number>();
        answers.set(kind, counts);
        for (const label of new Set(answered[i]?.labels ?? []))
          counts.set(label, (counts.get(label) ?? 0) + 1);
      }
      if (faults.length > 0) return { faults, crowd: crowds };
    }
    return undefined;
  };

  const early = await attackFor(warmUpMs);
  const heapBefore = early === undefined ? await leastHeap(front.pod, heapLooks) : 0;
  const found = early ?? (await attackFor(forMs));
  const heapAfter = found === undefined ? await leastHeap(front.pod, heapLooks) : 0;
  const counted = found === undefined ? await front.pod.counters() : new Map<string, number>();
  const faults = [
    ...(found?.faults ?? []),
    ...(front.pod.running.hasEnded() ? [] : await front.pod.end()),
  ];
  return {
    seed,
    attacks,
    answers,
    counted,
    heapBefore,
    heapAfter,
    faults,
    culprits: found === undefined ? [] : await culpritsOf(t, redis, seed, found.crowd),
  };
};

/** One look differs from the next by some percent, as what is under way is not the same. */
const leastHeap = async (pod: WatchedPod, count: number): Promise<number> => {
  const looks: number[] = [];
  for (let i = 0; i < count; i++) looks.push(await pod.heap());
  return Math.min(...looks);
};

type Kind = string;

/** The crowd of that number: all kinds in turns. */
const crowdOf = (seed: number, number: number): readonly (readonly [Kind, Attack])[] => {
  const kinds = Object.entries(KINDS);
  return kinds.flatMap(([kind, arbitrary], i) =>
    fc
      .sample(arbitrary, {
        seed: seed + number * kinds.length + i,
        numRuns: Math.ceil(CROWD / kinds.length),
      })
      .map((attack) => [kind, attack] as const),
  );
};

/** Alone, each on a pod that the others have not touched, then smaller and smaller. All of them when it takes more than one. */
const culpritsOf = async (
  t: Test,
  redis: RedisServer,
  seed: number,
  number: number,
): Promise<readonly Attack[]> => {
  let front = await frontOf(t, redis);
  const isSurvived = async (attack: Attack): Promise<boolean> => {
    if (front.pod.running.hasEnded() || front.pod.running.stderr() !== '')
      front = await frontOf(t, redis);
    return (await survives(front, [attack])).faults.length === 0;
  };
  const crowd = crowdOf(seed, number).map(([, attack]) => attack);
  const end = performance.now() + SHRINK_MS;
  for (const attack of crowd) {
    if (await isSurvived(attack)) continue;
    let smallest = attack;
    for (const smaller of smallerOnes(attack)) {
      if (performance.now() > end) break;
      if (!(await isSurvived(smaller))) smallest = smaller;
    }
    return [smallest];
  }
  return crowd;
};

/** Ever smaller ends and beginnings left out. */
function* smallerOnes(attack: Attack): Generator<Attack> {
  if (attack._tag === 'Payload') {
    for (let length = attack.bytes.length >> 1; length > 0; length >>= 1)
      yield { ...attack, bytes: attack.bytes.slice(0, -length) };
    return;
  }
  const whole = attack.pieces.join('');
  yield { ...attack, pieces: [whole] };
  for (let length = whole.length >> 1; length > 0; length >>= 1)
    yield { ...attack, pieces: [whole.slice(0, -length)] };
}
