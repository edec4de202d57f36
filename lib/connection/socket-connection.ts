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
import { Observable, Subject, type Subscriber } from 'rxjs';
import type { WebSocket } from 'ws';
import type { ExpiryTimer } from '../auth/expiry-timer.js';
import {
  type Auth,
  type Denial,
  type Identity,
  mayJoin,
  mayPublish,
  refusalOf,
  renewed,
} from '../auth/index.js';
import { REVOKED, type AuthState, TokenSession } from '../auth/token-session.js';
import type { PublishError, Receipt } from '../broker/index.js';
import type { CatchUps, Running } from './catch-ups.js';
import type { Clock } from '../clock.js';
import { CLOSE, type Close, ownClose, protocolClose } from '../protocol/close-codes.js';
import {
  hookDraftOf,
  type Draft,
  type DraftFields,
  draftOf,
  validatedDraft,
} from '../protocol/publication.js';
import { type ClientMessage, decodeMessage } from '../protocol/client-message.js';
import { systemFrame, errorFrame, frameWithId, pongFrame, SERVER } from '../protocol/payload.js';
import type { Json } from '../protocol/json.js';
import { clientKey } from '../protocol/idempotency-key.js';
import type { Command, Connection, Membership, Liveness } from './connection.js';
import type { Config } from '../config/index.js';
import type { SystemEvent, LeaveReason, Refusal } from '../protocol/system-event.js';
import type { HubEvent, Peer } from '../hub-event.js';
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
} from '../hooks.js';
import { Outbox, type OutboxDeps } from './outbox.js';
import {
  TIME_OF_OTHER_LOG,
  drawNonce,
  formatId,
  GLOBAL,
  type MessageId,
  interned,
  isTimeOfOtherLog,
  nextNonce,
  NO_EPOCH,
  NO_POSITION,
  type Position,
  type Room,
} from '../protocol/position.js';
import { earliestMs, type Resume, type Resumes, resumeAfter } from '../protocol/resume.js';
import { replayRates, TokenBucket } from './token-bucket.js';

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly config: Config;
  readonly hooks: Hooks;
  /** Judges the tokens that clients bring in the course of a connection. */
  readonly access: Auth;
  readonly expiries: ExpiryTimer;
  readonly outboxes: OutboxDeps;
  readonly emit: (event: HubEvent) => void;
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

const MAX_IN_FLIGHT = 64;
/** Joins of one room that are not answered: a reader that takes nothing of a replay could ask for ever. */
const MAX_UNANSWERED_JOINS = 64;
const JOIN_RETRY_MS = 1_000;
/** Refused messages within the window that close a connection with 1008. */
const MAX_REFUSED = 20;
const REFUSED_WINDOW_MS = 10_000;
/** Refusals that are no fault of the peer's. */
const NOT_COUNTED: ReadonlySet<string> = new Set(['rejected', 'unavailable']);

type PublishMessage = Extract<ClientMessage, { readonly type: 'chat' | 'presence' }>;
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
  readonly vital: Liveness = {
    bytesRead: -1,
    messages: 0,
    lastReadAt: 0,
    pingAt: -1,
    incompleteSince: -1,
  };
  messagesRead = 0;
  private readonly memberships = new Map<Room, Membership>();
  private readonly bucket: TokenBucket;
  /** Of those who go on from an id in a `join`. */
  private replayBucket: TokenBucket | undefined = undefined;
  private refusedAt: number[] | undefined = undefined;
  private pausedFrames: Buffer[] | undefined = undefined;
  private inFlight = 0;
  private nonce: number;
  private awaiting = false;
  private takingPaused = false;
  private closing: Close | undefined = undefined;
  private closedByUs = false;
  private hub: Subscriber<Command> | undefined = undefined;
  private infoOnce: ConnectionInfo | undefined = undefined;
  /** Those that it was in when it ended, for `onDisconnect`. */
  private lastRooms: readonly Room[] | undefined = undefined;
  private identity: Identity;
  /** Of those whose rights end. */
  private tokenSession: TokenSession | undefined = undefined;
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
      isBinary ? this.close(CLOSE.binary) : this.onFrame(data),
    );
    webSocket.on('error', (error: Error & { readonly code?: string }) =>
      this.onSocketError(error.code),
    );
    webSocket.on('close', (code: number) => this.onSocketClosed(code));
  }

  get command$(): Observable<Command> {
    return new Observable<Command>((subscriber) => {
      const { config, hooks, emit } = this.deps;
      const { room, resumes } = this.admission;
      this.hub = subscriber;
      emit({ _tag: 'Connected', peer: () => this.peer() });
      const everybody = this.addMembership(GLOBAL, resumes.global);
      const defaultRoom = room === undefined ? undefined : this.addMembership(room, resumes.room);
      this.send({
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
      if (onConnect !== undefined) this.notifyHook('onConnect', () => onConnect(this.info()));
      if (defaultRoom !== undefined && isResumed(resumes)) {
        this.firstRoom$ = new Subject();
        this.catchingUp = this.deps.catchUps.begin(defaultRoom.room, resumes);
      }
      this.joinOnConnect(everybody, resumes.global, this.firstRoom$);
      if (defaultRoom !== undefined) this.joinOnConnect(defaultRoom, resumes.room);
      if (this.identity.expiresAt !== undefined) {
        this.tokenSession = new TokenSession(this.identity, this.deps.expiries);
        subscriber.add(this.tokenSession.state$.subscribe((now) => this.onAuthState(now)));
      }
      // the hub has ended: the deadline of a shutdown
      return () => this.close(CLOSE.goingAway);
    });
  }

  // what it is told

  send(control: SystemEvent, membership?: Membership): void {
    this.sendFrame(systemFrame(this.idFor(membership), this.deps.clock.wall(), control));
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
  private idFor(about?: Membership): MessageId {
    const { memberships, admission } = this;
    const everybody = memberships.get(GLOBAL);
    const defaultRoom = admission.room === undefined ? undefined : memberships.get(admission.room);
    const log = about ?? defaultRoom ?? everybody;
    // counted, not drawn: of a thousand drawn at one place two would be the same
    this.nonce = nextNonce(this.nonce);
    const global = log === undefined || log.room === GLOBAL;
    if (log === undefined || !hasPosition(log)) {
      const brought = about === undefined ? broughtId(admission.resumes) : undefined;
      if (brought !== undefined)
        return {
          ...brought,
          outside: true,
          nonce: this.nonce | (brought.nonce & TIME_OF_OTHER_LOG),
        };
      const [one, other] = [defaultRoom ?? everybody, everybody ?? defaultRoom];
      const ms = one === undefined || other === undefined ? 0 : this.timeOf(one, other);
      return { ...NO_PLACE, ms, global, nonce: this.nonce };
    }
    const { tag, offset, ms } = log.position;
    const isOfTwo = global || log.room === admission.room;
    const time = isOfTwo ? this.timeOf(defaultRoom ?? log, everybody ?? log) : ms;
    const nonce =
      time < ms || isTimeOfOtherLog(log.position) ? this.nonce | TIME_OF_OTHER_LOG : this.nonce;
    return { tag, offset, ms: time, global, outside: true, nonce };
  }

  /**
   * The time up to which the client has both of its logs: while they catch up that of the earlier one, and not before the
   * time that the client came with; then of the later one, as nothing is missing before that either.
   */
  private timeOf(
    { position: one, joinSeq }: Membership,
    { position: other, joinSeq: nthOther }: Membership,
  ): number {
    const { resumes } = this.admission;
    const isCatchingUp = (joinSeq === 0 || nthOther === 0) && isResumed(resumes);
    if (!isCatchingUp) return Math.max(one.ms, other.ms);
    return Math.max(earliestMs(resumes), Math.min(one.ms, other.ms));
  }

  private sendFrame(frame: Buffer): void {
    this.outbox.send({ count: 1, bytes: frame });
  }

  private refuse(refusal: Refusal): void {
    const { clock, emit } = this.deps;
    emit({ _tag: 'Rejected', code: refusal.code });
    this.sendFrame(errorFrame(this.idFor(), clock.wall(), refusal));
    if (NOT_COUNTED.has(refusal.code)) return;
    const now = clock.scheduler.now();
    this.refusedAt ??= [];
    this.refusedAt.push(now);
    if (this.refusedAt.length < MAX_REFUSED) return;
    if (now - (this.refusedAt.shift() ?? now) <= REFUSED_WINDOW_MS) this.close(CLOSE.brokeRules);
  }

  // what it says

  private handleFrame(frame: Buffer): void {
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
    else this.dispatch(message.right);
  }

  private dispatch(message: ClientMessage): void {
    switch (message.type) {
      case 'chat':
      case 'presence':
        return this.publish(message);
      case 'ping':
        return this.pong(message);
      case 'join':
        return this.joinAtReplayRate(
          message.room ?? this.defaultRoom,
          message.ref,
          resumeAfter(message.lastId),
        );
      case 'leave':
        return this.leave(message.room ?? this.defaultRoom, message.ref);
      case 'refresh':
        return this.refresh(message);
    }
  }

  private pong({ data, ref }: Extract<ClientMessage, { readonly type: 'ping' }>): void {
    const frame = pongFrame(this.idFor(), this.deps.clock.wall(), data);
    if (isLeft(frame)) this.refuse({ ...frame.left, ref });
    else this.sendFrame(frame.right);
  }

  /** Where it speaks when it names no room. */
  private get defaultRoom(): Room {
    return this.admission.room ?? GLOBAL;
  }

  /**
   * A replay makes the pod read the log and send up to all of it, for one small message: replays have a rate of their
   * own. A join of a new room waits for its turn, and what is said next behind it. A member is told when to ask again.
   */
  private joinAtReplayRate(room: Room, ref: string | undefined, resume: Resume | undefined): void {
    const { clock, config } = this.deps;
    const known = this.memberships.get(room);
    if (known !== undefined && known.unansweredJoins >= MAX_UNANSWERED_JOINS)
      return this.refuse(joinsUnanswered(ref));
    if (resume === undefined) return this.join(room, ref, resume);
    const now = clock.scheduler.now();
    this.replayBucket ??= new TokenBucket(replayRates(config.limits.maxRoomsPerConnection), now);
    const waitMs = this.replayBucket.take(0, now);
    if (waitMs === 0) return this.join(room, ref, resume);
    if (known !== undefined) return this.refuse(joinsTooOften(ref, waitMs));
    this.awaiting = true;
    this.hub?.add(
      clock.scheduler.schedule(() => {
        this.awaiting = false;
        this.joinAtReplayRate(room, ref, resume);
        this.takePaused();
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
    const membership = known ?? this.addMembership(interned(room), resume);
    membership.unansweredJoins++;
    this.hub?.next({
      _tag: 'Join',
      room: membership.room,
      membership,
      isMember: known !== undefined,
      resume,
      ref,
    });
  }

  private addMembership(room: Room, resume: Resume | undefined): Membership {
    const membership = this.newMembership(room, resume);
    this.memberships.set(room, membership);
    return membership;
  }

  /** The joins that the handshake asked for. */
  private joinOnConnect(
    membership: Membership,
    resume: Resume | undefined,
    behind$?: Observable<unknown>,
  ): void {
    const { room } = membership;
    membership.unansweredJoins++;
    this.hub?.next({
      _tag: 'Join',
      room,
      membership,
      isMember: false,
      resume,
      after$: behind$,
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
      return this.send({ event: 'left', room, reason: 'asked', ref }, this.newMembership(room));
    this.memberships.delete(room);
    this.hub?.next({ _tag: 'Leave', room, membership, reason: 'asked', ref });
  }

  private newMembership(room: Room, resume?: Resume): Membership {
    const position = startPosition(resume);
    return {
      connection: this,
      room,
      position,
      joinSeq: 0,
      mayPublish: this.mayPublish(room),
      unansweredJoins: 0,
    };
  }

  private publish(message: PublishMessage): void {
    const { onMessage } = this.deps.hooks;
    const room = message.room ?? this.defaultRoom;
    const { ref, data } = message;
    const membership = this.memberships.get(room);
    if (membership === undefined) return this.refuse(notAMember(ref));
    if (!membership.mayPublish)
      return this.refuse(room === GLOBAL ? globalForbidden(ref) : forbidden('publish in', ref));
    if (onMessage !== undefined) return this.askHook(onMessage, message, room);
    const draft = draftOf(this.fieldsOf(membership.room, message, data));
    if (isLeft(draft)) this.refuse({ ...draft.left, ref });
    else this.submit(draft.right, ref, membership);
  }

  private askHook(
    hook: NonNullable<Hooks['onMessage']>,
    message: PublishMessage,
    room: Room,
  ): void {
    const { type, data } = message;
    this.awaiting = true;
    this.hub?.add(
      verdictOf(hook, { type, room, data }, this.info(), this.deps.clock).subscribe((verdict) => {
        this.onVerdict(message, verdict);
        this.resumeReading();
      }),
    );
  }

  private onVerdict(message: PublishMessage, verdict: Verdict): void {
    const { ref } = message;
    switch (verdict._tag) {
      case 'Dropped':
        // accepted, so that nobody sends it again for ever; without an id, as it stands nowhere
        if (ref !== undefined) this.send({ event: 'ack', ref, duplicate: false });
        return;
      case 'Rejected':
        return this.refuse({ code: 'rejected', text: verdict.text, ref });
      case 'Failed':
        return this.hookFailed(verdict, ref);
      case 'Passed':
        return this.publishAsHookSays(message, verdict.message);
    }
  }

  private publishAsHookSays(message: PublishMessage, { room, data }: Outgoing): void {
    const { ref } = message;
    const membership = this.memberships.get(room);
    if (membership === undefined) {
      // the room that the client named may have ended while the hook thought; another one is the hook's word
      if (room === (message.room ?? this.defaultRoom)) return this.refuse(notAMember(ref));
      return this.hookFailed(unusable(new TypeError(STRANGE_ROOM)), ref);
    }
    const draft = hookDraftOf(this.fieldsOf(room, message, data));
    if (isLeft(draft)) this.hookFailed(unusable(new TypeError(draft.left.text)), ref);
    else this.submit(draft.right, ref, membership);
  }

  private hookFailed({ how, error }: Failed, ref: string | undefined): void {
    this.deps.emit({ _tag: 'HookFailed', hook: 'onMessage', error });
    this.refuse({ code: 'unavailable', text: HOOK_FAILED[how], ref });
  }

  private resumeReading(): void {
    this.awaiting = false;
    this.takePaused();
  }

  private fieldsOf(room: Room, { type, ref }: PublishMessage, data: Json): DraftFields {
    const key = clientKey(this.userId, ref);
    return { room, type, from: this.userId ?? this.id, data, at: this.deps.clock.wall(), key };
  }

  private submit(draft: Draft, ref: string | undefined, membership: Membership): void {
    const { room } = draft;
    this.inFlight++;
    this.deps.emit(RECEIVED);
    this.hub?.next({
      _tag: 'Publish',
      room,
      draft,
      membership,
      reply: (result) => this.onReply(ref, result),
    });
  }

  private onReply(ref: string | undefined, result: Either<PublishError, Receipt>): void {
    this.inFlight--;
    if (isLeft(result)) this.refuse(notPublished(result.left, ref));
    else if (ref !== undefined) {
      const { id, duplicate, scope } = result.right;
      this.send({ event: 'ack', ref, id, duplicate, scope: scope === 'pod' ? scope : undefined });
    }
    this.takePaused();
  }

  // rights

  private onAuthState(now: AuthState): void {
    switch (now._tag) {
      case 'Valid':
        return this.applyRights(now.identity);
      case 'Expiring':
        return this.send({
          event: 'token_expiring',
          expires_at: new Date(now.expiresAt).toISOString(),
        });
      case 'Expired':
        return this.close(CLOSE.tokenExpired);
      case 'Revoked':
        return this.close(CLOSE.operator);
    }
  }

  revoke(): void {
    // without a token that ends there is no clock to ask, and nothing to combine
    if (this.tokenSession === undefined) this.onAuthState(REVOKED);
    else this.tokenSession.revoke();
  }

  /** Rooms that it may not be in any more end for it, and no others. */
  private applyRights(identity: Identity): void {
    this.identity = identity;
    for (const membership of this.memberships.values()) {
      const { room } = membership;
      membership.mayPublish = this.mayPublish(room);
      if (!mayJoin(identity.rights, room)) this.kick(room, 'forbidden');
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
    const { tokenSession } = this;
    if (tokenSession === undefined) return this.refuse(noToken(ref));
    this.awaiting = true;
    this.hub?.add(
      this.deps.access.authenticate({ token }).subscribe((found) => {
        this.onRefreshed(found, tokenSession, ref);
        this.resumeReading();
      }),
    );
  }

  private onRefreshed(
    found: Either<Denial, Identity>,
    tokenSession: TokenSession,
    ref: string | undefined,
  ): void {
    if (isLeft(found)) return this.refuse(refusalOf(found.left, ref));
    if (found.right.userId !== this.userId) {
      this.deps.emit({ _tag: 'Denied', denial: WRONG_USER });
      return this.refuse(refusalOf(WRONG_USER, ref));
    }
    if (ref !== undefined) {
      const id = formatId(this.idFor());
      this.send({ event: 'ack', ref, id, duplicate: false });
    }
    tokenSession.renew(renewed(this.identity, found.right));
  }

  // pace

  private get isPausing(): boolean {
    return this.awaiting || this.inFlight >= MAX_IN_FLIGHT;
  }

  private onFrame(frame: Buffer): void {
    this.messagesRead++;
    if (this.pausedFrames === undefined && !this.isPausing) return this.handleFrame(frame);
    // at most what one read of the socket brought: it is paused from here
    this.pausedFrames ??= [];
    this.pausedFrames.push(frame);
    if (!this.webSocket.isPaused) this.webSocket.pause();
  }

  /** Not by recursion: what a message of those that wait causes may end here again. */
  private takePaused(): void {
    if (this.takingPaused) return;
    this.takingPaused = true;
    while (this.pausedFrames !== undefined && !this.isPausing && this.closing === undefined) {
      const next = this.pausedFrames.shift();
      if (next === undefined) this.pausedFrames = undefined;
      else this.handleFrame(next);
    }
    this.takingPaused = false;
    if (this.pausedFrames === undefined && !this.isPausing && this.webSocket.isPaused)
      this.webSocket.resume();
  }

  // the end

  close(why: Close): void {
    if (this.closing !== undefined) return;
    this.closing = why;
    this.closedByUs = true;
    this.outbox.end();
    this.pausedFrames = undefined;
    // a paused socket would never read the peer's answer
    if (this.webSocket.isPaused) this.webSocket.resume();
    this.webSocket.close(why.code, why.reason);
    this.leaveAll();
  }

  kick(room: Room, reason: LeaveReason): void {
    // nobody leaves the global log: without it a connection is of no use
    if (room === GLOBAL) return this.close(CLOSE.failed);
    const membership = this.memberships.get(room);
    if (membership === undefined) return;
    this.memberships.delete(room);
    this.hub?.next({ _tag: 'Leave', room, membership, reason, ref: undefined });
  }

  terminate(): void {
    this.webSocket.terminate();
  }

  ping(): void {
    this.webSocket.ping();
  }

  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  get isMidMessage(): boolean {
    return isMidMessage(this.webSocket);
  }

  get isPaused(): boolean {
    return this.webSocket.isPaused;
  }

  /** A frame that breaks RFC 6455: ws has sent the close by itself, and nothing may follow it. */
  private onSocketError(code: string | undefined): void {
    this.closing ??= protocolClose(code);
    this.closedByUs ||= code?.startsWith('WS_ERR_') === true;
    this.outbox.end();
    this.pausedFrames = undefined;
    this.leaveAll();
  }

  private onSocketClosed(peerCode: number): void {
    const { connections, hooks, emit } = this.deps;
    this.closing ??= CLOSE.normal;
    this.outbox.end();
    this.pausedFrames = undefined;
    this.leaveAll();
    connections.delete(this);
    const code = this.closedByUs ? this.closing.code : null;
    emit({ _tag: 'Disconnected', code, peerCode, peer: () => this.peer() });
    const { onDisconnect } = hooks;
    if (onDisconnect !== undefined)
      this.notifyHook('onDisconnect', () => onDisconnect(this.info(), code));
  }

  private peer(): Peer {
    const { id, userId, admission, socket } = this;
    // asked only where a line is written: node keeps the answer, 0.3 kB a socket
    const address = admission.address ?? socket.remoteAddress ?? '';
    return { id, userId, address, room: admission.room };
  }

  private leaveAll(): void {
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

  private notifyHook(hook: string, call: () => MaybeAsync<void>): void {
    // nobody waits for it, and it ends within a second
    // eslint-disable-next-line rxjs-x/no-ignored-subscription
    answerOf(call, this.deps.clock).subscribe({
      error: (error: unknown) => this.deps.emit({ _tag: 'HookFailed', hook, error }),
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
    const draft = validatedDraft({
      room: GLOBAL,
      type: 'notification',
      from: SERVER,
      data,
      at: this.deps.clock.wall(),
    });
    if (isLeft(draft)) throw new TypeError(draft.left.text);
    this.sendFrame(frameWithId(this.idFor(), draft.right.rest));
  }
}

const RECEIVED: HubEvent = { _tag: 'Received', messages: 1 };

const NO_PLACE = { tag: NO_EPOCH, offset: 0, outside: true } as const;

/** Whether the connection has a place in the membership's log. */
const hasPosition = (membership: Membership | undefined): membership is Membership =>
  membership !== undefined && membership.position.tag !== NO_POSITION.tag;

/**
 * Where a connection is that has not come in yet: no further than it says, or it would resume from there the next time.
 * Of a log that resumes by time only the time is known.
 */
const startPosition = (resume: Resume | undefined): Position => {
  if (resume === undefined) return NO_POSITION;
  return resume._tag === 'After' ? resume.id : { ...NO_POSITION, ms: resume.ms };
};

/** The id that the client brought, the room's where it brought two: until a log has told a place, it does what it did. */
const broughtId = ({ room, global }: Resumes): MessageId | undefined =>
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
  text: `room: ${MAX_UNANSWERED_JOINS} joins of it are not answered; take what was sent before asking again`,
  ref,
  retryInMs: JOIN_RETRY_MS,
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

const noToken = (ref: string | undefined): Refusal => ({
  code: 'forbidden',
  text: 'data.token: a connection without a token cannot refresh; connect with a token',
  ref,
});

const WRONG_USER: Denial = { _tag: 'WrongUser' };

const notPublished = (error: PublishError, ref: string | undefined): Refusal =>
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
