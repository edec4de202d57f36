/**
 * Runs the client's state machine: all inputs are one stream, `step` makes of each the next state and effects.
 * Timers, sockets and requests for tokens follow from the state: they run as long as the state says so.
 *
 *   application ─┐
 *   page ────────┤           ┌─▶ state ───▶ status, members, positions
 *   tokens ──────┼─▶ step ───┤     ├──────▶ timer, request for a token ──┐
 *   timer ───────┤           │     └──────▶ end of a socket              │
 *   sockets ─────┘           └─▶ effects ─▶ events of rooms, answers     │
 *      ▲                           └──────▶ socket, frames of sockets ───┤
 *      └─────────────────────────────────────────────────────────────────┘
 *
 * Source: it subscribes to that loop, until the client is closed.
 */
import {
  BehaviorSubject,
  catchError,
  concatMap,
  defer,
  distinctUntilChanged,
  EMPTY,
  filter,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  share,
  Subject,
  switchMap,
  take,
  takeUntil,
  timer,
} from 'rxjs';
import type { ClientClock } from './options.js';
import { type Effect, type Input, type PageEvent, START, type State } from './state.js';
import { step } from './step.js';
import type { TokenSource } from './token.js';
import { type WebSocketClass, webSocketInputs } from './web-socket.js';

export interface RunnerDeps {
  readonly url: string;
  readonly token: TokenSource;
  readonly WebSocket: WebSocketClass;
  readonly clock: ClientClock;
  readonly page$: Observable<PageEvent>;
}

export interface Runner {
  /** Complete when the client is closed. */
  readonly state$: BehaviorSubject<State>;
  readonly effect$: Observable<Effect>;
  /** A token: one request at a time, whoever asks. */
  readonly token$: Observable<string>;
  readonly dispatch: (input: Input) => void;
}

type Of<T extends Effect['_tag']> = Extract<Effect, { readonly _tag: T }>;

/** The longest timer of the platforms. */
const MAX_TIMER_MS = 0x7fffffff;

export const runner = (deps: RunnerDeps): Runner => {
  const { url, token: source, WebSocket, page$ } = deps;
  const { scheduler, random, wall } = deps.clock;
  const dispatched$ = new Subject<Input>();
  const effect$ = new Subject<Effect>();
  const state$ = new BehaviorSubject(START);
  const on = <T extends Effect['_tag']>(tag: T): Observable<Of<T>> =>
    effect$.pipe(filter((effect): effect is Of<T> => effect._tag === tag));

  // the wall clock jumps when a page has slept; when it was set back, time stands still for that moment
  let last = 0;
  let setBack = 0;
  const now = (): number => {
    setBack += Math.max(0, last - wall() - setBack);
    last = wall() + setBack;
    return last;
  };

  const woken$ = state$.pipe(
    switchMap(({ wakeAt }) =>
      wakeAt < Infinity
        ? timer(Math.min(Math.max(wakeAt - now(), 0), MAX_TIMER_MS), scheduler)
        : EMPTY,
    ),
    map((): Input => ({ _tag: 'Wake' })),
  );

  const token$ = defer(() => {
    const token = source();
    return typeof token === 'string' ? of(token) : token;
  }).pipe(take(1), share());
  const asked$ = state$.pipe(
    map(({ isAsking }) => isAsking),
    distinctUntilChanged(),
    switchMap((isAsking) =>
      isAsking
        ? token$.pipe(
            map((token): Input => ({ _tag: 'Token', token })),
            catchError(() => of<Input>({ _tag: 'NoToken' })),
          )
        : EMPTY,
    ),
  );

  const socket$ = on('Connect').pipe(
    mergeMap(({ socket, token, lastId }) =>
      webSocketInputs({
        WebSocket,
        url: lastId ? `${url}${url.includes('?') ? '&' : '?'}last_id=${lastId}` : url,
        // in a subprotocol the token is in no URL and no access log
        protocols: ['realtime.v1', ...(token ? [`bearer.${token}`] : [])],
        socket,
        send$: on('Send').pipe(
          filter((effect) => effect.socket === socket),
          map(({ text }) => text),
        ),
      }).pipe(
        takeUntil(
          state$.pipe(
            filter(({ connections }) => connections.every((one) => one.socket !== socket)),
          ),
        ),
      ),
    ),
  );

  const running = merge(
    dispatched$,
    woken$,
    asked$,
    socket$,
    page$.pipe(map((event): Input => ({ _tag: 'Page', event }))),
  )
    // an effect may cause an input at once: the input waits until the effects before it are performed
    .pipe(concatMap((input) => of(input)))
    .subscribe((input) => {
      const [state, ...effects] = step(state$.value, input, { now: now(), chance: random() });
      state$.next(state);
      for (const effect of effects) effect$.next(effect);
      if (!state.closed) return;
      running.unsubscribe();
      state$.complete();
      effect$.complete();
    });
  return { state$, effect$, token$, dispatch: (input) => dispatched$.next(input) };
};
