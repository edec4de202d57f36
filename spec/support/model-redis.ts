/**
 * A model of one Redis in virtual time: logs, keys, channels, its own clock. A command runs whole or not at all, one after
 * the other; what is pushed to a connection arrives in order. It can crash, be wiped, freeze, lose a log's tail, refuse.
 */
import { left, right, type Either } from 'fp-ts/lib/Either.js';
import type { BusError, Outcome } from '../../lib/broker/bus.js';
import { channelOf } from '../../lib/broker/bus.js';
import type { Draft } from '../../lib/codec.js';
import { frameAround, payloadOf, Publication } from '../../lib/codec.js';
import { type Page, PAGE_BYTES } from '../../lib/log/index.js';
import { formatId, GLOBAL, parseId, type Room, type Top } from '../../lib/position.js';
import type { VirtualClock } from './virtual-clock.js';

export interface Entry {
  readonly id: string;
  readonly offset: number;
  readonly ms: number;
  readonly rest: string;
}

interface Log {
  readonly tag: number;
  readonly entries: Entry[];
  readonly keys: Map<
    string,
    { readonly digest: string; readonly id: string; readonly offset: number }
  >;
}

/** One connection as Redis sees it. */
export interface Peer {
  readonly channels: Set<string>;
  push(channel: string, payload: Buffer): void;
  /** Redis closed it. */
  broken(): void;
}

export type Reply<A> = Either<BusError, A>;

export interface ModelRedis {
  // what connections do
  readonly peers: Set<Peer>;
  isUp(): boolean;
  /** Runs a command now, or when Redis thaws; never when it is down. */
  run(command: () => void): void;
  now(): number;
  publish(
    room: Room,
    drafts: readonly Draft[],
    nonces: readonly number[],
    tag: number,
    deadline: number,
  ): Reply<readonly Outcome[]>;
  top(room: Room, tag: number): Reply<Top>;
  page(room: Room, from: number, most: number, tag: number): Reply<Page>;
  renew(room: Room, old: number, tag: number): Reply<Top>;
  members(room: Room, serverId: string, own: number): Reply<number>;
  lease(serverId: string): Reply<readonly string[]>;
  send(channel: string, payload: Buffer): Reply<void>;
  // faults
  crash(): void;
  start(): void;
  freeze(): void;
  thaw(): void;
  /** All data is gone. */
  wipe(): void;
  /** A replica that lacks a log's last messages became the master; connections break when `cut`. */
  failover(count: number, cut: boolean): void;
  /** Every writing command is answered so; undefined: none. */
  refuse(tag: BusError['_tag'] | undefined): void;
  /** This room's key is of the wrong type. */
  spoil(room: Room): void;
  jump(ms: number): void;
  // what a checker asks
  /** Every message that ever had a place, also in logs that are lost. */
  readonly placed: Map<string, { readonly room: Room; readonly rest: string }>;
  /** Ids that a failover took back. */
  readonly lost: Set<string>;
  /** The tags of a room's epochs, in order. */
  epochs(room: Room): readonly number[];
  entries(room: Room): readonly Entry[];
  hears(channel: string): number;
}

const LEASE_MS = 15_000;

/** How much of a room's log it keeps: `LOG_MESSAGES`, `LOG_TTL_MS`. */
export interface ModelOptions {
  readonly logMessages: number;
  readonly logTtlMs: number;
}

export const modelRedis = (
  clock: VirtualClock,
  { logMessages, logTtlMs }: ModelOptions = { logMessages: 1_000, logTtlMs: 600_000 },
): ModelRedis => {
  let state: 'up' | 'down' | 'frozen' = 'up';
  let inbox: (() => void)[] = [];
  let logs = new Map<Room, Log>();
  let counts = new Map<Room, Map<string, number>>();
  let leases = new Map<string, number>();
  let refused: BusError['_tag'] | undefined;
  let skew = 0;
  const epochs = new Map<Room, readonly number[]>();
  const lost = new Set<string>();
  const spoilt = new Set<Room>();
  const peers = new Set<Peer>();
  const placed = new Map<string, { readonly room: Room; readonly rest: string }>();

  const now = (): number => Math.floor(clock.wall() + skew);

  const logOf = (room: Room, tag: number): Log => logs.get(room) ?? begin(room, tag);

  const begin = (room: Room, tag: number): Log => {
    const log: Log = { tag, entries: [], keys: new Map() };
    logs.set(room, log);
    epochs.set(room, [...(epochs.get(room) ?? []), tag]);
    return log;
  };

  const topOf = ({ tag, entries }: Log): Top => {
    const last = entries.at(-1);
    return last === undefined
      ? { tag, offset: 0, ms: 0, id: null }
      : { tag, offset: last.offset, ms: last.ms, id: last.id };
  };

  const refusal = (room?: Room): BusError | undefined => {
    if (refused !== undefined) return { _tag: refused, detail: 'the model refuses' };
    return room !== undefined && spoilt.has(room)
      ? { _tag: 'WrongType', detail: 'the model spoilt it' }
      : undefined;
  };

  const push = (channel: string, payload: Buffer): void => {
    for (const peer of peers) if (peer.channels.has(channel)) peer.push(channel, payload);
  };

  const place = (log: Log, draft: Draft, nonce: number): Outcome => {
    const { room, rest, key, digest, logged } = draft;
    const first = key === undefined ? undefined : log.keys.get(key);
    if (first !== undefined)
      return first.digest === digest ? { _tag: 'Duplicate', id: first.id } : { _tag: 'KeyReused' };
    const top = topOf(log);
    const ms = Math.max(top.ms, now());
    const offset = logged ? top.offset + 1 : top.offset;
    const id = formatId({
      ms,
      tag: log.tag,
      offset,
      global: room === GLOBAL,
      outside: !logged,
      nonce,
    });
    if (logged) {
      log.entries.push({ id, offset, ms, rest });
      placed.set(id, { room, rest });
    }
    if (key !== undefined) log.keys.set(key, { digest, id, offset });
    push(channelOf(room), Buffer.from(payloadOf(id, rest)));
    return { _tag: 'Placed', id };
  };

  const breakAll = (): void => {
    for (const peer of [...peers]) peer.broken();
    peers.clear();
  };

  return {
    peers,
    placed,
    lost,
    now,
    isUp: () => state !== 'down',
    run: (command) => {
      if (state === 'up') command();
      else if (state === 'frozen') inbox.push(command);
    },
    publish: (room, drafts, nonces, tag, deadline) => {
      if (now() > deadline) return left({ _tag: 'Late', detail: 'after its deadline' });
      const error = refusal(room);
      if (error !== undefined) return left(error);
      const log = logOf(room, tag);
      return right(drafts.map((draft, i) => place(log, draft, nonces[i] ?? 0)));
    },
    top: (room, tag) => {
      const error = spoilt.has(room) || !logs.has(room) ? refusal(room) : undefined;
      return error === undefined ? right(topOf(logOf(room, tag))) : left(error);
    },
    page: (room, from, most, tag) => {
      const error = spoilt.has(room) || !logs.has(room) ? refusal(room) : undefined;
      if (error !== undefined) return left(error);
      const log = logOf(room, tag);
      const top = topOf(log);
      const kept = log.entries.filter(
        ({ offset, ms }) => offset > top.offset - logMessages && ms >= now() - logTtlMs,
      );
      const entries: Publication[] = [];
      let bytes = 0;
      for (const { id: idText, offset, rest } of kept) {
        if (offset < from || entries.length >= most) continue;
        const payload = Buffer.from(payloadOf(idText, rest));
        const id = parseId(idText);
        const type = /^"type":"(\w+)"/.exec(rest)?.[1] ?? 'chat';
        if (id._tag === 'None') throw new Error(`not an id: ${idText}`);
        bytes += payload.length;
        if (bytes > PAGE_BYTES && entries.length > 0) break;
        entries.push(new Publication(id.value, idText, type, frameAround(payload), undefined));
      }
      return right({ top, first: kept[0]?.offset ?? top.offset + 1, entries });
    },
    renew: (room, old, tag) => {
      const error = refusal(room);
      if (error !== undefined) return left(error);
      if (logOf(room, tag).tag === old) begin(room, tag);
      return right(topOf(logOf(room, tag)));
    },
    members: (room, serverId, own) => {
      const error = refusal();
      if (error !== undefined) return left(error);
      const pods = counts.get(room) ?? new Map<string, number>();
      counts.set(room, pods);
      if (own === 0) pods.delete(serverId);
      else pods.set(serverId, own);
      const living = [...pods].filter(
        ([pod]) => pod !== serverId && (leases.get(pod) ?? 0) > now(),
      );
      return right(living.reduce((sum, [, count]) => sum + count, 0));
    },
    lease: (serverId) => {
      leases.set(serverId, now() + LEASE_MS);
      return right([...leases].filter(([, until]) => until > now()).map(([pod]) => pod));
    },
    send: (channel, payload) => {
      const error = refusal();
      if (error !== undefined) return left(error);
      push(channel, payload);
      return right(undefined);
    },
    crash: () => {
      state = 'down';
      inbox = [];
      breakAll();
    },
    start: () => {
      if (state === 'down') state = 'up';
    },
    freeze: () => {
      if (state === 'up') state = 'frozen';
    },
    thaw: () => {
      if (state !== 'frozen') return;
      state = 'up';
      const waiting = inbox;
      inbox = [];
      for (const command of waiting) command();
    },
    wipe: () => {
      logs = new Map();
      counts = new Map();
      leases = new Map();
    },
    failover: (count, cut) => {
      for (const [room, { tag, entries, keys }] of logs) {
        const kept = entries.slice(0, Math.max(0, entries.length - count));
        for (const { id } of entries.slice(kept.length)) lost.add(id);
        const last = kept.at(-1)?.offset ?? 0;
        logs.set(room, {
          tag,
          entries: kept,
          keys: new Map([...keys].filter(([, { offset }]) => offset <= last)),
        });
      }
      if (cut) breakAll();
    },
    refuse: (tag) => {
      refused = tag;
    },
    spoil: (room) => {
      spoilt.add(room);
    },
    jump: (ms) => {
      skew += ms;
    },
    epochs: (room) => epochs.get(room) ?? [],
    entries: (room) => logs.get(room)?.entries ?? [],
    hears: (channel) => [...peers].filter(({ channels }) => channels.has(channel)).length,
  };
};
