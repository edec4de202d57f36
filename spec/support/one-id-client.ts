/**
 * A client of one room in virtual time that keeps ids, is cut after a number of frames, and comes back with
 * its ids. What it gets is judged at once: a gap that is not due is a fault, and so is a repeat from before
 * the allowed time.
 */
import { GLOBAL, NO_EPOCH, type Room } from '../../lib/protocol/position.js';
import { LAG_MS, OVERLAP_MS } from '../../lib/protocol/resume.js';
import type { ClusterPod } from './cluster/pod.js';
import type { Link } from './cluster/link.js';
import { type Frame, idOf, recordOf } from './invariants/frame.js';
import { type ModelRedis } from './model-redis-port.js';
import type { VirtualClock } from './virtual-clock.js';

/** What is known of all clients that came with one id after a long absence. */
export interface Absences {
  /** The times of their ids. */
  readonly since: number[];
  /**
   * The same for clients that got no gap before the messages of the room: other clients with their ids get a
   * gap for messages that the log has trimmed since.
   */
  readonly untold: Set<{ readonly ms: number }>;
}

export interface SentMessage {
  readonly room: Room;
  readonly text: string;
  /** When the message was acknowledged, and its offset. */
  readonly at: number;
  readonly offset: number;
}

export interface OneIdClient {
  readonly connect: (pod: ClusterPod, cutAfter: number) => void;
  readonly cut: () => void;
  readonly isThere: () => boolean;
  readonly cuts: () => number;
  readonly repeats: () => number;
  /** Gaps for messages that it had: another client with the same id may lack them. */
  readonly gapsForOthers: () => number;
  /** A message that it should have got and did not get. */
  readonly missing: (sent: Iterable<SentMessage>) => SentMessage | undefined;
}

export interface OneIdClientDeps {
  readonly name: string;
  readonly home: Room;
  readonly ids: 'one' | 'two';
  readonly clock: VirtualClock;
  readonly redis: ModelRedis;
  readonly absences: Absences;
  readonly fault: (text: string) => void;
  readonly note: (text: () => string) => void;
}

/**
 * After an absence of this length a client of one id is remembered (`lib/connection/catch-ups.ts`). A little
 * less than there, as its handshake takes a while.
 */
const LONG_MS = 19_000;

export const oneIdClient = (deps: OneIdClientDeps): OneIdClient => {
  const { name, home, ids, clock, redis, absences, fault, note } = deps;
  const { random } = clock;
  const now = (): number => clock.scheduler.now();
  const got = new Map<Room, Set<string>>();
  const wholeIds = new Set<string>();
  const lastIds = new Map<boolean, string>();
  const excused = new Map<Room, number>();
  /**
   * Rooms in which a gap came, and no message of the log since: the gap also covers what the log trims until
   * the next message.
   */
  const openGaps = new Set<Room>();
  /**
   * The offsets that it got, and the positions of the logs when it first came: it must get all messages after
   * these.
   */
  const had = new Map<Room, Set<number>>();
  const floors = new Map<Room, number>();
  let lastId: string | undefined;
  let brought: string | undefined;
  let joined = new Set<Room>();
  let joinedAt: number | undefined;
  let cuts = 0;
  let repeats = 0;
  let gapsForOthers = 0;
  /** Of this connection, unless a gap came in time. */
  let absence: { readonly ms: number } | undefined;
  let link: Link | undefined;

  /** The first offset that the log still has. */
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
    const both = [lastIds.get(false), lastIds.get(true)].filter((id) => id !== undefined);
    return both.length === 0 ? undefined : (random() < 0.5 ? both : both.reverse()).join(',');
  };

  const broughtIds = (): readonly NonNullable<ReturnType<typeof idOf>>[] =>
    (brought ?? '').split(',').flatMap((text) => idOf(text) ?? []);

  const hasLetGoSince = (room: Room, ms: number): boolean => {
    const first = firstOf(room);
    if (first <= 1) return false;
    return [...redis.placed].some(([text, { room: where }]) => {
      const position = idOf(text);
      return (
        where === room &&
        position !== undefined &&
        position.offset < first &&
        position.ms >= ms - LAG_MS
      );
    });
  };

  /**
   * Whether another client with this id may lack trimmed messages: the entry of the id itself is gone, or
   * messages were trimmed that came after the time of the id, or after the time with which a client that
   * catches up came. The id alone does not show which client it is, and a gap too many is better than one too
   * few.
   */
  const isAmbiguous = (room: Room): boolean => {
    const all = broughtIds();
    const own = all.filter((id) => id.global === (room === GLOBAL) && id.tag !== NO_EPOCH);
    if (own.length > 0) return own.some(({ offset }) => offset < firstOf(room));
    const untold = room === GLOBAL ? [...absences.untold].map(({ ms }) => ms) : [];
    return hasLetGoSince(room, Math.min(...all.map(({ ms }) => ms), ...untold));
  };

  const judgeGap = (room: Room, reason: string): void => {
    if (!isDue(room) && isAmbiguous(room)) gapsForOthers += 1;
    else if (!isDue(room))
      fault(`${name}: a gap, ${reason}, in ${room}, at ${now()}, that was not due`);
    excused.set(room, firstOf(room));
    openGaps.add(room);
  };

  const judgeRepeat = (room: Room, ms: number): void => {
    repeats += 1;
    const all = broughtIds();
    if (all.some((id) => id.tag === NO_EPOCH)) return;
    const others = room === GLOBAL ? absences.since : [];
    const from = Math.min(...all.map((id) => id.ms), ...others) - OVERLAP_MS;
    if (ms < from)
      fault(`${name}: sent again what is older than a minute before its id, at ${now()}`);
  };

  const receive = (text: string): void => {
    const frame = JSON.parse(text) as Frame;
    note(() => `${name} hears ${text}`);
    const id = idOf(frame.id);
    if (id === undefined) return fault(`no id in ${text}`);
    lastId = frame.id;
    lastIds.set(id.global, frame.id);
    const room = frame.room ?? GLOBAL;
    const { event, reason } = recordOf(frame.data);
    if (frame.type === 'chat') {
      if (room === GLOBAL && !joined.has(home) && brought !== undefined)
        fault('the global log came before the room had joined');
      if (wholeIds.has(frame.id)) judgeRepeat(room, id.ms);
      wholeIds.add(frame.id);
      got.set(room, (got.get(room) ?? new Set()).add(String(frame.data)));
      if (openGaps.delete(room))
        excused.set(room, Math.max(excused.get(room) ?? 1, Math.min(id.offset, firstOf(room))));
      if (!id.outside) had.set(room, (had.get(room) ?? new Set()).add(id.offset));
    }
    if (event === 'joined') {
      joined.add(room);
      if (joined.size === 2) joinedAt ??= now();
    }
    if (event !== 'gap') return;
    if (room === GLOBAL && absence !== undefined && !joined.has(home))
      absences.untold.delete(absence);
    judgeGap(room, String(reason));
  };

  const beAbsent = (): void => {
    absence = undefined;
    // an id that names no epoch counts as none, so the client brings one id
    const [one, other] = broughtIds().filter(({ tag }) => tag !== NO_EPOCH);
    if (one === undefined || other !== undefined) return;
    const isLong = clock.wall() - one.ms >= LONG_MS;
    // clients that get these messages again are remembered too
    if (!isLong && absences.since.length === 0) return;
    if (isLong) absences.since.push(one.ms);
    absence = { ms: one.ms };
    absences.untold.add(absence);
  };

  const cut = (): void => {
    if (link === undefined) return;
    note(() => `${name} is cut`);
    cuts += 1;
    const last = link;
    link = undefined;
    last.cut();
  };

  return {
    connect: (pod, cutAfter) => {
      brought = keyOf();
      for (const room of [home, GLOBAL])
        if (!floors.has(room)) floors.set(room, redis.position(room)?.offset ?? 0);
      joined = new Set();
      beAbsent();
      let frames = 0;
      note(() => `${name} connects to ${pod.name} with ${brought}, to be cut after ${cutAfter}`);
      const made = pod.call({
        user: null,
        room: home,
        lastId: brought,
        events: {
          text: (text) => {
            if (link !== made || frames >= cutAfter) return;
            frames += 1;
            receive(text);
            if (frames >= cutAfter) cut();
            else if (random() < 0.02) made?.send(JSON.stringify({ type: 'ping', data: 1 }));
          },
          closed: () => {
            if (link === made) link = undefined;
          },
        },
      });
      link = made;
    },
    cut,
    isThere: () => link !== undefined,
    cuts: () => cuts,
    repeats: () => repeats,
    gapsForOthers: () => gapsForOthers,
    missing: (sent) => {
      for (const each of sent) {
        const { room, text, at, offset } = each;
        if (joinedAt === undefined || at <= joinedAt || at > now() - 1_000) continue;
        if (got.get(room)?.has(text) !== true && offset >= (excused.get(room) ?? 1)) return each;
      }
      return undefined;
    },
  };
};
