/** The commands of the model of Redis, its answers, and how a spec breaks it. */
import { type Either } from 'fp-ts/lib/Either.js';
import {
  type CallOf,
  type Outcome,
  type Kept,
  type Recalled,
  type RedisError,
} from '../../lib/broker/redis/port.js';
import { type Page } from '../../lib/history/index.js';
import { type LogPosition, type Room } from '../../lib/protocol/position.js';
import { type Draft } from '../../lib/protocol/publication.js';

export interface Entry {
  readonly id: string;
  readonly offset: number;
  readonly ms: number;
  readonly rest: string;
}

/** A room's position and its last messages. */
export interface Log {
  tag: number;
  offset: number;
  ms: number;
  id: string | null;
  readonly entries: Entry[];
  renewedMs?: number | undefined;
  /** When the epoch began. */
  readonly begunMs: number;
}

export interface Key {
  readonly digest: string;
  readonly id: string;
  readonly offset: number;
  readonly until: number;
}

/** One connection as Redis sees it. */
export interface Peer {
  readonly channels: Set<string>;
  push(channel: string, payload: Buffer): void;
  /** Redis closed the connection. */
  broken(): void;
}

export type Reply<A> = Either<RedisError, A>;

export interface ModelRedis {
  // what connections do
  readonly peers: Set<Peer>;
  isUp(): boolean;
  /** Runs a command now, or when Redis is no longer frozen; never when it is down. */
  run(command: () => void): void;
  now(): number;
  publish(
    room: Room,
    drafts: readonly Draft[],
    nonces: readonly number[],
    tag: number,
    deadline: number,
    call?: CallOf,
  ): Reply<readonly Outcome[]>;
  /** It only reads, so it also runs while Redis refuses writes. */
  standing(room: Room): Reply<LogPosition | undefined>;
  top(room: Room, tag: number): Reply<LogPosition>;
  page(room: Room, from: number, most: number, tag: number, known?: number): Reply<Page>;
  peek(room: Room, from: number, most: number): Reply<Page>;
  renew(room: Room, old: number, tag: number): Reply<LogPosition>;
  members(room: Room, serverId: string, own: number | undefined): Reply<number>;
  lease(serverId: string): Reply<readonly string[]>;
  /** A pod gives its lease back. */
  resign(serverId: string): void;
  send(channel: string, payload: Buffer): Reply<void>;
  /** Keeps a command that was sent to all pods. */
  keep(text: string, as: Pick<Kept, 'name' | 'isOver'>): void;
  recall(ms: number): Reply<readonly Recalled[]>;
  // faults
  /**
   * Connections break, and the writes of the last `lostMs` are gone: `appendfsync everysec` loses up to 1,000
   * ms.
   */
  crash(lostMs?: number): void;
  start(): void;
  freeze(): void;
  thaw(): void;
  isFrozen(): boolean;
  /** All data is gone. */
  wipe(): void;
  /** The position and the log of a room are gone, as after their time. */
  expire(room: Room): void;
  /** Another Redis, empty, takes its place, or the first one again; connections break. */
  swap(to: 'other' | 'first'): void;
  /** A replica that lacks a log's last messages became the master; connections break when `cut`. */
  failover(count: number, cut: boolean): void;
  /** A replica that was this many ms behind became the master; connections break when `cut`. */
  promote(behindMs: number, cut: boolean): void;
  /** Every command that writes is refused with this error; undefined: none is. */
  refuse(tag: RedisError['_tag'] | undefined): void;
  refuses(): boolean;
  /** This room's key is of the wrong type. */
  spoil(room: Room): void;
  jump(ms: number): void;
  // for checkers
  /** Every message that ever had an offset, also in lost logs. */
  readonly placed: Map<string, { readonly room: Room; readonly rest: string }>;
  /** Ids of messages that Redis has lost. */
  readonly lost: Set<string>;
  /** The tags of a room's epochs, in order. */
  epochs(room: Room): readonly number[];
  entries(room: Room): readonly Entry[];
  /** The messages of the log, as they were published. */
  texts(room: Room): readonly string[];
  rooms(): readonly Room[];
  /** The position of a log; undefined: there is none. */
  position(room: Room): LogPosition | undefined;
  subscribers(channel: string): number;
}

/** Called when something happens to a log. */
export interface Witnessed {
  readonly epoch?: (room: Room, tag: number) => void;
  readonly trimmed?: (room: Room, tag: number, first: number) => void;
}

/** How much of a room's log it keeps: `LOG_MESSAGES`, `LOG_TTL_MS`. */
export interface ModelOptions extends Witnessed {
  readonly logMessages?: number;
  readonly logTtlMs?: number;
}
