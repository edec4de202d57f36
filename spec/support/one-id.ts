/**
 * One client in virtual time that is cut again and again, at a frame that chance picks, and comes back with the id that it
 * kept: of whatever it was sent last, or of each log. Others say things in its room and to everybody meanwhile, on two pods
 * of one model of Redis. What it got in the end is compared with what was acknowledged.
 */
import { GLOBAL, NO_EPOCH, type Room } from '../../lib/protocol/position.js';
import { LAG_MS } from '../../lib/protocol/resume.js';
import { type ClusterPod, clusterPod } from './cluster/pod.js';
import type { Link } from './cluster/link.js';
import { type Frame, idOf, recordOf } from './invariants/frame.js';
import { modelRedis } from './model-redis.js';
import { virtualClock } from './virtual-clock.js';

export interface OneIdOptions {
  readonly seed: number;
  /** Which ids it keeps and brings. */
  readonly ids: 'one' | 'two';
  readonly note?: (line: string) => void;
}

export interface OneIdOutcome {
  readonly cuts: number;
  readonly repeats: number;
  /** Gaps of what it had, told as another client with its id may lack it. */
  readonly heldByOthers: number;
  readonly faults: readonly string[];
}

interface Said {
  readonly room: Room;
  readonly text: string;
  /** When it was acknowledged, and where it stands. */
  readonly at: number;
  readonly offset: number;
}

const HOME = 'ant';
const PODS = ['pod-1', 'pod-2'] as const;
/** Longer than a run: what is trimmed is so by number. */
const LONG_TTL_MS = 86_400_000;

export const runOneId = ({ seed, ids, note: told }: OneIdOptions): OneIdOutcome => {
  const clock = virtualClock(seed);
  const { scheduler, random } = clock;
  const now = (): number => scheduler.now();
  const note = (text: () => string): void => told?.(`${now().toFixed(1).padStart(9)}  ${text()}`);
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
        held: () => undefined,
        left: () => undefined,
        failed: (detail) => void faults.push(detail),
      }),
  );
  const said = new Map<string, Said>();
  /** In some runs a pod is killed while the client is away, and another of its name comes. */
  const replaces = random() < 0.4;

  // those who speak

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
            const place = event === 'ack' ? idOf(String(id)) : undefined;
            if (place !== undefined)
              said.set(`${room} ${String(ref)}`, {
                room,
                text: String(ref),
                at: now(),
                offset: place.offset,
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
      link?.say(JSON.stringify({ type: 'chat', id, data: id }));
      scheduler.schedule(speak, random() * 2 * paceMs);
    };
    scheduler.schedule(speak, 100 + random() * paceMs);
  };

  // the client

  const got = new Map<string, Set<string>>();
  const wholeIds = new Set<string>();
  let lastId: string | undefined;
  const lastIds = new Map<boolean, string>();
  let joinedAt: number | undefined;
  let joined = new Set<Room>();
  let cuts = 0;
  let repeats = 0;
  let heldByOthers = 0;
  let link: Link | undefined;
  const excused = new Map<Room, number>();
  /** Offsets that it was sent, and where the logs stood when it came first: it is owed what comes after. */
  const had = new Map<Room, Set<number>>();
  const floors = new Map<Room, number>();

  /** The first offset that can still be had. */
  const firstOf = (room: Room): number =>
    redis.entries(room)[0]?.offset ?? (redis.position(room)?.offset ?? 0) + 1;

  const isDue = (room: Room): boolean => {
    const first = firstOf(room);
    for (let offset = (floors.get(room) ?? 0) + 1; offset < first; offset += 1)
      if (had.get(room)?.has(offset) !== true) return true;
    return false;
  };

  const keyOf = (): string | undefined => {
    if (ids === 'one') return lastId;
    const [home, global] = [lastIds.get(false), lastIds.get(true)];
    const both = [home, global].filter((id) => id !== undefined);
    return both.length === 0 ? undefined : (random() < 0.5 ? both : both.reverse()).join(',');
  };

  const hear = (text: string): void => {
    const frame = JSON.parse(text) as Frame;
    note(() => `hears ${text}`);
    const id = idOf(frame.id);
    if (id === undefined) return void faults.push(`no id in ${text}`);
    lastId = frame.id;
    lastIds.set(id.global, frame.id);
    const room = frame.room ?? GLOBAL;
    const { event, reason } = recordOf(frame.data);
    if (frame.type === 'chat') {
      if (room === GLOBAL && !joined.has(HOME) && resumed)
        faults.push('the global log came before the room had joined');
      if (wholeIds.has(frame.id)) repeats += 1;
      wholeIds.add(frame.id);
      const heard = got.get(room) ?? new Set();
      got.set(room, heard.add(String(frame.data)));
      if (!id.outside) had.set(room, (had.get(room) ?? new Set()).add(id.offset));
    }
    if (event === 'joined') {
      joined.add(room);
      if (joined.size === 2) joinedAt ??= now();
    }
    if (event === 'gap') {
      if (!isDue(room) && isAmbiguous(room)) heldByOthers += 1;
      else if (!isDue(room))
        faults.push(
          `a gap, ${String(reason)}, in ${room}, at ${now().toFixed(0)}, that was not due`,
        );
      excused.set(room, firstOf(room));
    }
  };

  /**
   * Another client with this id may lack what was let go: the id's own entry is gone, or what was said after the id's time. By
   * the id alone nobody can tell the two, and a gap too many is better than one too few.
   */
  const isAmbiguous = (room: Room): boolean => {
    const first = firstOf(room);
    const ids = (brought ?? '').split(',').flatMap((text) => idOf(text) ?? []);
    if (ids.some((id) => id.global === (room === GLOBAL) && id.tag !== NO_EPOCH))
      return ids.some((id) => id.global === (room === GLOBAL) && id.offset < first);
    // that others are behind in the global log is remembered, from the ids that they came with
    const since = Math.min(...ids.map(({ ms }) => (room === GLOBAL ? earliest : ms))) - LAG_MS;
    return [...redis.placed].some(([text, { room: where }]) => {
      const place = idOf(text);
      return where === room && place !== undefined && place.offset < first && place.ms >= since;
    });
  };

  let brought: string | undefined;
  let earliest = Number.POSITIVE_INFINITY;
  let resumed = false;
  const connect = (cutAfter: number): void => {
    const id = keyOf();
    resumed = id !== undefined;
    brought = id;
    for (const text of (id ?? '').split(','))
      earliest = Math.min(earliest, idOf(text)?.ms || earliest);
    for (const room of [HOME, GLOBAL])
      if (!floors.has(room)) floors.set(room, redis.position(room)?.offset ?? 0);
    joined = new Set();
    let frames = 0;
    const pod = one(pods, random);
    note(() => `connects to ${pod.name} with ${id}, to be cut after ${cutAfter}`);
    const made = pod.call({
      user: null,
      room: HOME,
      lastId: id,
      events: {
        text: (text) => {
          if (link !== made || frames >= cutAfter) return;
          frames += 1;
          hear(text);
          if (frames < cutAfter) {
            if (random() < 0.02) made?.say(JSON.stringify({ type: 'ping', data: 1 }));
            return;
          }
          note(() => 'is cut');
          cuts += 1;
          link = undefined;
          made?.cut();
        },
        closed: () => undefined,
      },
    });
    link = made;
  };

  for (const pod of pods) pod.start();
  clock.advance(1_000);
  for (const pod of pods) {
    speaker(pod, HOME, homeMs * 2);
    speaker(pod, GLOBAL, globalMs * 2);
  }
  clock.advance(random() * 20_000);
  for (let i = 0; i < 12; i++) {
    connect(1 + Math.floor(random() ** 3 * 300));
    // until it was cut, or for a while
    for (let waited = 0; link !== undefined && waited < 20_000; waited += 100) clock.advance(100);
    if (link !== undefined) {
      cuts += 1;
      link.cut();
      link = undefined;
    }
    if (replaces && random() < 0.3) {
      const pod = one(pods, random);
      note(() => `${pod.name} is replaced`);
      pod.kill();
      pod.start();
      clock.advance(1_500);
    }
    clock.advance(random() * (random() < 0.5 ? awayMs : 200));
  }
  connect(Number.POSITIVE_INFINITY);
  clock.advance(30_000);

  for (const { room, text, at, offset } of said.values()) {
    if (joinedAt === undefined || at <= joinedAt || at > now() - 1_000) continue;
    if (got.get(room)?.has(text) === true || offset < (excused.get(room) ?? 1)) continue;
    faults.push(
      `${text} of ${room === GLOBAL ? 'the global log' : room} is missing, acknowledged at ${at.toFixed(0)}`,
    );
    break;
  }
  for (const pod of pods) pod.kill();
  return { cuts, repeats, heldByOthers, faults };
};

const one = <A>(of: readonly A[], random: () => number): A => {
  const [first] = of;
  const drawn = of[Math.floor(random() * of.length)] ?? first;
  if (drawn === undefined) throw new Error('nothing to choose from');
  return drawn;
};
