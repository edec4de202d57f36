/**
 * One client in virtual time that is cut again and again, at a random frame, and comes back with the id that
 * it kept: the last one of any kind, or one for each log. Other clients publish in its room and to everybody
 * meanwhile, on two pods of one model of Redis. At the end the messages that it got are compared with the
 * acknowledged ones.
 */
import { GLOBAL, type Room } from '../../lib/protocol/position.js';
import { type ClusterPod, clusterPod } from './cluster/pod.js';
import type { Link } from './cluster/link.js';
import { type Frame, idOf, recordOf } from './invariants/frame.js';
import { modelRedis } from './model-redis.js';
import { type Absences, type OneIdClient, oneIdClient, type SentMessage } from './one-id-client.js';
import { virtualClock } from './virtual-clock.js';

export interface OneIdOptions {
  readonly seed: number;
  /** How many ids it keeps and brings. */
  readonly ids: 'one' | 'two';
  readonly note?: (line: string) => void;
}

export interface OneIdOutcome {
  readonly cuts: number;
  readonly repeats: number;
  /** Gaps for messages that it had: another client with the same id may lack them. */
  readonly gapsForOthers: number;
  readonly faults: readonly string[];
}

const HOME = 'ant';
const PODS = ['pod-1', 'pod-2'] as const;
/** Longer than a run, so messages are trimmed by number only. */
const LONG_TTL_MS = 86_400_000;

export const runOneId = ({ seed, ids, note: trace }: OneIdOptions): OneIdOutcome => {
  const clock = virtualClock(seed);
  const { scheduler, random } = clock;
  const now = (): number => scheduler.now();
  const note = (text: () => string): void => trace?.(`${now().toFixed(1).padStart(9)}  ${text()}`);
  /** How busy the two logs are, how long the client is away, and how much the log keeps. */
  const homeMs = one([50, 500, 5_000, 60_000], random);
  const globalMs = one([50, 500, 5_000, 60_000], random);
  const awayMs = one([100, 5_000, 100_000, 400_000], random);
  const logMessages = random() < 0.3 ? 50 : 100_000;
  const logTtlMs = random() < 0.4 ? one([60_000, 120_000, 240_000], random) : LONG_TTL_MS;
  const redis = modelRedis(clock, { logMessages, logTtlMs });
  const faults: string[] = [];
  const pods = PODS.map(
    (name): ClusterPod =>
      clusterPod({
        name,
        world: clock,
        redis,
        config: {
          server: { serverId: name },
          log: { logTtlMs },
          limits: { pingIntervalMs: 20_000, pongTimeoutMs: 30_000 },
        },
        delayMs: () => 1,
        status: () => undefined,
        outboxPeak: () => undefined,
        left: () => undefined,
        failed: (detail) => void faults.push(detail),
      }),
  );
  const sent = new Map<string, SentMessage>();
  /** In some runs a pod is killed while the client is away, and another pod of the same name starts. */
  const replaces = random() < 0.4;

  // the publishers

  const speaker = (pod: ClusterPod, room: Room, paceMs: number): void => {
    let count = 0;
    let link: Link | undefined;
    const call = (): void => {
      link = pod.call({
        user: null,
        room: room === GLOBAL ? undefined : room,
        lastId: undefined,
        events: {
          text: (text) => {
            const { event, ref, id } = recordOf((JSON.parse(text) as Frame).data);
            const position = event === 'ack' ? idOf(String(id)) : undefined;
            if (position !== undefined)
              sent.set(`${room} ${String(ref)}`, {
                room,
                text: String(ref),
                at: now(),
                offset: position.offset,
              });
          },
          closed: () => {
            link = undefined;
            if (replaces) scheduler.schedule(call, 3_000);
            else faults.push('a speaker was closed');
          },
        },
      });
    };
    call();
    const speak = (): void => {
      count += 1;
      const id = `${pod.name}-${room}-${count}`;
      link?.send(JSON.stringify({ type: 'chat', id, data: id }));
      scheduler.schedule(speak, random() * 2 * paceMs);
    };
    scheduler.schedule(speak, 100 + random() * paceMs);
  };

  // the clients

  const absences: Absences = { since: [], untold: new Set() };
  const clientOf = (name: string, which: 'one' | 'two'): OneIdClient =>
    oneIdClient({
      name,
      home: HOME,
      ids: which,
      clock,
      redis,
      absences,
      fault: (text) => void faults.push(text),
      note,
    });
  const often = clientOf('often away', ids);
  const seldom = clientOf('never away for long', 'one');
  /** This client is cut when the other one was, so it has the ids of that one, and is back within seconds. */
  const comeAgain = (cutAfter: number): void => {
    seldom.cut();
    clock.advance(random() * 3_000);
    seldom.connect(one(pods, random), cutAfter);
  };

  for (const pod of pods) pod.start();
  clock.advance(1_000);
  for (const pod of pods) {
    speaker(pod, HOME, homeMs * 2);
    speaker(pod, GLOBAL, globalMs * 2);
  }
  clock.advance(random() * 20_000);
  comeAgain(Number.POSITIVE_INFINITY);
  for (let i = 0; i < 12; i++) {
    often.connect(one(pods, random), 1 + Math.floor(random() ** 3 * 300));
    // until it is cut, or for a while
    for (let waited = 0; often.isThere() && waited < 20_000; waited += 100) clock.advance(100);
    often.cut();
    if (random() < 0.3) comeAgain(1 + Math.floor(random() ** 3 * 300));
    comeAgain(Number.POSITIVE_INFINITY);
    if (replaces && random() < 0.3) {
      const pod = one(pods, random);
      note(() => `${pod.name} is replaced`);
      pod.kill();
      pod.start();
      clock.advance(1_500);
      if (!seldom.isThere()) comeAgain(Number.POSITIVE_INFINITY);
    }
    clock.advance(random() * (random() < 0.5 ? awayMs : 200));
  }
  seldom.cut();
  for (const client of [often, seldom]) client.connect(one(pods, random), Number.POSITIVE_INFINITY);
  clock.advance(30_000);

  for (const [name, client] of Object.entries({ often, seldom })) {
    const lost = client.missing(sent.values());
    if (lost === undefined) continue;
    const { room, text, at } = lost;
    const where = room === GLOBAL ? 'the global log' : room;
    faults.push(`${name}: ${text} of ${where} is missing, acknowledged at ${at.toFixed(0)}`);
  }
  for (const pod of pods) pod.kill();
  const sum = (of: (client: OneIdClient) => number): number => of(often) + of(seldom);
  return {
    cuts: sum(({ cuts }) => cuts()),
    repeats: sum(({ repeats }) => repeats()),
    gapsForOthers: sum(({ gapsForOthers }) => gapsForOthers()),
    faults,
  };
};

const one = <A>(of: readonly A[], random: () => number): A => {
  const [first] = of;
  const drawn = of[Math.floor(random() * of.length)] ?? first;
  if (drawn === undefined) throw new Error('nothing to choose from');
  return drawn;
};
