/**
 * Where an application steps in. Hooks run in the connection's stream, one message after the other; one that throws,
 * rejects or takes longer than a second harms that message alone (contract section 4: `unavailable` to the sender).
 */
import type { IncomingHttpHeaders } from 'node:http';
import { from, isObservable, Observable, of, take, timeout } from 'rxjs';
import type { Claims } from './access/index.js';
import type { Clock } from './clock.js';
import type { Json } from './codec.js';
import type { Room } from './position.js';

/** A hook answers at once, with a promise, or with a stream whose first value counts. */
export type MaybeAsync<A> = A | PromiseLike<A> | Observable<A>;

/** The request that a connection began with. */
export interface Handshake {
  /** Path and query as the client asked for them, but for the token: `token=***` stands for `token` and its value. */
  readonly url: string;
  /** Names in lower case, as Node gives them. Cookies and credentials are among them: do not log them. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** The client's address: the socket's, or behind `TRUSTED_PROXIES` the one that those name. */
  readonly address: string;
}

/** A connection as applications see it. */
export interface ConnectionInfo extends Handshake {
  /** What `welcome` calls it: `data.connection_id`. */
  readonly id: string;
  /** The authenticated user, or null. */
  readonly userId: string | null;
  /** The claims of its token, after a `refresh` those of the new one; null without a token. */
  readonly claims: Claims | null;
  /**
   * The rooms that it is in, or has asked to join: the URL's from `onConnect` on, never the global log. Once it has ended, so in `onDisconnect`,
   * those that it was in then.
   */
  readonly rooms: () => readonly Room[];
  /** Sends a `notification` to this connection alone; it stands in no log. `data` is any JSON value. */
  readonly notify: (data: Json) => void;
  /**
   * Closes it with 1000 or a code of 3000–4999, and a reason of at most 123 bytes; throws a RangeError for others. Whether
   * the client comes back depends on the code: 1000 and 4500–4999 do not.
   */
  readonly close: (code: number, reason: string) => void;
}

/** A chat message on its way to a room; the empty room name is the global log. */
export interface Incoming {
  readonly room: Room;
  readonly data: Json;
}

/** An answer to the sender in place of the message: an error with the code `rejected` and this text. */
export interface Rejection {
  readonly rejected: string;
}

/** Refuses a message with a text for its sender. */
export const reject = (text: string): Rejection => ({ rejected: text });

export interface Hooks {
  /** A connection was made and has heard `welcome`. */
  readonly onConnect?: (connection: ConnectionInfo) => MaybeAsync<void>;
  /** A chat message: pass it on as it is or changed, suppress it with null, or answer with `reject(text)`. */
  readonly onMessage?: (
    message: Incoming,
    connection: ConnectionInfo,
  ) => MaybeAsync<Incoming | Rejection | null>;
  /** A connection ended; `code` is the one that the server sent, null when the peer closed or went. */
  readonly onDisconnect?: (connection: ConnectionInfo, code: number | null) => MaybeAsync<void>;
}

/** Whether there is any: what only hooks ask for is not kept otherwise. */
export const hasHooks = ({ onConnect, onMessage, onDisconnect }: Hooks): boolean =>
  (onConnect ?? onMessage ?? onDisconnect) !== undefined;

const HOOK_MS = 1_000;

/** Whatever a hook gives back as a stream of at most one value; one that throws is a stream that fails. */
export const answerOf = <A>(call: () => MaybeAsync<A>, { scheduler }: Clock): Observable<A> =>
  new Observable<A>((subscriber) => {
    const answer = call();
    const answer$ = isObservable(answer) ? answer : isThenable(answer) ? from(answer) : of(answer);
    return answer$.pipe(take(1), timeout({ each: HOOK_MS, scheduler })).subscribe(subscriber);
  });

const isThenable = <A>(value: MaybeAsync<A>): value is PromiseLike<A> =>
  typeof value === 'object' && value !== null && 'then' in value;
