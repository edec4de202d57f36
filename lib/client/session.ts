/** One connection of the client as a stream of inputs: its token, its socket, and whether the server answers. */
import {
  EMPTY,
  filter,
  interval,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  type SchedulerLike,
  share,
  Subject,
  switchMap,
  take,
  takeUntil,
  takeWhile,
} from 'rxjs';
import { pingFrame, readFrame } from './frames.js';
import type { SocketEnd } from './link.js';
import { vitals } from './liveness.js';
import type { SocketNumber } from './room-state.js';
import type { Input } from './state.js';
import { protocolsOf } from './token.js';
import { type WebSocketClass, webSocketEvents } from './web-socket.js';

export interface SessionDeps {
  readonly WebSocket: WebSocketClass;
  readonly scheduler: SchedulerLike;
  readonly wall: () => number;
  readonly url: string;
  /** The token of each connection; undefined without tokens. Emits once. */
  readonly token$: Observable<string | undefined>;
  /** A page wakes, or its network changes: sockets are checked at once. */
  readonly wake$: Observable<unknown>;
}

export interface SessionOrder {
  readonly socket: SocketNumber;
  /** The id to resume the global log from. */
  readonly lastId: string | undefined;
  readonly send$: Observable<string>;
  /** Ends the connection. */
  readonly end$: Observable<unknown>;
}

/** How often a socket is checked for silence. */
const CHECK_MS = 5_000;

export const session =
  (deps: SessionDeps) =>
  ({ socket, lastId, send$, end$ }: SessionOrder): Observable<Input> => {
    const { WebSocket, scheduler, wall, wake$ } = deps;
    const ended = (end: SocketEnd): Input => ({ _tag: 'Ended', socket, end });

    const connected = (token: string | undefined): Observable<Input> => {
      const ping$ = new Subject<string>();
      const event$ = webSocketEvents({
        WebSocket,
        scheduler,
        url: urlOf(deps.url, lastId),
        protocols: protocolsOf(token),
        send$: merge(send$, ping$),
      }).pipe(share());
      const input$ = event$.pipe(
        mergeMap((event): Observable<Input> => {
          switch (event._tag) {
            case 'Opened':
              return EMPTY;
            case 'Text':
              return of({ _tag: 'Received', socket, frame: readFrame(String(event.text)) });
            case 'Ended':
              return of(ended(event.end));
          }
        }),
      );
      const dead$ = vitals(event$, merge(interval(CHECK_MS, scheduler), wake$), wall).pipe(
        filter((vital) => {
          if (vital === 'Ping') ping$.next(pingFrame());
          return vital === 'Dead';
        }),
        map(() => ended(SILENT)),
      );
      // the first end of the two is the end of the session
      return merge(dead$, input$).pipe(takeWhile(({ _tag }) => _tag !== 'Ended', true));
    };

    return deps.token$.pipe(take(1), switchMap(connected), takeUntil(end$));
  };

const SILENT: SocketEnd = { code: 1006, because: 'the server does not answer', fate: 'retry' };

const urlOf = (url: string, lastId: string | undefined): string =>
  lastId === undefined ? url : `${url}${url.includes('?') ? '&' : '?'}last_id=${lastId}`;
