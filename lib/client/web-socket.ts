/**
 * One WebSocket as a stream: what came of it, until it has ended. Unsubscribing closes it.
 *
 * Source: it makes a stream of the callbacks of one WebSocket, and ends with its subscriber.
 */
import { Observable, type SchedulerLike, Subject, takeUntil, timer } from 'rxjs';
import { CLOSE } from '../protocol/close-codes.js';
import type { SocketEnd } from './link.js';

/** A class of the WHATWG WebSocket: that of a browser, of Node 22, or of `ws`. */
export type WebSocketClass = new (url: string, protocols?: string[]) => object;

interface MessageEventLike {
  readonly data: unknown;
}

interface CloseEventLike {
  readonly code: number;
  readonly reason: string;
}

/** The part of a WebSocket that the client uses. */
interface WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(
    type: string,
    listener: (event: CloseEventLike & MessageEventLike) => void,
  ): void;
}

const isWebSocket = (made: object): made is WebSocketLike =>
  'send' in made && 'close' in made && 'addEventListener' in made;

export type SocketEvent =
  | { readonly _tag: 'Opened' }
  | { readonly _tag: 'Text'; readonly text: unknown }
  | { readonly _tag: 'Ended'; readonly end: SocketEnd };

export interface SocketDeps {
  readonly WebSocket: WebSocketClass;
  readonly scheduler: SchedulerLike;
  readonly url: string;
  readonly protocols: readonly string[];
  /** What is sent before the socket is open goes out when it opens. */
  readonly send$: Observable<string>;
}

/** A socket whose first frame does not come in this time is given up. */
const FIRST_FRAME_MS = 15_000;

export const webSocketEvents = (deps: SocketDeps): Observable<SocketEvent> =>
  new Observable((out) => {
    const first$ = new Subject<void>();
    const early: string[] = [];
    let isOpen = false;
    let made: object;
    const end = (code: number, because: string): void => {
      out.next({ _tag: 'Ended', end: endOf(code, because, isOpen) });
      out.complete();
    };
    const never = (because: string): void => {
      out.next({ _tag: 'Ended', end: { code: 0, because, fate: 'never' } });
      out.complete();
    };
    try {
      made = new deps.WebSocket(deps.url, [...deps.protocols]);
    } catch (thrown) {
      return never(String(thrown));
    }
    if (!isWebSocket(made)) return never('WebSocket: expected the class of a WebSocket');
    const ws = made;
    const on = (type: string, handle: (event: CloseEventLike & MessageEventLike) => void): void =>
      ws.addEventListener(type, (event) => {
        if (!out.closed) handle(event);
      });
    on('open', () => {
      isOpen = true;
      for (const text of early.splice(0)) ws.send(text);
      out.next({ _tag: 'Opened' });
    });
    on('message', ({ data }) => {
      first$.next();
      out.next({ _tag: 'Text', text: data });
    });
    on('close', ({ code, reason }) => end(code, reason));
    // the event `close` follows
    on('error', () => undefined);
    out.add(
      deps.send$.subscribe((text) => {
        if (isOpen) ws.send(text);
        else early.push(text);
      }),
    );
    out.add(
      timer(FIRST_FRAME_MS, deps.scheduler)
        .pipe(takeUntil(first$))
        .subscribe(() => end(1006, `the server sent nothing within ${FIRST_FRAME_MS} ms`)),
    );
    out.add(() => {
      try {
        ws.close(CLOSE.normal.code);
      } catch {
        // a socket that is still connecting may refuse to be closed
      }
    });
  });

const COMES_BACK = new Map(Object.values(CLOSE).map(({ code, comeBack }) => [code, comeBack]));

/** What the close table says of a code (docs/protocol.md, section 7). */
export const endOf = (code: number, reason: string, isOpen: boolean): SocketEnd => {
  const because = reason === '' ? reasonOf(code, isOpen) : reason;
  if (code === CLOSE.tokenExpired.code) return { code, because, fate: 'token' };
  if (code === CLOSE.goingAway.code) return { code, because, fate: 'now' };
  // own codes: after 4000–4499 a client comes back
  const isOwn = code >= 4000 && code <= 4999;
  const comesBack = isOwn ? code < 4500 : (COMES_BACK.get(code) ?? true);
  return { code, because, fate: comesBack ? 'retry' : 'never' };
};

const reasonOf = (code: number, isOpen: boolean): string =>
  isOpen ? `the connection was closed (${code})` : 'the connection could not be opened';
