/**
 * One socket as a stream of commands, and the only place that speaks to it.
 *
 *   frame → rate → decode → rooms, hook → command$        outbox → socket
 *
 * `command$` is one hand-written source: a chain of operators a connection would double its memory. Frames are taken
 * in order; while 64 publishes are under way, or a hook is thinking, the rest waits and the socket is not read, so a
 * slow broker or hook cannot grow the heap.
 */
import { type Either, isLeft, isRight } from 'fp-ts/lib/Either.js';
import { from, isObservable, Observable, of, type Subscriber, take, timeout } from 'rxjs';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { PublishError, Receipt } from './broker/index.js';
import type { Clock } from './clock.js';
import { CLOSE, type Close } from './close.js';
import {
  type ClientMessage,
  decodeMessage,
  type Draft,
  draftOf,
  controlPayload,
  errorPayload,
  pongPayload,
  frameOf,
  type Json,
  payloadOf,
} from './codec.js';
import type { Config } from './config.js';
import type { Control, LeaveReason, Refusal } from './control.js';
import type { HubEvent } from './events.js';
import type { ConnectionInfo, Hooks, Incoming, MaybeAsync, Rejection } from './hooks.js';
import { outbox, type Outbox, type Waiting } from './outbox.js';
import { drawNonce, formatId, GLOBAL, type Id, type Position, type Room } from './position.js';
import { tokenBucket } from './token-bucket.js';

/** A connection's place in a room: what it was last sent of the room's log is in the id of all that it is told. */
export interface Membership {
  readonly connection: Connection;
  readonly room: Room;
  position: Position;
}

/** What a connection asks of a room; the hub hands each to its room. */
export type Command =
  | {
      readonly _tag: 'Join';
      readonly room: Room;
      readonly membership: Membership;
      /** It has joined before: it is told so again. */
      readonly again: boolean;
      readonly ref: string | undefined;
    }
  | {
      readonly _tag: 'Leave';
      readonly room: Room;
      readonly membership: Membership;
      /** `closed`: the connection has gone, nobody is to be told. */
      readonly reason: LeaveReason | 'closed';
      readonly ref: string | undefined;
    }
  | {
      readonly _tag: 'Publish';
      readonly room: Room;
      readonly draft: Draft;
      /** Whose it is; it waits until they are in. Absent for what comes from outside a socket. */
      readonly membership?: Membership;
      readonly settled: (result: Either<PublishError, Receipt>) => void;
    };

export interface Connection {
  readonly id: string;
  readonly userId: string | null;
  readonly command$: Observable<Command>;
  readonly outbox: Outbox;
  /** Says something of the log that a membership is of; of the global one by default. */
  readonly tell: (control: Control, membership?: Membership) => void;
  /** Takes it out of a room that it did not ask to leave. */
  readonly dismiss: (room: Room, reason: LeaveReason) => void;
  /** Says why and leaves; a peer that does not answer within 2 s is cut. Only the first call counts. */
  readonly close: (why: Close) => void;
  /** Ends the socket without a word: nothing was heard for too long. */
  readonly cut: () => void;
  readonly ping: () => void;
  /** Bytes received so far: any more of them are a sign of life. */
  readonly bytesRead: () => number;
  /** Whether the peer has begun a message and not ended it. */
  readonly midMessage: () => boolean;
  readonly messagesRead: () => number;
  readonly vital: Vital;
}

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly config: Config;
  readonly hooks: Hooks;
  readonly waiting: Waiting;
  readonly tell: (event: HubEvent) => void;
  /** Where the global log stands for this pod, for a connection that has not been sent anything yet. */
  readonly globalPosition: () => Position;
  readonly newId: () => string;
}

/** What the heartbeat remembers of a connection, on a clock that stands while the process does. */
export interface Vital {
  bytesRead: number;
  messages: number;
  heardAt: number;
  pingAt: number;
  /** Since when the same message has been incomplete; NaN when none is. */
  halfSince: number;
}

const newVital = (): Vital => ({ bytesRead: -1, messages: 0, heardAt: 0, pingAt: Number.NaN, halfSince: Number.NaN });

/** What the handshake has settled. */
export interface Admission {
  readonly userId: string | null;
  /** The URL's room. */
  readonly room: Room | undefined;
  readonly address: string;
}

const MAX_UNDERWAY = 64;
const HOOK_MS = 1_000;
/** Refused messages within the window that close a connection with 1008. */
const MAX_REFUSED = 20;
const REFUSED_WINDOW_MS = 10_000;
/** Refusals that are no fault of the peer's. */
const BLAMELESS: ReadonlySet<string> = new Set(['rejected', 'unavailable']);

export const connection =
  (deps: ConnectionDeps) =>
  (webSocket: WebSocket, socket: Socket, admission: Admission): Connection => {
    const { clock, config, hooks, tell: emit } = deps;
    const { limits } = config;
    const id = deps.newId();
    const { userId } = admission;
    const memberships = new Map<Room, Membership>();
    const bucket = tokenBucket(limits, clock.scheduler.now());
    const refusedAt: number[] = [];
    let held: Buffer[] = [];
    let underway = 0;
    let thinking = false;
    let messagesRead = 0;
    let closing: Close | undefined;
    let failedWith: number | null = null;
    let hub: Subscriber<Command> | undefined;

    const out = outbox({
      socket,
      bound: { messages: limits.sendBufferMessages, bytes: limits.sendBufferBytes },
      clock,
      waiting: deps.waiting,
      overflow: () => close(CLOSE.slow),
    });

    // what it is told

    const idFor = (membership: Membership | undefined): Id => {
      const { tag, offset, ms } = membership?.position ?? deps.globalPosition();
      const global = membership === undefined || membership.room === GLOBAL;
      return { tag, offset, ms: Math.max(clock.wall(), ms), global, outside: true, nonce: drawNonce(clock.random) };
    };
    const send = (payload: Buffer): void => out.send({ count: 1, bytes: frameOf(payload) });
    const tell = (control: Control, membership = memberships.get(GLOBAL)): void =>
      send(controlPayload(idFor(membership), clock.wall(), control));

    const refuse = (refusal: Refusal): void => {
      emit({ _tag: 'Rejected', code: refusal.code });
      send(errorPayload(idFor(memberships.get(GLOBAL)), clock.wall(), refusal));
      if (BLAMELESS.has(refusal.code)) return;
      const now = clock.scheduler.now();
      refusedAt.push(now);
      if (refusedAt.length < MAX_REFUSED) return;
      if (now - (refusedAt.shift() ?? now) <= REFUSED_WINDOW_MS) close(CLOSE.brokeRules);
    };

    // what it says

    const take = (frame: Buffer): void => {
      if (closing !== undefined) return;
      const retryInMs = bucket.take(frame.length, clock.scheduler.now());
      const message = decodeMessage(frame);
      if (retryInMs > 0) {
        const ref = isRight(message) ? message.right.ref : message.left.ref;
        refuse({ code: 'rate_limited', text: `expected at most ${limits.rateLimitPerSecond} messages a second, got more`, ref, retryInMs });
      } else if (isLeft(message)) refuse(message.left);
      else obey(message.right);
    };

    const obey = (message: ClientMessage): void => {
      switch (message.type) {
        case 'chat':
        case 'presence':
          return speak(message);
        case 'ping':
          return send(pongPayload(idFor(memberships.get(GLOBAL)), clock.wall(), message.data));
        case 'join':
          return join(message.room ?? admission.room ?? GLOBAL, message.ref);
        case 'leave':
          return leave(message.room ?? admission.room ?? GLOBAL, message.ref);
        case 'refresh':
          return refuse({ code: 'forbidden', text: 'data.token: expected a connection that came with a token, got one without', ref: message.ref });
      }
    };

    const join = (room: Room, ref: string | undefined): void => {
      const known = memberships.get(room);
      if (known === undefined && memberships.size > limits.maxRoomsPerConnection) {
        return refuse({ code: 'too_many_rooms', text: `room: expected at most ${limits.maxRoomsPerConnection} of them, got one more`, ref });
      }
      const membership = known ?? { connection: self, room, position: deps.globalPosition() };
      memberships.set(room, membership);
      hub?.next({ _tag: 'Join', room, membership, again: known !== undefined, ref });
    };

    const leave = (room: Room, ref: string | undefined): void => {
      if (room === GLOBAL) return refuse({ code: 'invalid_room', text: 'room: expected a room, got the global one, which nobody leaves', ref });
      const membership = memberships.get(room);
      // a leave for a room never joined is no mistake worth an error: the client wanted to be out, and is
      if (membership === undefined) return tell({ event: 'left', room, reason: 'asked', ref }, { connection: self, room, position: deps.globalPosition() });
      memberships.delete(room);
      hub?.next({ _tag: 'Leave', room, membership, reason: 'asked', ref });
    };

    type Speech = Extract<ClientMessage, { readonly type: 'chat' | 'presence' }>;

    const speak = (message: Speech): void => {
      const room = message.room ?? admission.room ?? GLOBAL;
      const { ref } = message;
      if (!memberships.has(room)) return refuse({ code: 'not_a_member', text: 'room: expected one that this connection has joined, got another', ref });
      if (room === GLOBAL && !mayPublishGlobally()) return refuse({ code: 'forbidden', text: 'room: expected a room, as not everybody may publish globally, got none', ref });
      if (message.type === 'presence' || hooks.onMessage === undefined) publish(room, message, message.data);
      else consult(hooks.onMessage, message, { room, data: message.data });
    };

    const mayPublishGlobally = (): boolean =>
      config.access.globalPublish === 'any' || (config.access.globalPublish === 'users' && userId !== null);

    const consult = (hook: NonNullable<Hooks['onMessage']>, message: Speech, incoming: Incoming): void => {
      thinking = true;
      let answered = false;
      const failed = (error: unknown): void => {
        emit({ _tag: 'HookFailed', hook: 'onMessage', error });
        refuse({ code: 'unavailable', text: 'expected an answer of the application within a second, got none', ref: message.ref });
      };
      const done = (): void => {
        thinking = false;
        drain();
      };
      hub?.add(
        answerOf(() => hook(incoming, info), clock).subscribe({
          next: (answer) => {
            answered = true;
            settleHook(message, answer);
          },
          error: (error: unknown) => {
            failed(error);
            done();
          },
          complete: () => {
            if (!answered) failed(new Error('expected an answer, got an empty stream'));
            done();
          },
        }),
      );
    };

    const settleHook = (message: Speech, answer: Incoming | Rejection | null): void => {
      if (answer === null) return;
      if ('rejected' in answer) return refuse({ code: 'rejected', text: answer.rejected, ref: message.ref });
      if (!memberships.has(answer.room)) return refuse({ code: 'not_a_member', text: 'room: expected one that this connection has joined, got another', ref: message.ref });
      publish(answer.room, message, answer.data);
    };

    const publish = (room: Room, { type, ref }: Speech, data: Json): void => {
      const draft = draftOf({ room, type, from: userId ?? id, data, at: clock.wall(), key: keyOf(userId, ref) });
      if (isLeft(draft)) return refuse(ref === undefined ? draft.left : { ...draft.left, ref });
      const membership = memberships.get(room);
      if (membership === undefined) return;
      underway++;
      emit(RECEIVED);
      hub?.next({ _tag: 'Publish', room, draft: draft.right, membership, settled: (result) => settle(ref, result) });
    };

    const settle = (ref: string | undefined, result: Either<PublishError, Receipt>): void => {
      underway--;
      if (isLeft(result)) refuse(refusalOf(result.left, ref));
      else if (ref !== undefined) {
        const { id: placed, duplicate, scope } = result.right;
        tell({ event: 'ack', ref, id: placed, duplicate, scope: scope === 'pod' ? scope : undefined });
      }
      drain();
    };

    // pace

    const mustWait = (): boolean => thinking || underway >= MAX_UNDERWAY;

    const arrived = (frame: Buffer): void => {
      messagesRead++;
      if (held.length > 0 || mustWait()) {
        held.push(frame);
        if (!webSocket.isPaused) webSocket.pause();
      } else take(frame);
    };

    const drain = (): void => {
      while (held.length > 0 && !mustWait() && closing === undefined) {
        const next = held.shift();
        if (next !== undefined) take(next);
      }
      if (held.length === 0 && !mustWait() && webSocket.isPaused) webSocket.resume();
    };

    // the end

    const close = (why: Close): void => {
      if (closing !== undefined) return;
      closing = why;
      out.end();
      held = [];
      // a paused socket would never read the peer's answer
      if (webSocket.isPaused) webSocket.resume();
      webSocket.close(why.code, why.reason);
      forsake();
    };

    const forsake = (): void => {
      const gone = hub;
      hub = undefined;
      for (const membership of memberships.values()) {
        gone?.next({ _tag: 'Leave', room: membership.room, membership, reason: 'closed', ref: undefined });
      }
      memberships.clear();
      gone?.complete();
    };

    const ended = (): void => {
      out.end();
      held = [];
      closing ??= CLOSE.normal;
      forsake();
      const code = failedWith ?? (closing === CLOSE.normal ? null : closing.code);
      emit({ _tag: 'Disconnected', code });
      if (hooks.onDisconnect !== undefined) notice('onDisconnect', () => hooks.onDisconnect?.(info, code));
    };

    const notice = (hook: string, call: () => MaybeAsync<void> | undefined): void => {
      answerOf(call, clock).subscribe({ error: (error: unknown) => emit({ _tag: 'HookFailed', hook, error }) });
    };

    const info: ConnectionInfo = {
      id,
      userId,
      address: admission.address,
      rooms: () => [...memberships.keys()].filter((room) => room !== GLOBAL),
      notify: (data) => {
        const at = clock.wall();
        const draft = draftOf({ room: GLOBAL, type: 'notification', from: 'server', data, at });
        if (isRight(draft)) send(Buffer.from(payloadOf(formatId(idFor(memberships.get(GLOBAL))), draft.right.rest)));
      },
      close: (code, reason) => close({ code, reason, comeBack: code < 4500 }),
    };

    const self: Connection = {
      id,
      userId,
      outbox: out,
      tell,
      dismiss: (room, reason) => {
        const membership = memberships.get(room);
        // nobody is in no room: without the global one a connection is of no use
        if (room === GLOBAL) return close(CLOSE.failed);
        if (membership === undefined || !memberships.delete(room)) return;
        hub?.next({ _tag: 'Leave', room, membership, reason, ref: undefined });
      },
      close,
      cut: () => webSocket.terminate(),
      ping: () => webSocket.ping(),
      bytesRead: () => socket.bytesRead,
      midMessage: () => isMidMessage(webSocket),
      messagesRead: () => messagesRead,
      vital: newVital(),
      command$: new Observable<Command>((subscriber) => {
        hub = subscriber;
        emit({ _tag: 'Connected' });
        tell({
          event: 'welcome',
          connection_id: id,
          user_id: userId,
          server_id: config.server.serverId,
          protocol: 1,
          limits: { message_bytes: limits.maxMessageBytes, buffer_messages: limits.sendBufferMessages, rate: limits.rateLimitPerSecond },
        });
        webSocket.on('message', (data: Buffer, isBinary: boolean) => (isBinary ? close(CLOSE.binary) : arrived(data)));
        webSocket.on('error', (error: Error & { readonly code?: string }) => {
          // ws has sent a close by itself where a frame was wrong; nothing may follow it
          failedWith = protocolClose(error.code);
          closing ??= CLOSE.protocolError;
          out.end();
          forsake();
        });
        webSocket.on('close', ended);
        if (hooks.onConnect !== undefined) notice('onConnect', () => hooks.onConnect?.(info));
        join(GLOBAL, undefined);
        if (admission.room !== undefined) join(admission.room, undefined);
        // the hub has ended: the deadline of a shutdown
        return () => {
          if (hub !== undefined) close(CLOSE.goingAway);
        };
      }),
    };
    return self;
  };

const RECEIVED: HubEvent = { _tag: 'Received', messages: 1 };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Contract section 1: a user's own key; of those who are not known only a UUID is one, as they share the room's. */
const keyOf = (userId: string | null, ref: string | undefined): string | undefined => {
  if (ref === undefined) return undefined;
  if (userId !== null) return `${userId}:${ref}`;
  return UUID.test(ref) ? `:${ref.toLowerCase()}` : undefined;
};

const refusalOf = (error: PublishError, ref: string | undefined): Refusal =>
  error._tag === 'KeyReused'
    ? { code: 'invalid_message', text: 'id: expected a new one for other data, got one that was used', ref }
    : { code: 'unavailable', text: error.detail, ref };

/** Whatever a hook gives back as a stream; a hook that throws is a stream that does. */
const answerOf = <A>(call: () => MaybeAsync<A>, { scheduler }: Clock): Observable<A> =>
  new Observable<A>((subscriber) => {
    const answer = call();
    const answer$ = isObservable(answer) ? answer : isThenable(answer) ? from(answer) : of(answer);
    return answer$.pipe(take(1), timeout({ each: HOOK_MS, scheduler })).subscribe(subscriber);
  });

const isThenable = <A>(value: MaybeAsync<A>): value is PromiseLike<A> =>
  typeof value === 'object' && value !== null && 'then' in value;

/** The code with which ws answers what breaks RFC 6455. */
const protocolClose = (code: string | undefined): number | null => {
  switch (code) {
    case 'WS_ERR_INVALID_UTF8':
      return CLOSE.notUtf8.code;
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
      return CLOSE.tooBig.code;
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return CLOSE.brokeRules.code;
    default:
      return code?.startsWith('WS_ERR_') === true ? CLOSE.protocolError.code : null;
  }
};

/**
 * ws does not say whether a message has begun: its receiver knows. Private fields, so the version is pinned and
 * `spec/connection.spec.ts` ("half a message") goes red when they change.
 */
const isMidMessage = (webSocket: WebSocket): boolean => {
  const { _receiver: receiver } = webSocket as unknown as {
    readonly _receiver?: { readonly _state: number; readonly _bufferedBytes: number; readonly _fragments: readonly unknown[]; readonly _fragmented: number };
  };
  return receiver !== undefined && (receiver._state !== 0 || receiver._bufferedBytes > 0 || receiver._fragmented !== 0);
};
