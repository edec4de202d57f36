/**
 * A client that follows docs/protocol.md: it connects again to any pod with the last id of each log, after a
 * random wait that doubles, and sends again, under its own `id`, every message without an ack. It judges
 * nothing: every frame goes to the checker of `spec/support/invariants.ts`. What it does and gets is also
 * reported as a `Fact`.
 */
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { GLOBAL, type Room } from '../../lib/protocol/position.js';
import { asUser, userOf } from '../../spec/support/credentials.js';
import type { Checker, Ears } from '../../spec/support/invariants.js';
import { type Frame, idOf, recordOf, textIn } from '../../spec/support/invariants/frame.js';
import type { ReceivedMessage } from '../../spec/support/invariants/message.js';

/** A way to a pod. */
export interface Door {
  readonly pod: string;
  readonly port: number;
}

/** The events of wanderers. `at` is `performance.now()`; `life` counts the connections of a wanderer. */
export type Fact =
  | (Base & { readonly _tag: 'Opened'; readonly connection: string })
  | (Base & { readonly _tag: 'Asks'; readonly room: Room; readonly lastId: string | undefined })
  | (Base & { readonly _tag: 'Leaves'; readonly room: Room })
  | (Base & {
      readonly _tag: 'Joined';
      readonly room: Room;
      readonly position: Position;
      /** The id from which it resumed. */
      readonly resumed: string | undefined;
      readonly recovered: number | undefined;
      readonly onPod: boolean;
    })
  | (Base & { readonly _tag: 'Left'; readonly room: Room; readonly reason: string })
  | (Base & { readonly _tag: 'Received'; readonly message: ReceivedMessage })
  | (Base & {
      readonly _tag: 'Gap';
      readonly room: Room;
      readonly reason: string;
      /** Undefined: the id is of the other log, that of the URL's room. */
      readonly position: Position | undefined;
      /** Whether it was in the room already. */
      readonly isLive: boolean;
    })
  | (Base & { readonly _tag: 'Sent'; readonly sent: SentMessage })
  | (Base & {
      readonly _tag: 'Acked';
      readonly sent: SentMessage;
      readonly idText: string;
      readonly onPod: boolean;
      readonly duplicate: boolean;
    })
  | (Base & {
      readonly _tag: 'Refused';
      readonly sent: SentMessage | undefined;
      readonly code: string;
      readonly text: string;
    })
  | (Base & { readonly _tag: 'Notified'; readonly event: 'degraded' | 'restored' | 'draining' })
  | (Base & {
      readonly _tag: 'Closed';
      readonly code: number;
      /** What closed the connection; undefined: the server. */
      readonly cause: string | undefined;
    });

interface Base {
  readonly who: string;
  readonly pod: string;
  readonly life: number;
  readonly at: number;
}

export interface Position {
  readonly tag: number;
  readonly offset: number;
}

/** One message, however often it was sent. */
export interface SentMessage {
  readonly n: number;
  readonly ref: string;
  readonly room: Room;
  readonly data: unknown;
  /** When it was sent first, and last. */
  readonly at: number;
  lastAt: number;
  /** The pod to which it was sent last. */
  pod: string;
  times: number;
}

export interface Wanderer {
  readonly who: string;
  /** It keeps only the last id of any kind, and is in one room. */
  readonly keepsOne: boolean;
  /** Whether it is in all its rooms now. */
  readonly isIn: () => boolean;
  /** The pod that it is connected to. */
  readonly pod: () => string | undefined;
  /** Since when its present connection is in all rooms; undefined while it is not. */
  readonly inSince: () => number | undefined;
  /** The rooms that it wants to be in. */
  readonly rooms: () => readonly Room[];
  readonly unanswered: () => readonly SentMessage[];
  /** Publishes; undefined when it is not in that room now. */
  readonly publish: (room: Room, pad?: number) => SentMessage | undefined;
  readonly join: (room: Room) => void;
  readonly leave: (room: Room) => void;
  /** Breaks its connection; it connects again after `ms`, else after its own wait. */
  readonly breakOff: (ms?: number) => void;
  /** Stops and begins to read its socket. */
  readonly pause: () => void;
  readonly resume: () => void;
  /**
   * The ports of its socket, its own and that of the peer: two sockets to different peers may have the same
   * own port.
   */
  readonly ports: () => Ports;
  /** Closes for good. */
  readonly stop: () => Promise<void>;
}

export interface WandererOptions {
  readonly who: string;
  readonly keepsOne?: boolean;
  readonly rooms: readonly Room[];
  /** Called for each connection; `not`: the pod that refused it, which a load balancer would know too. */
  readonly door: (not: string | undefined) => Door;
  readonly checker: Checker;
  readonly emit: (fact: Fact) => void;
  /** What may have closed a connection, if it was not the server. */
  readonly blame: (who: string, pod: string) => string | undefined;
  /** A mark in all messages that it sends: it distinguishes two runs on one Redis. */
  readonly mark: string;
  readonly next: () => number;
}

/** The cause of a close by the client itself. */
export const OWN = 'its own';

type Data = Readonly<Record<string, unknown>>;

const HOST = '127.0.0.1';
const BASE_PATH = '/api/chat-api/ws';
const HANDSHAKE_MS = 5_000;
const BACKOFF = { firstMs: 500, mostMs: 5_000 };
/** After a connection of this length, tries are counted from 0 again. */
const STEADY_MS = 3_000;
/** The wait after `unavailable`, and after a room that failed. */
const RETRY_MS = 300;
const ABNORMAL = 1006;
/** The reason of a `left` that it asked for. */
const ASKED = 'asked';

export const wanderer = (options: WandererOptions): Wanderer => {
  const { who, keepsOne = false, door, mark, next, checker } = options;
  const user = userOf(who);
  const wanted = new Set<Room>(options.rooms);
  const lastIds = new Map<Room, string>();
  /** The last id of all logs. */
  let lastOfAll: string | undefined;
  const unanswered = new Map<string, SentMessage>();
  const timers = new Set<NodeJS.Timeout>();
  let socket: WebSocket | undefined;
  let ears: Ears | undefined;
  let pod = '';
  let life = 0;
  let failures = 0;
  let inSince: number | undefined;
  /** Whether `welcome` has come on the present connection. */
  let welcome = false;
  let here = new Set<Room>();
  /**
   * The joins without an answer, with their `ref`; that of the URL has none. A second join would repeat the
   * messages that came meanwhile.
   */
  let asked = new Map<Room, string>();
  let resumed = new Map<Room, string | undefined>();
  let own: string | undefined;
  let stopped = false;
  let shut: string | undefined;
  let waitMs: number | undefined;

  const now = (): number => performance.now();
  const base = (): Base => ({ who, pod, life, at: now() });
  const later = (ms: number, work: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, ms);
    timers.add(timer);
  };
  const isWanted = (room: Room): boolean => room === GLOBAL || wanted.has(room);

  /**
   * The room of the URL. With an id of the global log alone, a room without an id would be read from a minute
   * ago.
   */
  const firstRoom = (): Room => {
    const rooms = [...wanted];
    if (keepsOne) return rooms[0] ?? GLOBAL;
    const known = rooms.find((room) => lastIds.has(room));
    return known ?? (lastIds.has(GLOBAL) ? GLOBAL : (rooms[0] ?? GLOBAL));
  };

  const connect = (): void => {
    if (stopped) return;
    const where = door(shut);
    const first = firstRoom();
    const ids = new Set([first, GLOBAL].flatMap((room) => lastIds.get(room) ?? []));
    const lastId = keepsOne ? lastOfAll : ids.size === 0 ? undefined : [...ids].join(',');
    const path = first === GLOBAL ? '' : `/${first}`;
    const query = lastId === undefined ? '' : `?last_id=${lastId}`;
    const opening = new WebSocket(`ws://${HOST}:${where.port}${BASE_PATH}${path}${query}`, {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_MS,
      headers: asUser(user),
    });
    const checked = checker.connected({
      client: who,
      user,
      pod: where.pod,
      at: now(),
      room: first === GLOBAL ? undefined : first,
      lastId,
    });
    let openedAt: number | undefined;
    life += 1;
    socket = opening;
    ears = checked;
    pod = where.pod;
    welcome = false;
    here = new Set();
    resumed = new Map(
      [first, GLOBAL].map((room) => [room, keepsOne ? lastOfAll : lastIds.get(room)]),
    );
    asked = new Map([first, GLOBAL].map((room) => [room, '']));
    inSince = undefined;
    own = undefined;

    opening.on('open', () => {
      openedAt = now();
      shut = undefined;
    });
    opening.on('message', (bytes: Buffer) => {
      const what = checked.received(bytes.toString(), now());
      lastOfAll = 'idText' in what ? what.idText : what.id;
      if (!('idText' in what)) return handleControl(what, first);
      lastIds.set(what.room, what.idText);
      options.emit({ ...base(), _tag: 'Received', message: what });
    });
    opening.on('error', () => undefined);
    opening.on('close', (code) => {
      const cause = openedAt === undefined ? 'not let in' : (own ?? options.blame(who, where.pod));
      checked.closed(code === ABNORMAL ? undefined : code, cause, now());
      if (openedAt !== undefined) options.emit({ ...base(), _tag: 'Closed', code, cause });
      failures = now() - (openedAt ?? now()) > STEADY_MS ? 0 : failures + 1;
      if (openedAt === undefined) shut = where.pod;
      socket = undefined;
      ears = undefined;
      welcome = false;
      inSince = undefined;
      here = new Set();
      const most = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** Math.max(0, failures - 1));
      later(waitMs ?? Math.random() * most, connect);
      waitMs = undefined;
    });
  };

  const send = (message: object): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };

  const handleControl = ({ type, id, data }: Frame, first: Room): void => {
    const fields = recordOf(data);
    if (type === 'error') return refused(fields);
    const room = textIn(fields['room']);
    const event = textIn(fields['event']);
    switch (event) {
      case 'welcome':
        welcome = true;
        options.emit({
          ...base(),
          _tag: 'Opened',
          connection: textIn(fields['connection_id']),
        });
        for (const other of wanted) if (other !== first) ask(other);
        // it was given up since the URL named it
        if (!isWanted(first)) goOutOf(first);
        return;
      case 'joined':
        return joined(room, id, fields);
      case 'left':
        here.delete(room);
        options.emit({ ...base(), _tag: 'Left', room, reason: textIn(fields['reason']) });
        if (fields['reason'] !== ASKED) asked.delete(room);
        // it may not want the room any more
        lookAround();
        // it left the room and wants it again, or the room failed
        return askLater(room);
      case 'ack':
        return acked(textIn(fields['ref']), fields);
      case 'gap':
        lastIds.set(room, id);
        return options.emit({
          ...base(),
          _tag: 'Gap',
          room,
          reason: textIn(fields['reason']),
          position: idOf(id)?.global === (room === GLOBAL) ? positionOf(id) : undefined,
          isLive: here.has(room),
        });
      case 'degraded':
      case 'restored':
      case 'draining':
        return options.emit({ ...base(), _tag: 'Notified', event });
    }
  };

  const joined = (room: Room, id: string, { recovered, scope, ref }: Data): void => {
    if (asked.get(room) === textIn(ref)) asked.delete(room);
    if (!isWanted(room)) return;
    lastIds.set(room, id);
    if (here.has(room)) return;
    here.add(room);
    options.emit({
      ...base(),
      _tag: 'Joined',
      room,
      position: positionOf(id),
      resumed: resumed.get(room),
      recovered: typeof recovered === 'number' ? recovered : undefined,
      onPod: scope === 'pod',
    });
    lookAround();
    for (const sent of unanswered.values()) if (sent.room === room) transmit(sent);
  };

  const acked = (ref: string, { id, scope, duplicate }: Data): void => {
    const sent = unanswered.get(ref);
    if (sent === undefined) return;
    unanswered.delete(ref);
    options.emit({
      ...base(),
      _tag: 'Acked',
      sent,
      idText: textIn(id),
      onPod: scope === 'pod',
      duplicate: duplicate === true,
    });
  };

  const refused = (fields: Data): void => {
    const ref = textIn(fields['ref']);
    const code = textIn(fields['code']);
    const sent = unanswered.get(ref);
    options.emit({ ...base(), _tag: 'Refused', sent, code, text: textIn(fields['message']) });
    for (const [room, name] of asked)
      if (name !== '' && name === ref) {
        asked.delete(room);
        askLater(room);
      }
    if (sent === undefined || code === 'not_a_member') return;
    if (code !== 'unavailable' && code !== 'rate_limited') {
      unanswered.delete(ref);
      return;
    }
    const { times } = sent;
    const ms = fields['retry_in_ms'];
    later(typeof ms === 'number' ? ms : RETRY_MS, () => {
      // unless another connection has sent it meanwhile
      if (unanswered.has(ref) && sent.times === times && here.has(sent.room)) transmit(sent);
    });
  };

  const lookAround = (): void => {
    if (here.has(GLOBAL) && [...wanted].every((each) => here.has(each))) inSince ??= now();
  };

  const ask = (room: Room): void => {
    const lastId = lastIds.get(room);
    const name = randomUUID();
    asked.set(room, name);
    resumed.set(room, lastId);
    options.emit({ ...base(), _tag: 'Asks', room, lastId });
    ears?.joins(room, lastId, now());
    send({
      type: 'join',
      id: name,
      room,
      ...(lastId === undefined ? {} : { data: { last_id: lastId } }),
    });
  };

  const goOutOf = (room: Room): void => {
    asked.delete(room);
    options.emit({ ...base(), _tag: 'Leaves', room });
    send({ type: 'leave', room });
  };

  const mayAsk = (room: Room): boolean =>
    welcome && wanted.has(room) && !here.has(room) && !asked.has(room);

  const askLater = (room: Room): void => {
    const of = life;
    later(RETRY_MS, () => {
      if (life === of && mayAsk(room)) ask(room);
    });
  };

  const transmit = (sent: SentMessage): void => {
    const { ref, room, data } = sent;
    sent.lastAt = now();
    sent.pod = pod;
    sent.times += 1;
    ears?.sent({ room, ref, data, keyed: true }, sent.lastAt);
    send({ type: 'chat', room, id: ref, data });
    options.emit({ ...base(), _tag: 'Sent', sent });
  };

  later(Math.random() * 200, connect);

  return {
    who,
    keepsOne,
    isIn: () => inSince !== undefined,
    pod: () => (inSince === undefined ? undefined : pod),
    inSince: () => inSince,
    rooms: () => [...wanted],
    unanswered: () => [...unanswered.values()],
    publish: (room, pad = 0) => {
      if (!here.has(room) || !isWanted(room) || socket?.readyState !== WebSocket.OPEN)
        return undefined;
      const n = next();
      const data = { mark, n, ...(pad > 0 ? { pad: 'x'.repeat(pad) } : {}) };
      const sent: SentMessage = {
        n,
        ref: randomUUID(),
        room,
        data,
        at: now(),
        lastAt: 0,
        pod,
        times: 0,
      };
      unanswered.set(sent.ref, sent);
      transmit(sent);
      return sent;
    },
    join: (room) => {
      if (wanted.has(room)) return;
      wanted.add(room);
      if (mayAsk(room)) ask(room);
    },
    leave: (room) => {
      if (!wanted.delete(room)) return;
      lastIds.delete(room);
      // also before the join is answered; the room of the URL is left after `welcome`
      if (welcome) goOutOf(room);
    },
    breakOff: (ms) => {
      if (socket === undefined) return;
      waitMs = ms;
      own = OWN;
      socket.terminate();
    },
    pause: () => socket?.pause(),
    resume: () => socket?.resume(),
    ports: () => portsOf(socket),
    stop: async () => {
      stopped = true;
      const closing = socket;
      own = OWN;
      if (closing !== undefined)
        await new Promise<void>((resolve) => {
          closing.once('close', () => resolve());
          closing.close(1000);
          setTimeout(() => closing.terminate(), 3_000).unref();
        });
      for (const timer of timers) clearTimeout(timer);
    },
  };
};

const positionOf = (idText: string): Position => {
  const { tag = 0, offset = 0 } = idOf(idText) ?? {};
  return { tag, offset };
};

export interface Ports {
  readonly localPort?: number;
  readonly remotePort?: number;
}

/** ws keeps its socket private. By its ports a proxy recognises the link. */
const portsOf = (socket: WebSocket | undefined): Ports =>
  (socket as unknown as { readonly _socket?: Ports } | undefined)?._socket ?? {};
