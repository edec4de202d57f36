/**
 * A client that follows docs/protocol.md: it resumes from the last id of each log, sends again under the same
 * `id` what had no ack, follows the table of close codes, and waits longer before each attempt to connect. It
 * also behaves as people do: it comes and goes, reads slowly or not at all, and loses its network. The
 * checker gets everything that happens to it.
 */
import { type Room, GLOBAL } from '../../../lib/protocol/position.js';
import type { Checker, Ears } from '../invariants.js';
import { idOf, idTextOf, recordOf, textIn } from '../invariants/frame.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { Link } from './link.js';
import type { ClusterPod } from './pod.js';

export interface ChatterOptions {
  readonly name: string;
  readonly user: string | null;
  /** The room of its URL. */
  readonly home: Room | undefined;
  readonly rooms: readonly Room[];
  readonly clock: VirtualClock;
  readonly pods: readonly ClusterPod[];
  readonly checker: Checker;
  /** The average time between two actions, ms. */
  readonly paceMs: number;
  /**
   * A client that does not answer for longer than this may be cut: perhaps it was pinged just before it would
   * be overdue.
   */
  readonly slackMs: number;
  readonly note: (text: () => string) => void;
  /** Gets a short text for each message. */
  readonly trace: (text: string) => void;
}

export interface Chatter {
  readonly name: string;
  readonly start: () => void;
  /** From now on it only reads. */
  readonly hush: () => void;
  /** It closes, and does not connect again. */
  readonly end: () => void;
  readonly isConnected: () => boolean;
}

interface Unacked {
  readonly ref: string;
  readonly room: Room;
  readonly data: unknown;
  readonly keyed: boolean;
}

interface Here {
  readonly pod: ClusterPod;
  readonly link: Link;
  readonly ears: Ears;
  readonly joined: Set<Room>;
  readonly asked: Set<Room>;
  /** Since when it does not answer: from then on, a close by the server is no fault. */
  silentAt: number | undefined;
  /** Until then a close by the server is no fault, as the client was silent for long. */
  excusedUntil: number;
  comeBackAt: number | undefined;
}

const UUID_ZEROS = '0000-4000-8000-';
/** How long a cut may be under way after the client has begun to read again. */
const EXCUSED_MS = 1_000;
const MAX_WAIT_MS = 3_000;
const COME_BACK = new Set([1001, 1006, 1011, 1013]);

export const chatter = (options: ChatterOptions): Chatter => {
  const { name, user, home, rooms, clock, pods, checker, paceMs, slackMs, note, trace } = options;
  const { scheduler, random } = clock;
  const lastIds = new Map<Room, string>();
  const unacked = new Map<string, Unacked>();
  /** The rooms that it wants to be in, without the room of its URL. */
  const wanted = new Set<Room>();
  let here: Here | undefined;
  let hushed = false;
  let ended = false;
  let failures = 0;
  let count = 0;

  const now = (): number => scheduler.now();
  const later = (ms: number, work: () => void): void => void scheduler.schedule(work, ms);
  const one = <A>(of: readonly A[]): A | undefined => of[Math.floor(random() * of.length)];

  // connecting

  const lastIdOf = (): string | undefined => {
    if (random() < 0.1) lastIds.clear();
    const global = lastIds.get(GLOBAL);
    if (home === undefined) return global;
    const room = lastIds.get(home);
    if (room === undefined) return global;
    return global === undefined || random() < 0.4 ? room : `${room},${global}`;
  };

  const connect = (): void => {
    if (ended || here !== undefined) return;
    const pod = one(pods.filter((each) => each.isUp()));
    const lastId = lastIdOf();
    const at = now();
    if (pod === undefined) return comeBack();
    const link = pod.call({
      user,
      room: home,
      lastId,
      events: { text: (text) => mine(receive)(text), closed: (code) => mine(closed)(code) },
    });
    if (link === undefined) return comeBack();
    const ears = checker.connected({ client: name, user, pod: pod.name, at, room: home, lastId });
    note(
      () => `${name} connects to ${pod.name}, room ${home ?? 'none'}, last_id ${lastId ?? 'none'}`,
    );
    const opened: Here = {
      pod,
      link,
      ears,
      joined: new Set(),
      asked: new Set([GLOBAL, ...(home === undefined ? [] : [home])]),
      silentAt: undefined,
      excusedUntil: 0,
      comeBackAt: undefined,
    };
    const mine =
      <A>(work: (at: Here, value: A) => void) =>
      (value: A): void => {
        if (here === opened) work(opened, value);
      };
    here = opened;
    for (const room of wanted) ask(opened, room);
  };

  const comeBack = (soon = false): void => {
    failures += 1;
    const most = soon ? 50 : Math.min(MAX_WAIT_MS, 100 * 2 ** failures);
    later(random() * most, connect);
  };

  const ask = ({ link, ears, asked }: Here, room: Room): void => {
    const lastId = random() < 0.9 ? lastIds.get(room) : undefined;
    asked.add(room);
    ears.joins(room, lastId, now());
    note(() => `${name} joins ${room}, last_id ${lastId ?? 'none'}`);
    link.send(JSON.stringify({ type: 'join', room, data: { last_id: lastId } }));
  };

  // messages of the server

  const receive = (at: Here, text: string): void => {
    trace(`${idTextOf(text)}${text.length}`);
    note(() => `${name} hears ${text}`);
    const received = at.ears.received(text, now());
    const room = received.room ?? GLOBAL;
    keep('idText' in received ? received.idText : received.id, received.room);
    if ('idText' in received) return;
    const data = recordOf(received.data);
    const ref = textIn(data['ref']);
    if (received.type === 'error') {
      unacked.delete(ref);
      return;
    }
    switch (data['event']) {
      case 'joined':
        failures = 0;
        if (at.joined.has(room)) return;
        at.joined.add(room);
        for (const each of unacked.values()) if (each.room === room) send(at, each);
        return;
      case 'left':
        at.joined.delete(room);
        return;
      case 'ack':
        unacked.delete(ref);
        return;
      case 'draining':
        at.comeBackAt = now() + Number(data['reconnect_in_ms']);
    }
  };

  /** Keeps the last id of each log: a bit of the id shows whether it is of the global log. */
  const keep = (idText: string, room: Room | undefined): void => {
    const isGlobal = idOf(idText)?.global === true;
    lastIds.set(room ?? (isGlobal ? GLOBAL : (home ?? GLOBAL)), idText);
  };

  /** Why the socket broke; undefined: the server closed it. */
  const causeOf = ({ pod, silentAt, excusedUntil, comeBackAt }: Here): string | undefined => {
    if (!pod.isOpen()) return 'its pod';
    if (comeBackAt !== undefined) return 'a drain';
    return isLong(silentAt) || now() < excusedUntil ? 'its silence' : undefined;
  };

  const isLong = (silentAt: number | undefined): boolean =>
    silentAt !== undefined && now() - silentAt > slackMs;

  const closed = (at: Here, code: number | undefined): void => {
    note(() => `${name} is closed with ${code ?? 'nothing'} by ${at.pod.name}`);
    trace(`closed ${code}`);
    here = undefined;
    at.ears.closed(code, code === undefined ? causeOf(at) : undefined, now());
    if (COME_BACK.has(code ?? 1006)) comeBack(code === 1001);
  };

  // actions

  const send = (at: Here, { ref, room, data, keyed }: Unacked): void => {
    at.ears.sent({ room, ref, data, keyed }, now());
    note(() => `${name} says ${JSON.stringify(data)} in ${room} as ${ref}`);
    at.link.send(JSON.stringify({ type: 'chat', room, id: ref, data }));
  };

  const speak = (at: Here): void => {
    const room = random() < 0.08 ? GLOBAL : one([...at.joined].filter((each) => each !== GLOBAL));
    if (room === undefined || !at.joined.has(room)) return;
    count += 1;
    const label = `${name}-${count}`;
    const uuid = user === null && random() < 0.7;
    const ref = uuid
      ? `${hex(name, 8)}-${UUID_ZEROS}${count.toString(16).padStart(12, '0')}`
      : label;
    const message = { ref, room, data: { label }, keyed: user !== null || uuid };
    // an `id` that is no key is not sent again: it would be another message
    if (message.keyed) unacked.set(ref, message);
    send(at, message);
  };

  const leaveSome = (at: Here): void => {
    const room = one([...wanted]);
    if (room === undefined || !at.joined.has(room)) return;
    wanted.delete(room);
    at.joined.delete(room);
    at.asked.delete(room);
    lastIds.delete(room);
    for (const [ref, each] of unacked) if (each.room === room) unacked.delete(ref);
    note(() => `${name} leaves ${room}`);
    at.link.send(JSON.stringify({ type: 'leave', room }));
    // otherwise the answer to the leave could be taken for one to the next join
    resting.add(room);
    later(1_000, () => resting.delete(room));
  };
  const resting = new Set<Room>();

  const joinSome = (at: Here): void => {
    const room = one(rooms.filter((each) => !at.asked.has(each) && !resting.has(each)));
    if (room === undefined) return;
    wanted.add(room);
    ask(at, room);
  };

  const go = (at: Here, how: 'close' | 'cut' | 'vanish', awayMs: number): void => {
    // and it does not learn whether its last messages arrived
    if (random() < 0.5) speak(at);
    if (random() < 0.5) return later(random() * 12, () => depart(at, how, awayMs));
    depart(at, how, awayMs);
  };

  const depart = (at: Here, how: 'close' | 'cut' | 'vanish', awayMs: number): void => {
    if (here !== at) return;
    note(() => `${name} goes: ${how}`);
    here = undefined;
    at.ears.closed(how === 'close' ? 1000 : undefined, 'itself', now());
    at.link[how]();
    later(awayMs, connect);
  };

  const stall = (at: Here, ms: number): void => {
    if (at.silentAt !== undefined) return;
    note(() => `${name} reads nothing for ${Math.round(ms)} ms`);
    at.silentAt = now();
    at.link.stall();
    later(ms, () => wake(at));
  };

  const wake = (at: Here): void => {
    if (at.silentAt === undefined) return;
    at.link.read();
    if (isLong(at.silentAt)) at.excusedUntil = now() + EXCUSED_MS;
    at.silentAt = undefined;
  };

  const act = (at: Here): void => {
    const drawn = random() * 100;
    if (drawn < 78) speak(at);
    else if (drawn < 84) joinSome(at);
    else if (drawn < 88) leaveSome(at);
    else if (drawn < 92) go(at, 'cut', random() * 3_000);
    else if (drawn < 94) go(at, 'close', random() * 4_000);
    else if (drawn < 96) go(at, 'vanish', 500 + random() * 4_000);
    else if (drawn < 98) stall(at, random() * 3_000);
    else if (drawn < 99)
      for (const each of unacked.values())
        if (at.joined.has(each.room)) send(at, each);
        else
          at.link.send(JSON.stringify({ type: 'presence', room: home, data: { status: 'away' } }));
  };

  const live = (): void => {
    if (hushed || ended) return;
    if (here !== undefined && here.silentAt === undefined) act(here);
    later(random() * 2 * paceMs, live);
  };

  return {
    name,
    start: () => {
      connect();
      later(random() * 2 * paceMs, live);
    },
    hush: () => {
      hushed = true;
      if (here !== undefined) wake(here);
    },
    end: () => {
      ended = true;
      here?.link.close();
      here = undefined;
    },
    isConnected: () => here !== undefined,
  };
};

/** A hash of a name, with this many hexadecimal digits. */
const hex = (name: string, digits: number): string =>
  Buffer.from(name).toString('hex').padEnd(digits, '0').slice(0, digits);
