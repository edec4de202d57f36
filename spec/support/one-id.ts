/**
 * One client in virtual time that is cut again and again, at a frame that chance picks, and comes back with the id that it
 * kept: of whatever it was sent last, or of each log. Others say things in its room and to everybody meanwhile, on two pods
 * of one model of Redis. What it got in the end is compared with what was acknowledged.
 */
import { GLOBAL, type Room } from '../../lib/position.js';
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
const LOG_TTL_MS = 86_400_000;

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
  const firsts = new Map<Room, number>();
  const redis = modelRedis(clock, {
    logMessages,
    logTtlMs: LOG_TTL_MS,
    trimmed: (room, _tag, first) => void firsts.set(room, first),
  });
  const faults: string[] = [];
  const pods = PODS.map(
    (name): ClusterPod =>
      clusterPod({
        name,
        world: clock,
        redis,
        config: {
          server: { serverId: name },
          log: { logTtlMs: LOG_TTL_MS },
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

  // those who speak

  const speaker = (pod: ClusterPod, room: Room, paceMs: number): void => {
    let count = 0;
    const link: Link | undefined = pod.call({
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
        closed: () => void faults.push('a speaker was closed'),
      },
    });
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
  let link: Link | undefined;
  const excused = new Map<Room, number>();

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
    }
    if (event === 'joined') {
      joined.add(room);
      if (joined.size === 2) joinedAt ??= now();
    }
    if (event === 'gap') {
      const trimmed = (firsts.get(room) ?? 1) > 1;
      if (!trimmed)
        faults.push(
          `a gap, ${String(reason)}, in ${room}, at ${now().toFixed(0)}, that was not due`,
        );
      excused.set(room, firsts.get(room) ?? 1);
    }
  };

  let resumed = false;
  const connect = (cutAfter: number): void => {
    const id = keyOf();
    resumed = id !== undefined;
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
  return { cuts, repeats, faults };
};

const one = <A>(of: readonly A[], random: () => number): A => {
  const [first] = of;
  const drawn = of[Math.floor(random() * of.length)] ?? first;
  if (drawn === undefined) throw new Error('nothing to choose from');
  return drawn;
};
