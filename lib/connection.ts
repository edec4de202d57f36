/**
 * One socket as a stream of commands, and the only place that speaks to it.
 *
 *   frame → rate → decode → rooms, hook → command$        outbox → socket
 *
 * `command$` is one hand-written source: a chain of operators a connection would double its memory. It is a class for
 * the same reason: as closures, 10,000 idle connections took 4 kB more each. Frames are taken in order; while 64
 * publishes are under way, or a hook is thinking, the rest waits and the socket is not read, so a slow broker or hook
 * cannot grow the heap.
 */
import { type Either, isLeft, isRight } from 'fp-ts/lib/Either.js';
import type { Socket } from 'node:net';
import { Observable, ReplaySubject, Subject, type Subscriber } from 'rxjs';
import type { WebSocket } from 'ws';
import type { Expiries } from './access/expiries.js';
import {
  type Access,
  type Denial,
  type Identity,
  mayJoin,
  mayPublish,
  refusalOf,
  renewed,
} from './access/index.js';
import { REVOKED, type Standing, Tenure } from './access/tenure.js';
import type { PublishError, Receipt } from './broker/index.js';
import type { CatchUps, Running } from './catch-ups.js';
import type { Clock } from './clock.js';
import { CLOSE, type Close, ownClose, protocolClose } from './close.js';
import {
  changedDraftOf,
  type ClientMessage,
  controlFrame,
  decodeMessage,
  type Draft,
  type DraftFields,
  draftOf,
  errorFrame,
  type Json,
  keyOf,
  placedFrame,
  pongFrame,
  programDraftOf,
  SERVER,
} from './codec.js';
import type { Command, Connection, Membership, Vital } from './command.js';
import type { Config } from './config.js';
import type { Control, LeaveReason, Refusal } from './control.js';
import type { HubEvent, Peer } from './events.js';
import {
  answerOf,
  type ConnectionInfo,
  type Failed,
  type Handshake,
  hasHooks,
  HOOK_FAILED,
  type Hooks,
  type MaybeAsync,
  type Outgoing,
  unusable,
  type Verdict,
  verdictOf,
} from './hooks.js';
import { Outbox, type OutboxDeps } from './outbox.js';
import {
  BEHIND,
  drawNonce,
  formatId,
  GLOBAL,
  type Id,
  interned,
  isBehind,
  nextNonce,
  NO_EPOCH,
  NOWHERE,
  type Position,
  type Room,
} from './position.js';
import { cameWith, type Resume, type Resumes, resumeAfter, untoldOf } from './resume.js';
import { replayRates, TokenBucket } from './token-bucket.js';

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly config: Config;
  readonly hooks: Hooks;
  /** Judges the tokens that clients bring in the course of a connection. */
  readonly access: Access;
  readonly expiries: Expiries;
  readonly outboxes: OutboxDeps;
  readonly tell: (event: HubEvent) => void;
  /** Where the global log stands for this pod, for a connection that has not been sent anything yet. */
  readonly globalPosition: () => Position;
  readonly catchUps: CatchUps;
  readonly newId: () => string;
  /** All that are open now: a connection is in from its making until its socket is closed. */
  readonly connections: Set<Connection>;
}

/** What the handshake has settled. */
export interface Admission {
  readonly identity: Identity;
  /** The URL's room. */
  readonly room: Room | undefined;
  readonly resumes: Resumes;
  /** Kept for hooks alone: 1 kB and more. */
  readonly handshake?: Handshake | undefined;
  /** The client's, where proxies are trusted; else the socket has it. */
  readonly address?: string | undefined;
}

const MAX_UNDERWAY = 64;
/** Joins of one room that are not answered: a reader that takes nothing of a replay could ask for ever. */
const MAX_ASKED = 64;
const ASKED_RETRY_MS = 1_000;
/** Refused messages within the window that close a connection with 1008. */
const MAX_REFUSED = 20;
const REFUSED_WINDOW_MS = 10_000;
/** Refusals that are no fault of the peer's. */
const BLAMELESS: ReadonlySet<string> = new Set(['rejected', 'unavailable']);

type Speech = Extract<ClientMessage, { readonly type: 'chat' | 'presence' }>;
type Refresh = Extract<ClientMessage, { readonly type: 'refresh' }>;

export const connection =
  (deps: ConnectionDeps) =>
  (webSocket: WebSocket, socket: Socket, admission: Admission): Connection =>
    new SocketConnection(deps, webSocket, socket, {
      ...admission,
      resumes: deps.catchUps.resumesOf(admission.room, admission.resumes),
    });

class SocketConnection implements Connection {
  readonly id: string;
  readonly userId: string | null;
  readonly outbox: Outbox;
  readonly vital: Vital = { bytesRead: -1, messages: 0, heardAt: 0, pingAt: -1, halfSince: -1 };
  messagesRead = 0;
  private readonly memberships = new Map<Room, Membership>();
  private readonly bucket: TokenBucket;
  /** Of those who go on from an id in a `join`. */
  private replays: TokenBucket | undefined = undefined;
  private refusedAt: number[] | undefined = undefined;
  private held: Buffer[] | undefined = undefined;
  private underway = 0;
  private nonce: number;
  private thinking = false;
  private draining = false;
  private closing: Close | undefined = undefined;
  private closedByUs = false;
  private hub: Subscriber<Command> | undefined = undefined;
  private infoOnce: ConnectionInfo | undefined = undefined;
  /** Those that it was in when it ended, for `onDisconnect`. */
  private lastRooms: readonly Room[] | undefined = undefined;
  private identity: Identity;
  /** Of those whose rights end. */
  private tenure: Tenure | undefined = undefined;
  /** The global log waits for it, while the URL's room catches up. */
  private firstRoom$: Subject<void> | undefined = undefined;
  private catchingUp: Running | undefined = undefined;

  constructor(
    private readonly deps: ConnectionDeps,
    private readonly webSocket: WebSocket,
    private readonly socket: Socket,
    private readonly admission: Admission,
  ) {
    this.id = deps.newId();
    this.identity = admission.identity;
    this.userId = admission.identity.userId;
    this.bucket = new TokenBucket(deps.config.limits, deps.clock.scheduler.now());
    this.nonce = drawNonce(deps.clock.random);
    this.outbox = new Outbox(deps.outboxes, socket, () => this.close(CLOSE.slow));
    deps.connections.add(this);
    webSocket.on('message', (data: Buffer, isBinary: boolean) =>
      isBinary ? this.close(CLOSE.binary) : this.arrived(data),
    );
    webSocket.on('error', (error: Error & { readonly code?: string }) => this.broken(error.code));
    webSocket.on('close', (code: number) => this.ended(code));
  }

  get command$(): Observable<Command> {
    return new Observable<Command>((subscriber) => {
      const { config, hooks, tell } = this.deps;
      const { room, resumes } = this.admission;
      this.hub = subscriber;
      tell({ _tag: 'Connected', peer: () => this.peer() });
      const everybody = this.enrol(GLOBAL, resumes.global);
      const home = room === undefined ? undefined : this.enrol(room, resumes.room);
      this.tell({
        event: 'welcome',
        connection_id: this.id,
        user_id: this.userId,
        server_id: config.server.serverId,
        protocol: 1,
        limits: {
          message_bytes: config.limits.maxMessageBytes,
          buffer_messages: config.limits.sendBufferMessages,
          rate: config.limits.rateLimitPerSecond,
        },
      });
      const { onConnect } = hooks;
      if (onConnect !== undefined) this.notice('onConnect', () => onConnect(this.info()));
      if (home !== undefined && isResumed(resumes)) {
        this.firstRoom$ = new Subject();
      }
      if (home !== undefined && this.deps.catchUps.isLong(resumes)) this.lookFirst(everybody, home);
      else {
        this.askIn(everybody, resumes.global, this.firstRoom$);
        if (home !== undefined) this.askIn(home, resumes.room);
      }
      if (this.identity.expiresAt !== undefined) {
        this.tenure = new Tenure(this.identity, this.deps.expiries);
        subscriber.add(this.tenure.standing$.subscribe((now) => this.stand(now)));
      }
      // the hub has ended: the deadline of a shutdown
      return () => this.close(CLOSE.goingAway);
    });
  }

  // what it is told

  tell(control: Control, membership?: Membership): void {
    this.send(controlFrame(this.idFor(membership), this.deps.clock.wall(), control));
    if (control.event !== 'joined' && control.event !== 'left') return;
    if (membership?.room === GLOBAL) this.catchingUp?.sent();
    const { firstRoom$ } = this;
    if (firstRoom$ === undefined || membership?.room !== this.admission.room) return;
    this.firstRoom$ = undefined;
    firstRoom$.next();
  }

  /**
   * An id outside the log, for what is sent to this connection alone: the offset that was queued last in the log of `about`,
   * by default of the URL's room, else of the global log. The client may keep this id alone, so its time must do for both
   * logs (docs/protocol.md, section 3.3).
   */
  private idFor(about?: Membership): Id {
    const { memberships, admission } = this;
    const everybody = memberships.get(GLOBAL);
    const home = admission.room === undefined ? undefined : memberships.get(admission.room);
    const log = about ?? home ?? everybody;
    // counted, not drawn: of a thousand drawn at one place two would be the same
    this.nonce = nextNonce(this.nonce);
    const global = log === undefined || log.room === GLOBAL;
    if (log === undefined || !isPlaced(log)) {
      const brought = about === undefined ? broughtIn(admission.resumes) : undefined;
      if (brought !== undefined)
        return { ...brought, outside: true, nonce: this.nonce | (brought.nonce & BEHIND) };
      const [one, other] = [home ?? everybody, everybody ?? home];
      const ms = one === undefined || other === undefined ? 0 : this.timeOf(one, other);
      return { ...NO_PLACE, ms, global, nonce: this.nonce };
    }
    const { tag, offset, ms } = log.position;
    const isOfTwo = global || log.room === admission.room;
    const time = isOfTwo ? this.timeOf(home ?? log, everybody ?? log) : ms;
    const nonce = time < ms || isBehind(log.position) ? this.nonce | BEHIND : this.nonce;
    return { tag, offset, ms: time, global, outside: true, nonce };
  }

  /**
   * The time up to which the client has both of its logs: while they catch up that of the earlier one, and not before the
   * time that the client came with; then of the later one, as nothing is missing before that either.
   */
  private timeOf(
    { position: one, nth }: Membership,
    { position: other, nth: nthOther }: Membership,
  ): number {
    const { resumes } = this.admission;
    const isCatchingUp = (nth === 0 || nthOther === 0) && isResumed(resumes);
    if (!isCatchingUp) return Math.max(one.ms, other.ms);
    return Math.max(cameWith(resumes), Math.min(one.ms, other.ms));
  }

  private send(frame: Buffer): void {
    this.outbox.send({ count: 1, bytes: frame });
  }

  private refuse(refusal: Refusal): void {
    const { clock, tell } = this.deps;
    tell({ _tag: 'Rejected', code: refusal.code });
    this.send(errorFrame(this.idFor(), clock.wall(), refusal));
    if (BLAMELESS.has(refusal.code)) return;
    const now = clock.scheduler.now();
    this.refusedAt ??= [];
    this.refusedAt.push(now);
    if (this.refusedAt.length < MAX_REFUSED) return;
    if (now - (this.refusedAt.shift() ?? now) <= REFUSED_WINDOW_MS) this.close(CLOSE.brokeRules);
  }

  // what it says

  private take(frame: Buffer): void {
    if (this.closing !== undefined) return;
    const { clock, config } = this.deps;
    const retryInMs = this.bucket.take(frame.length, clock.scheduler.now());
    const message = decodeMessage(frame);
    if (retryInMs > 0) {
      const { ref } = isRight(message) ? message.right : message.left;
      const { rateLimitPerSecond, rateLimitBytes } = config.limits;
      this.refuse({
        code: 'rate_limited',
        text: `expected at most ${rateLimitPerSecond} messages and ${rateLimitBytes} bytes a second, got more`,
        ref,
        retryInMs,
      });
    } else if (isLeft(message)) this.refuse(message.left);
    else this.obey(message.right);
  }

  private obey(message: ClientMessage): void {
    switch (message.type) {
      case 'chat':
      case 'presence':
        return this.speak(message);
      case 'ping':
        return this.pong(message);
      case 'join':
        return this.joinInTurn(message.room ?? this.home, message.ref, resumeAfter(message.lastId));
      case 'leave':
        return this.leave(message.room ?? this.home, message.ref);
      case 'refresh':
        return this.refresh(message);
    }
  }

  private pong({ data, ref }: Extract<ClientMessage, { readonly type: 'ping' }>): void {
    const frame = pongFrame(this.idFor(), this.deps.clock.wall(), data);
    if (isLeft(frame)) this.refuse({ ...frame.left, ref });
    else this.send(frame.right);
  }

  /** Where it speaks when it names no room. */
  private get home(): Room {
    return this.admission.room ?? GLOBAL;
  }

  /**
   * A replay makes the pod read the log and send up to all of it, for one small message: replays have a rate of their
   * own. A join of a new room waits for its turn, and what is said next behind it. A member is told when to ask again.
   */
  private joinInTurn(room: Room, ref: string | undefined, resume: Resume | undefined): void {
    const { clock, config } = this.deps;
    const known = this.memberships.get(room);
    if (known !== undefined && known.asked >= MAX_ASKED) return this.refuse(joinsUnanswered(ref));
    if (resume === undefined) return this.join(room, ref, resume);
    const now = clock.scheduler.now();
    this.replays ??= new TokenBucket(replayRates(config.limits.maxRoomsPerConnection), now);
    const waitMs = this.replays.take(0, now);
    if (waitMs === 0) return this.join(room, ref, resume);
    if (known !== undefined) return this.refuse(joinsTooOften(ref, waitMs));
    this.thinking = true;
    this.hub?.add(
      clock.scheduler.schedule(() => {
        this.thinking = false;
        this.joinInTurn(room, ref, resume);
        this.drain();
      }, waitMs),
    );
  }

  private join(room: Room, ref: string | undefined, resume: Resume | undefined): void {
    const { maxRoomsPerConnection } = this.deps.config.limits;
    const known = this.memberships.get(room);
    if (!mayJoin(this.identity.rights, room)) return this.refuse(forbidden('be in', ref));
    // the global log is one of them, and no room
    if (known === undefined && this.memberships.size > maxRoomsPerConnection) {
      return this.refuse({
        code: 'too_many_rooms',
        text: `room: a connection may be in at most ${maxRoomsPerConnection} rooms; leave one first`,
        ref,
      });
    }
    const membership = known ?? this.enrol(interned(room), resume);
    membership.asked++;
    this.hub?.next({
      _tag: 'Join',
      room: membership.room,
      membership,
      again: known !== undefined,
      resume,
      ref,
    });
  }

  private enrol(room: Room, resume: Resume | undefined): Membership {
    const membership = this.stranger(room, resume);
    this.memberships.set(room, membership);
    return membership;
  }

  /**
   * What is lost of the global log is told before the room sends anything: so whoever holds an id of the room's replay has
   * been told, and nobody else who comes with that id need be (`catch-ups.ts`).
   */
  private lookFirst(everybody: Membership, home: Membership): void {
    const { resumes } = this.admission;
    const looked$ = new ReplaySubject<void>(1);
    this.askIn(everybody, resumes.global, this.firstRoom$, (isTold) => {
      if (this.hub === undefined) return;
      this.catchingUp = this.deps.catchUps.begin(home.room, resumes, isTold);
      looked$.next();
    });
    this.askIn(home, resumes.room, looked$);
  }

  /** The joins that the handshake asked for. */
  private askIn(
    membership: Membership,
    resume: Resume | undefined,
    behind$?: Observable<unknown>,
    looked?: (isTold: boolean) => void,
  ): void {
    const { room } = membership;
    membership.asked++;
    this.hub?.next({
      _tag: 'Join',
      room,
      membership,
      again: false,
      resume,
      behind$,
      looked,
      ref: undefined,
    });
  }

  private leave(room: Room, ref: string | undefined): void {
    if (room === GLOBAL)
      return this.refuse({
        code: 'invalid_room',
        text: 'room: expected a room, got the global one, which nobody leaves',
        ref,
      });
    const membership = this.memberships.get(room);
    // no mistake worth an error: the client wanted to be out, and is
    if (membership === undefined)
      return this.tell({ event: 'left', room, reason: 'asked', ref }, this.stranger(room));
    this.memberships.delete(room);
    this.hub?.next({ _tag: 'Leave', room, membership, reason: 'asked', ref });
  }

  private stranger(room: Room, resume?: Resume): Membership {
    const position = placeOf(resume);
    return {
      connection: this,
      room,
      position,
      nth: 0,
      mayPublish: this.mayPublish(room),
      asked: 0,
    };
  }

  private speak(message: Speech): void {
    const { onMessage } = this.deps.hooks;
    const room = message.room ?? this.home;
    const { ref, data } = message;
    const membership = this.memberships.get(room);
    if (membership === undefined) return this.refuse(notAMember(ref));
    if (!membership.mayPublish)
      return this.refuse(room === GLOBAL ? globalForbidden(ref) : forbidden('publish in', ref));
    if (onMessage !== undefined) return this.consult(onMessage, message, room);
    const draft = draftOf(this.fieldsOf(membership.room, message, data));
    if (isLeft(draft)) this.refuse({ ...draft.left, ref });
    else this.publish(draft.right, ref, membership);
  }

  private consult(hook: NonNullable<Hooks['onMessage']>, message: Speech, room: Room): void {
    const { type, data } = message;
    this.thinking = true;
    this.hub?.add(
      verdictOf(hook, { type, room, data }, this.info(), this.deps.clock).subscribe((verdict) => {
        this.settleHook(message, verdict);
        this.thought();
      }),
    );
  }

  private settleHook(message: Speech, verdict: Verdict): void {
    const { ref } = message;
    switch (verdict._tag) {
      case 'Dropped':
        // accepted, so that nobody sends it again for ever; without an id, as it stands nowhere
        if (ref !== undefined) this.tell({ event: 'ack', ref, duplicate: false });
        return;
      case 'Rejected':
        return this.refuse({ code: 'rejected', text: verdict.text, ref });
      case 'Failed':
        return this.hookFailed(verdict, ref);
      case 'Passed':
        return this.speakChanged(message, verdict.message);
    }
  }

  private speakChanged(message: Speech, { room, data }: Outgoing): void {
    const { ref } = message;
    const membership = this.memberships.get(room);
    if (membership === undefined) {
      // the room that the client named may have ended while the hook thought; another one is the hook's word
      if (room === (message.room ?? this.home)) return this.refuse(notAMember(ref));
      return this.hookFailed(unusable(new TypeError(STRANGE_ROOM)), ref);
    }
    const draft = changedDraftOf(this.fieldsOf(room, message, data));
    if (isLeft(draft)) this.hookFailed(unusable(new TypeError(draft.left.text)), ref);
    else this.publish(draft.right, ref, membership);
  }

  private hookFailed({ how, error }: Failed, ref: string | undefined): void {
    this.deps.tell({ _tag: 'HookFailed', hook: 'onMessage', error });
    this.refuse({ code: 'unavailable', text: HOOK_FAILED[how], ref });
  }

  private thought(): void {
    this.thinking = false;
    this.drain();
  }

  private fieldsOf(room: Room, { type, ref }: Speech, data: Json): DraftFields {
    const key = keyOf(this.userId, ref);
    return { room, type, from: this.userId ?? this.id, data, at: this.deps.clock.wall(), key };
  }

  private publish(draft: Draft, ref: string | undefined, membership: Membership): void {
    const { room } = draft;
    this.underway++;
    this.deps.tell(RECEIVED);
    this.hub?.next({
      _tag: 'Publish',
      room,
      draft,
      membership,
      settled: (result) => this.settle(ref, result),
    });
  }

  private settle(ref: string | undefined, result: Either<PublishError, Receipt>): void {
    this.underway--;
    if (isLeft(result)) this.refuse(unplaced(result.left, ref));
    else if (ref !== undefined) {
      const { id, duplicate, scope } = result.right;
      this.tell({ event: 'ack', ref, id, duplicate, scope: scope === 'pod' ? scope : undefined });
    }
    this.drain();
  }

  // rights

  private stand(now: Standing): void {
    switch (now._tag) {
      case 'Holds':
        return this.hold(now.identity);
      case 'Expiring':
        return this.tell({
          event: 'token_expiring',
          expires_at: new Date(now.expiresAt).toISOString(),
        });
      case 'Ended':
        return this.close(CLOSE.tokenExpired);
      case 'Revoked':
        return this.close(CLOSE.operator);
    }
  }

  revoke(): void {
    // without a token that ends there is no clock to ask, and nothing to combine
    if (this.tenure === undefined) this.stand(REVOKED);
    else this.tenure.revoke();
  }

  /** Rooms that it may not be in any more end for it, and no others. */
  private hold(identity: Identity): void {
    this.identity = identity;
    for (const membership of this.memberships.values()) {
      const { room } = membership;
      membership.mayPublish = this.mayPublish(room);
      if (!mayJoin(identity.rights, room)) this.dismiss(room, 'forbidden');
    }
  }

  private mayPublish(room: Room): boolean {
    const { globalPublish } = this.deps.config.access;
    if (room === GLOBAL && globalPublish === 'server') return false;
    if (room === GLOBAL && globalPublish === 'users' && this.userId === null) return false;
    return mayPublish(this.identity.rights, room);
  }

  /** What it says next waits for the answer, and is judged by it. */
  private refresh({ token, ref }: Refresh): void {
    const { tenure } = this;
    if (tenure === undefined) return this.refuse(tokenless(ref));
    this.thinking = true;
    this.hub?.add(
      this.deps.access.identify({ token }).subscribe((found) => {
        this.settleRefresh(found, tenure, ref);
        this.thought();
      }),
    );
  }

  private settleRefresh(
    found: Either<Denial, Identity>,
    tenure: Tenure,
    ref: string | undefined,
  ): void {
    if (isLeft(found)) return this.refuse(refusalOf(found.left, ref));
    if (found.right.userId !== this.userId) {
      this.deps.tell({ _tag: 'Denied', denial: ANOTHERS });
      return this.refuse(refusalOf(ANOTHERS, ref));
    }
    if (ref !== undefined) {
      const id = formatId(this.idFor());
      this.tell({ event: 'ack', ref, id, duplicate: false });
    }
    tenure.renew(renewed(this.identity, found.right));
  }

  // pace

  private get mustWait(): boolean {
    return this.thinking || this.underway >= MAX_UNDERWAY;
  }

  private arrived(frame: Buffer): void {
    this.messagesRead++;
    if (this.held === undefined && !this.mustWait) return this.take(frame);
    // at most what one read of the socket brought: it is paused from here
    this.held ??= [];
    this.held.push(frame);
    if (!this.webSocket.isPaused) this.webSocket.pause();
  }

  /** Not by recursion: what a message of those that wait causes may end here again. */
  private drain(): void {
    if (this.draining) return;
    this.draining = true;
    while (this.held !== undefined && !this.mustWait && this.closing === undefined) {
      const next = this.held.shift();
      if (next === undefined) this.held = undefined;
      else this.take(next);
    }
    this.draining = false;
    if (this.held === undefined && !this.mustWait && this.webSocket.isPaused)
      this.webSocket.resume();
  }

  // the end

  close(why: Close): void {
    if (this.closing !== undefined) return;
    this.closing = why;
    this.closedByUs = true;
    this.outbox.end();
    this.held = undefined;
    // a paused socket would never read the peer's answer
    if (this.webSocket.isPaused) this.webSocket.resume();
    this.webSocket.close(why.code, why.reason);
    this.forsake();
  }

  dismiss(room: Room, reason: LeaveReason): void {
    // nobody leaves the global log: without it a connection is of no use
    if (room === GLOBAL) return this.close(CLOSE.failed);
    const membership = this.memberships.get(room);
    if (membership === undefined) return;
    this.memberships.delete(room);
    this.hub?.next({ _tag: 'Leave', room, membership, reason, ref: undefined });
  }

  cut(): void {
    this.webSocket.terminate();
  }

  ping(): void {
    this.webSocket.ping();
  }

  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  get midMessage(): boolean {
    return isMidMessage(this.webSocket);
  }

  get isPaused(): boolean {
    return this.webSocket.isPaused;
  }

  /** A frame that breaks RFC 6455: ws has sent the close by itself, and nothing may follow it. */
  private broken(code: string | undefined): void {
    this.closing ??= protocolClose(code);
    this.closedByUs ||= code?.startsWith('WS_ERR_') === true;
    this.outbox.end();
    this.held = undefined;
    this.forsake();
  }

  private ended(peerCode: number): void {
    const { connections, hooks, tell } = this.deps;
    this.closing ??= CLOSE.normal;
    this.outbox.end();
    this.held = undefined;
    this.forsake();
    connections.delete(this);
    const code = this.closedByUs ? this.closing.code : null;
    tell({ _tag: 'Disconnected', code, peerCode, peer: () => this.peer() });
    const { onDisconnect } = hooks;
    if (onDisconnect !== undefined)
      this.notice('onDisconnect', () => onDisconnect(this.info(), code));
  }

  private peer(): Peer {
    const { id, userId, admission, socket } = this;
    // asked only where a line is written: node keeps the answer, 0.3 kB a socket
    const address = admission.address ?? socket.remoteAddress ?? '';
    return { id, userId, address, room: admission.room };
  }

  private forsake(): void {
    const { hub, admission } = this;
    if (hub !== undefined && hasHooks(this.deps.hooks)) this.lastRooms = this.rooms();
    this.hub = undefined;
    this.catchingUp?.cut(this.memberships.get(admission.room ?? GLOBAL)?.position.offset ?? 0);
    this.catchingUp = undefined;
    for (const membership of this.memberships.values()) {
      hub?.next({
        _tag: 'Leave',
        room: membership.room,
        membership,
        reason: 'closed',
        ref: undefined,
      });
    }
    this.memberships.clear();
    hub?.complete();
  }

  // for applications

  private notice(hook: string, call: () => MaybeAsync<void>): void {
    // nobody waits for it, and it ends within a second
    // eslint-disable-next-line rxjs-x/no-ignored-subscription
    answerOf(call, this.deps.clock).subscribe({
      error: (error: unknown) => this.deps.tell({ _tag: 'HookFailed', hook, error }),
    });
  }

  private info(): ConnectionInfo {
    this.infoOnce ??= this.newInfo();
    return this.infoOnce;
  }

  private newInfo(): ConnectionInfo {
    const { id, userId } = this;
    const { url, headers, address } = this.admission.handshake ?? {
      url: '',
      headers: {},
      address: this.socket.remoteAddress ?? '',
    };
    const claimsOf = (): ConnectionInfo['claims'] => this.identity.claims ?? null;
    return {
      via: 'socket',
      id,
      userId,
      url,
      headers,
      address,
      get claims() {
        return claimsOf();
      },
      rooms: () => this.lastRooms ?? this.rooms(),
      notify: (data) => this.notify(data),
      close: (code, reason) => this.close(ownClose(code, reason)),
    };
  }

  private rooms(): readonly Room[] {
    return [...this.memberships.keys()].filter((room) => room !== GLOBAL);
  }

  private notify(data: Json): void {
    const draft = programDraftOf({
      room: GLOBAL,
      type: 'notification',
      from: SERVER,
      data,
      at: this.deps.clock.wall(),
    });
    if (isLeft(draft)) throw new TypeError(draft.left.text);
    this.send(placedFrame(this.idFor(), draft.right.rest));
  }
}

const RECEIVED: HubEvent = { _tag: 'Received', messages: 1 };

const NO_PLACE = { tag: NO_EPOCH, offset: 0, outside: true } as const;

/** Whether the connection has a place in the membership's log. */
const isPlaced = (membership: Membership | undefined): membership is Membership =>
  membership !== undefined && membership.position.tag !== NOWHERE.tag;

/**
 * Where a connection is that has not come in yet: no further than it says, or it would resume from there the next time.
 * Of a log that resumes by time only the time is known.
 */
const placeOf = (resume: Resume | undefined): Position => {
  if (resume === undefined) return NOWHERE;
  return resume._tag === 'After' ? resume.id : { ...NOWHERE, ms: untoldOf(resume) };
};

/** The id that the client brought, the room's where it brought two: until a log has told a place, it does what it did. */
const broughtIn = ({ room, global }: Resumes): Id | undefined =>
  room?._tag === 'After' ? room.id : global?._tag === 'After' ? global.id : undefined;

const isResumed = ({ room, global }: Resumes): boolean =>
  room !== undefined || global !== undefined;

const notAMember = (ref: string | undefined): Refusal => ({
  code: 'not_a_member',
  text: 'room: join the room before publishing to it',
  ref,
});

const STRANGE_ROOM =
  'room: the hook may choose only a room that the connection has joined (`from.rooms()`)';

const joinsTooOften = (ref: string | undefined, retryInMs: number): Refusal => ({
  code: 'rate_limited',
  text: 'last_id: this connection is in the room; a replay may be asked for once a second',
  ref,
  retryInMs,
});

const joinsUnanswered = (ref: string | undefined): Refusal => ({
  code: 'rate_limited',
  text: `room: ${MAX_ASKED} joins of it are not answered; take what was sent before asking again`,
  ref,
  retryInMs: ASKED_RETRY_MS,
});

const forbidden = (what: 'be in' | 'publish in', ref: string | undefined): Refusal => ({
  code: 'forbidden',
  text: `room: the token does not allow to ${what} this room`,
  ref,
});

const globalForbidden = (ref: string | undefined): Refusal => ({
  code: 'forbidden',
  text: 'room: name a room; clients may not publish to everyone here',
  ref,
});

const tokenless = (ref: string | undefined): Refusal => ({
  code: 'forbidden',
  text: 'data.token: a connection without a token cannot refresh; connect with a token',
  ref,
});

const ANOTHERS: Denial = { _tag: 'Anothers' };

const unplaced = (error: PublishError, ref: string | undefined): Refusal =>
  error._tag === 'KeyReused'
    ? {
        code: 'invalid_message',
        text: 'id: already used for a different message; use a new id',
        ref,
      }
    : { code: 'unavailable', text: error.detail, ref };

/**
 * ws does not say whether a message has begun: its receiver knows. Private fields, so the version is pinned and
 * `spec/limits.spec.ts` ("half a message") goes red when they change.
 */
const isMidMessage = (webSocket: WebSocket): boolean => {
  const receiver: unknown = Reflect.get(webSocket, '_receiver');
  if (typeof receiver !== 'object' || receiver === null) return false;
  return ['_state', '_bufferedBytes', '_fragmented'].some(
    (field) => Reflect.get(receiver, field) !== 0,
  );
};
