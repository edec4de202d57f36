/** One WebSocket as a stream: what came of it, until it has ended. Unsubscribing closes it. */
import { merge, Observable, type SchedulerLike, Subject, takeUntil, timer } from 'rxjs';
import { CLOSE } from '../protocol/close-codes.js';
import type { SocketEnd } from './link.js';

/** The part of the WHATWG WebSocket that the client uses. */
export interface WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
}

export type WebSocketClass = new (url: string, protocols?: string[]) => WebSocketLike;

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

/** A socket that does not open in this time is given up. */
const OPEN_MS = 15_000;

export const socket$ = (deps: SocketDeps): Observable<SocketEvent> =>
  new Observable((out) => {
    const opened$ = new Subject<void>();
    const early: string[] = [];
    let isOpen = false;
    let socket: WebSocketLike | undefined;
    const end = (code: number, because: string): void => {
      out.next({ _tag: 'Ended', end: endOf(code, because, isOpen) });
      out.complete();
    };
    try {
      socket = new deps.WebSocket(deps.url, [...deps.protocols]);
    } catch (thrown) {
      out.next({ _tag: 'Ended', end: { code: 0, because: String(thrown), fate: 'never' } });
      return out.complete();
    }
    const ws = socket;
    ws.onopen = () => {
      isOpen = true;
      opened$.next();
      for (const text of early.splice(0)) ws.send(text);
      out.next({ _tag: 'Opened' });
    };
    ws.onmessage = ({ data }) => out.next({ _tag: 'Text', text: data });
    ws.onclose = ({ code, reason }) => end(code, reason);
    ws.onerror = () => undefined;
    out.add(
      deps.send$.subscribe((text) => {
        if (isOpen) ws.send(text);
        else early.push(text);
      }),
    );
    out.add(
      merge(timer(OPEN_MS, deps.scheduler))
        .pipe(takeUntil(opened$))
        .subscribe(() => end(1006, `the connection did not open within ${OPEN_MS} ms`)),
    );
    out.add(() => {
      ws.onopen = ws.onmessage = ws.onclose = null;
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
