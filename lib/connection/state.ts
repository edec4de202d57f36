/**
 * The state of one connection: one plain object, and no behaviour. A pod holds 10,000 of them, so every
 * object and closure counts: with closures, an idle connection took 5 kB more. Modules of functions work on
 * the state:
 *
 *   WebSocket ─► pace ─► inbound ─► dispatch ─► memberships, publishing, session ─► command$ (connect)
 *   socket ◄─── outbox ◄─────────── sender ◄─── control-id, refusals                 lifecycle: the end
 *
 * `socket-connection.ts` adds the methods. A module that needs a module by which it is imported calls a
 * method of the state instead: so no import is circular.
 */
import type { Socket } from 'node:net';
import type { Observable, Subject, Subscriber } from 'rxjs';
import type { WebSocket } from 'ws';
import type { ExpiryTimer } from '../auth/expiry-timer.js';
import type { Auth, Identity } from '../auth/index.js';
import type { TokenSession } from '../auth/token-session.js';
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import type { ConnectionInfo, Handshake, Hooks } from '../hooks.js';
import type { HubEvent } from '../hub-event.js';
import { CLOSE, type Close } from '../protocol/close-codes.js';
import { drawNonce, type Room } from '../protocol/position.js';
import type { Resumes } from '../protocol/resume.js';
import type { LeaveReason, SystemEvent } from '../protocol/system-event.js';
import type { CatchUps, Running } from './catch-ups.js';
import type { Command, Connection, Liveness, Membership } from './connection.js';
import { Outbox, type OutboxDeps } from './outbox.js';
import { TokenBucket } from './token-bucket.js';

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly config: Config;
  readonly hooks: Hooks;
  /** Verifies the tokens of `refresh`. */
  readonly access: Auth;
  readonly expiries: ExpiryTimer;
  readonly outboxes: OutboxDeps;
  readonly emit: (event: HubEvent) => void;
  readonly catchUps: CatchUps;
  readonly newId: () => string;
  /** All open connections. A connection is in the set from its construction until its socket is closed. */
  readonly connections: Set<Connection>;
}

/** The result of the handshake. */
export interface Admission {
  readonly identity: Identity;
  /** The URL's room. */
  readonly room: Room | undefined;
  readonly resumes: Resumes;
  /** Kept only for hooks, as it takes 1 kB or more. */
  readonly handshake?: Handshake | undefined;
  /** The client's address behind trusted proxies. Undefined without them: then it is that of the socket. */
  readonly address?: string | undefined;
}

/** Whether the socket is read: see `pace.ts`. `frames`: those that were read before the socket was paused. */
export type Pace =
  | { readonly _tag: 'Reading' }
  | { readonly _tag: 'Paused'; readonly frames: Buffer[] }
  | { readonly _tag: 'Resuming'; readonly frames: Buffer[] };

/**
 * How far the end has come: see `lifecycle.ts`. `code`: the code that the server sent, null where it sent
 * none.
 */
export type Phase =
  | { readonly _tag: 'Open' }
  | {
      readonly _tag: 'Closing' | 'Closed';
      readonly by: 'server' | 'peer';
      readonly code: number | null;
    };

export const READING: Pace = { _tag: 'Reading' };
export const OPEN: Phase = { _tag: 'Open' };

export abstract class ConnectionState implements Connection {
  readonly id: string;
  readonly userId: string | null;
  readonly outbox: Outbox;
  readonly vital: Liveness = {
    bytesRead: -1,
    messages: 0,
    lastReadAt: 0,
    pingAt: -1,
    incompleteSince: -1,
  };
  messagesRead = 0;
  /** Monotonic ms. Whole: a fraction would be an object of its own. */
  readonly openedAt: number;
  readonly memberships = new Map<Room, Membership>();
  readonly bucket: TokenBucket;
  /** The rate of joins that ask for a replay; undefined before the first one. */
  replayBucket: TokenBucket | undefined = undefined;
  /** The times of the last refusals, for close code 1008. */
  refusedAt: number[] | undefined = undefined;
  pace: Pace = READING;
  /** Publishes without a reply. */
  inFlight = 0;
  /** Whether a hook, a token's verification, or the time at which the rate allows a replay is awaited. */
  awaiting = false;
  /** Counter in the ids of control messages. */
  nonce: number;
  phase: Phase = OPEN;
  /** Takes the commands; undefined before `command$` is subscribed, and after the end. */
  hub: Subscriber<Command> | undefined = undefined;
  info: ConnectionInfo | undefined = undefined;
  /** The rooms at the end, for `onDisconnect`. */
  lastRooms: readonly Room[] | undefined = undefined;
  identity: Identity;
  /** Only of an identity that expires. */
  tokenSession: TokenSession | undefined = undefined;
  /** Emits when the URL's room has `joined` or `left`. The join of the global log waits for it. */
  firstRoom$: Subject<void> | undefined = undefined;
  catchingUp: Running | undefined = undefined;

  constructor(
    readonly deps: ConnectionDeps,
    readonly webSocket: WebSocket,
    readonly socket: Socket,
    readonly admission: Admission,
  ) {
    this.id = deps.newId();
    this.openedAt = Math.trunc(deps.clock.scheduler.now());
    this.identity = admission.identity;
    this.userId = admission.identity.userId;
    this.bucket = new TokenBucket(deps.config.limits, deps.clock.scheduler.now());
    this.nonce = drawNonce(deps.clock.random);
    this.outbox = new Outbox(deps.outboxes, socket, () => this.close(CLOSE.slow));
  }

  abstract readonly command$: Observable<Command>;
  abstract readonly bytesRead: number;
  abstract readonly isMidMessage: boolean;
  abstract readonly isPaused: boolean;
  abstract send(control: SystemEvent, membership?: Membership): void;
  abstract kick(room: Room, reason: LeaveReason): void;
  abstract revoke(): void;
  abstract close(why: Close): void;
  abstract terminate(): void;
  abstract ping(): void;
  /** Handles the next frame, in order. */
  abstract handleFrame(frame: Buffer): void;
}
