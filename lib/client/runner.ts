/**
 * Runs the client's state machine: all inputs are one stream, `step` makes of each the next state and
 * effects. Timers, sockets and requests for tokens follow from the state: they run as long as the state says
 * so.
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
  catchError,
  distinctUntilChanged,
  filter,
  map,
  merge,
  mergeMap,
  type Observable,
  ReplaySubject,
  scan,
  Subject,
  switchMap,
  takeUntil,
  timer,
} from './rx.js';
import type { ClientClock } from './options.js';
import { onNoToken, onPage, onToken } from './connections.js';
import {
  type Change,
  connectionOf,
  type Effect,
  type EffectOf,
  type Effects,
  LONGEST_MS,
  type PageEvent,
  START,
  type State,
} from './state.js';
import { step } from './step.js';
import type { OpenSocket } from './web-socket-class.js';
import { webSocketInputs } from './web-socket.js';

export interface RunnerDeps {
  readonly url: string;
  readonly token$: Observable<string>;
  readonly open: OpenSocket;
  readonly clock: ClientClock;
  readonly page$: Observable<PageEvent>;
}

export interface Runner {
  /** Replays the last one; completes when the client is closed. */
  readonly state$: Observable<State>;
  /** What the effects of one kind have for this socket, room or `ref`, as they are performed. */
  readonly on: <T extends keyof Effects>(tag: T, to?: Effect['to']) => Observable<Effects[T]>;
  readonly dispatch: (input: Change) => void;
}

const WOKEN: Change = (state) => state;

export const runner = ({
  url,
  token$,
  open,
  page$,
  clock: { scheduler, random, wall },
}: RunnerDeps): Runner => {
  const dispatched$ = new Subject<Change>();
  const effect$ = new Subject<Effect>();
  const state$ = new ReplaySubject<State>(1);
  state$.next(START);
  const on = <T extends keyof Effects>(tag: T, to?: Effect['to']): Observable<Effects[T]> =>
    effect$.pipe(
      filter((effect): effect is Effect & EffectOf<T> => effect._tag === tag && effect.to === to),
      map(({ what }) => what),
    );

  const woken$ = state$.pipe(
    switchMap(({ wakeAt, nowMs }) =>
      wakeAt < Infinity ? timer(Math.min(wakeAt - nowMs, LONGEST_MS), scheduler) : [],
    ),
    map(() => WOKEN),
  );

  const asked$ = state$.pipe(
    map(({ isAsking }) => isAsking),
    distinctUntilChanged(),
    switchMap((isAsking) =>
      isAsking
        ? token$.pipe(
            map(onToken),
            catchError((thrown: unknown) => [onNoToken(String(thrown))]),
          )
        : [],
    ),
  );

  const socket$ = on('Connect').pipe(
    mergeMap(({ socket, token, lastId }) =>
      webSocketInputs(
        socket,
        () =>
          open(
            lastId ? `${url}${url.includes('?') ? '&' : '?'}last_id=${lastId}` : url,
            // in a subprotocol the token is in no URL and no access log
            ['realtime.v1', ...(token ? [`bearer.${token}`] : [])],
          ),
        on('Send', socket),
      ).pipe(takeUntil(state$.pipe(filter((state) => !connectionOf(state, socket))))),
    ),
  );

  const running = merge(dispatched$, woken$, asked$, socket$, page$.pipe(map(onPage)))
    // an effect may cause an input: the input waits until all effects of this step are performed
    .pipe(
      mergeMap((input) => [input], 1),
      scan((state, input) => step(state, input, wall(), random()), START),
    )
    .subscribe((state) => {
      state$.next(state);
      for (const effect of state.effects) effect$.next(effect);
      if (!state.final) return;
      running.unsubscribe();
      state$.complete();
      effect$.complete();
    });
  return { state$, on, dispatch: (input) => dispatched$.next(input) };
};
