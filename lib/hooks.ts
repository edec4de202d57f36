/**
 * The hooks of an application. Hooks run in the connection's stream, one message after the other. A hook that
 * throws, rejects or takes longer than a second affects only its message (`unavailable` to the sender:
 * docs/protocol.md, section 6).
 */
import type { IncomingHttpHeaders } from 'node:http';
import {
  catchError,
  defaultIfEmpty,
  defer,
  from,
  isObservable,
  map,
  type Observable,
  of,
  take,
  throwError,
  timeout,
} from 'rxjs';
import type { Claims } from './auth/index.js';
import type { Clock } from './clock.js';
import type { Json } from './protocol/json.js';
import { GLOBAL, isRoomName, type Room, ROOM_RULE } from './protocol/position.js';

/** A hook answers at once, with a promise, or with a stream, of which the first value counts. */
export type MaybeAsync<A> = A | PromiseLike<A> | Observable<A>;

/** The request with which a connection began. */
export interface Handshake {
  /** Path and query of the request. `token=***` stands for `token` and its value. */
  readonly url: string;
  /** Names in lower case, as in Node. They contain cookies and credentials: do not log them. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** The address of the client: the socket's, or, behind `TRUSTED_PROXIES`, the one that the proxies name. */
  readonly address: string;
}

/** A connection as applications see it. */
export interface ConnectionInfo extends Handshake {
  /** Distinguishes it from programs and HTTP (`Sender`). */
  readonly via: 'socket';
  /** The `data.connection_id` of `welcome`. */
  readonly id: string;
  /** The authenticated user, or null. */
  readonly userId: string | null;
  /** The claims of its token; after a `refresh`, of the new one; null without a token. */
  readonly claims: Claims | null;
  /**
   * The rooms that the connection is in or has asked to join: the URL's room from `onConnect` on, never the
   * global log. In `onDisconnect`, the rooms in which it was at its end.
   */
  readonly rooms: () => readonly Room[];
  /** Sends a `notification` to this connection only; no log has it. `data` is any JSON value. */
  readonly notify: (data: Json) => void;
  /**
   * Closes the connection with 1000 or a code of 3000–4999, and a reason of at most 123 bytes; throws a
   * RangeError for others. The client reconnects unless the code is 1000 or 4500–4999.
   */
  readonly close: (code: number, reason: string) => void;
}

/** The sender of a message: a connection, a program over HTTP, or the embedding program. */
export type Sender = ConnectionInfo | HttpSender | ProgramSender;

/** `POST …/messages`. */
export interface HttpSender {
  readonly via: 'http';
  /** The user of the request's token; null for an API key, or when authentication is off. */
  readonly userId: string | null;
}

/** `publish` of the library. */
export interface ProgramSender {
  readonly via: 'program';
  /** The `from` of the message. */
  readonly from: string;
}

/** A message on its way to a room; the empty room name is the global log. */
export interface Incoming {
  /** `presence`: a client's `online` or `away`. A hook cannot change it. */
  readonly type: 'chat' | 'presence';
  readonly room: Room;
  readonly data: Json;
}

/** The message that a hook passes on: as it came, or changed. */
export type Outgoing = Pick<Incoming, 'room' | 'data'>;

/** An answer to the sender in place of the message: an error with the code `rejected` and this text. */
export interface Rejection {
  readonly rejected: string;
}

/**
 * Rejects a message with a text for its sender, who gets the first 1,024 characters. Half a surrogate pair
 * becomes U+FFFD.
 */
export const reject = (text: string): Rejection => ({ rejected: text });

/** The hooks of an application. Each hook is called in the connection's order, and has a second to answer. */
export interface Hooks {
  /** A connection was accepted and has got `welcome`. */
  readonly onConnect?: (connection: ConnectionInfo) => MaybeAsync<void>;
  /**
   * Called with every chat, from a socket, HTTP or the program, and with every presence of a client. Pass the
   * message on as it is or changed, drop it with null (the sender gets an `ack`), or answer with
   * `reject(text)`. `from.via` says where it came from. Not called for messages of the server
   * (`notification`, `system`), nor for messages of other pods. An answer without a room or without `data` is
   * a failed hook; so is a room that the connection has not joined.
   */
  readonly onMessage?: (message: Incoming, from: Sender) => MaybeAsync<Outgoing | Rejection | null>;
  /** A connection has ended. `code`: the code that the server sent; null when the peer closed or went. */
  readonly onDisconnect?: (connection: ConnectionInfo, code: number | null) => MaybeAsync<void>;
}

/** Whether any hook is set. Data that only hooks need is not kept otherwise. */
export const hasHooks = ({ onConnect, onMessage, onDisconnect }: Hooks): boolean =>
  (onConnect ?? onMessage ?? onDisconnect) !== undefined;

const HOOK_MS = 1_000;

/** How a hook failed: no answer in time, an invalid answer, or an exception. */
export type Failure = 'late' | 'unusable' | 'threw';

/** The error text for the sender. The text of the exception is for the operator only. */
export const HOOK_FAILED: Readonly<Record<Failure, string>> = {
  late: 'the application did not answer within 1 s; send the message again',
  unusable:
    'the application gave an answer that is no message, which is a fault of the application; send the message again later',
  threw: 'the application failed while it looked at the message; send the message again later',
};

/** Not rxjs's TimeoutError: a hook may throw that itself. */
class HookLate extends Error {
  public override readonly name = 'HookLate';
}

/** The answer of a hook as a stream of at most one value. An exception is an error of the stream. */
export const answerOf = <A>(call: () => MaybeAsync<A>, { scheduler }: Clock): Observable<A> =>
  defer(() => {
    const answer = call();
    const answer$ = isObservable(answer) ? answer : isThenable(answer) ? from(answer) : of(answer);
    return answer$.pipe(
      take(1),
      timeout({
        each: HOOK_MS,
        scheduler,
        with: () => throwError(() => new HookLate('the hook did not answer within 1 s')),
      }),
    );
  });

/** The result of a hook for a message. `Failed`: it threw, took too long or gave no valid answer. */
export type Verdict =
  | { readonly _tag: 'Passed'; readonly message: Outgoing }
  | { readonly _tag: 'Dropped' }
  | HookFault;

/** Why a message is not sent. */
export type HookFault = { readonly _tag: 'Rejected'; readonly text: string } | Failed;

export interface Failed {
  readonly _tag: 'Failed';
  readonly how: Failure;
  readonly error: unknown;
}

/** Calls the hook. Emits once and never errors; at once when the hook answers at once. */
export const verdictOf = (
  hook: NonNullable<Hooks['onMessage']>,
  message: Incoming,
  sender: Sender,
  clock: Clock,
): Observable<Verdict> =>
  answerOf(() => hook(message, sender), clock).pipe(
    map(readVerdict),
    defaultIfEmpty(
      unusable(new TypeError('the hook ended without a message, a rejection or null')),
    ),
    catchError((error: unknown) =>
      of<Verdict>({ _tag: 'Failed', how: error instanceof HookLate ? 'late' : 'threw', error }),
    ),
  );

/** An invalid answer. */
export const unusable = (error: unknown): Failed => ({
  _tag: 'Failed',
  how: 'unusable',
  error,
});

const readVerdict = (answer: Outgoing | Rejection | null): Verdict => {
  try {
    return verdictIn(answer);
  } catch (error) {
    return unusable(error);
  }
};

/**
 * Throws for an invalid answer, whatever the types say. Each field is read once, here: a getter that throws
 * later would throw into the connection's stream.
 */
const verdictIn = (answer: Outgoing | Rejection | null): Verdict => {
  if (answer === null) return { _tag: 'Dropped' };
  if (typeof answer !== 'object')
    throw new TypeError(`expected a message, a rejection or null, got ${typeof answer}`);
  if ('rejected' in answer) return { _tag: 'Rejected', text: spoken(answer.rejected) };
  const { room, data } = answer;
  if (typeof room !== 'string' || (room !== GLOBAL && !isRoomName(room)))
    throw new TypeError(`room: expected ${ROOM_RULE}, or "" for everybody`);
  return { _tag: 'Passed', message: { room, data } };
};

/** How much of a rejection's text the sender gets. */
const MAX_REJECTION = 1_024;

const spoken = (text: unknown): string => {
  if (typeof text !== 'string')
    throw new TypeError(`rejected: expected a text, got ${typeof text}`);
  // a character beyond the BMP is two units of UTF-16
  const characters = Array.from(text.slice(0, 2 * MAX_REJECTION)).slice(0, MAX_REJECTION);
  return characters.join('').toWellFormed();
};

const isThenable = <A>(value: MaybeAsync<A>): value is PromiseLike<A> =>
  typeof value === 'object' && value !== null && 'then' in value;
