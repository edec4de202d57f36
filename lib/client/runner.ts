/**
 * Runs the client's state machine (`state.ts`): all inputs are one stream, `scan` steps the state, and each
 * effect is performed by one small stream, whose results are inputs again.
 *
 *   application ─┐
 *   page ────────┤            ┌─▶ status
 *   tokens ──────┼─▶ step ────┼─▶ events of rooms, answers of publishes
 *   timers ──────┤   (scan)   ├─▶ timers ──────────┐
 *   sockets ─────┘            └─▶ sockets ─────────┤
 *      ▲                                           │
 *      └───────────────────────────────────────────┘
 *
 * Source: it subscribes to that loop, until the client is closed.
 */
import {
  BehaviorSubject,
  EMPTY,
  filter,
  groupBy,
  map,
  merge,
  mergeMap,
  type Observable,
  observeOn,
  of,
  queueScheduler,
  scan,
  share,
  Subject,
  switchMap,
  takeWhile,
  tap,
  timer,
} from 'rxjs';
import { fullJitterMs } from './backoff.js';
import type { Moment } from './link.js';
import type { PageEvent } from './phase.js';
import type { ClientClock } from './options.js';
import { session } from './session.js';
import { type ClientState, type Effect, type Input, START, type TimerName } from './state.js';
import { step } from './step.js';
import { type TokenSource, tokens } from './token.js';
import type { WebSocketClass } from './web-socket.js';

export interface RunnerDeps {
  readonly url: string;
  readonly token: TokenSource | undefined;
  readonly WebSocket: WebSocketClass;
  readonly clock: ClientClock;
  readonly page$: Observable<PageEvent>;
}

export interface Runner {
  /** Completes when the client is closed. */
  readonly state$: BehaviorSubject<ClientState>;
  readonly effect$: Observable<Effect>;
  readonly dispatch: (input: Input) => void;
}

type Of<T extends Effect['_tag']> = Extract<Effect, { readonly _tag: T }>;

export const runner = ({ url, token, WebSocket, clock, page$ }: RunnerDeps): Runner => {
  const { scheduler, random, wall } = clock;
  const input$ = new Subject<Input>();
  const state$ = new BehaviorSubject(START);
  const backoff = (failures: number): number => fullJitterMs(failures, random);
  const moment = (): Moment => ({ now: wall(), backoff, chance: random() });

  const effect$ = input$.pipe(
    // an effect may cause an input at once: the input waits until the effects before it are performed
    observeOn(queueScheduler),
    scan<Input, readonly [ClientState, readonly Effect[]]>(
      ([state], input) => step(state, input, moment()),
      [START, []],
    ),
    tap(([state]) => state$.next(state)),
    mergeMap(([, effects]) => effects),
    // the state lives as long as the client, whoever listens
    share({ resetOnRefCountZero: false }),
  );
  const on = <T extends Effect['_tag']>(tag: T): Observable<Of<T>> =>
    effect$.pipe(filter((effect): effect is Of<T> => effect._tag === tag));

  const elapsed$ = on('Timer').pipe(
    groupBy((effect) => effect.timer),
    mergeMap((same$) =>
      same$.pipe(
        switchMap(({ timer: name, ms }) =>
          ms === undefined ? EMPTY : timer(ms, scheduler).pipe(map(() => elapsed(name))),
        ),
      ),
    ),
  );

  const wake$ = page$.pipe(share());
  const access = token && tokens({ source: token, scheduler, wall, backoff });
  const open = session({
    WebSocket,
    scheduler,
    wall,
    url,
    token$: access?.next$ ?? of(undefined),
    wake$,
  });
  const socket$ = on('Connect').pipe(
    mergeMap(({ socket, lastId }) =>
      open({
        socket,
        lastId,
        send$: on('Send').pipe(
          filter((effect) => effect.socket === socket),
          map(({ text }) => text),
        ),
        end$: on('Disconnect').pipe(filter((effect) => effect.socket === socket)),
      }),
    ),
  );
  const refreshed$ =
    access
      ?.refreshedBy(on('RefreshToken'))
      .pipe(map((next): Input => ({ _tag: 'Refreshed', token: next }))) ?? EMPTY;

  const inputs$ = merge(
    elapsed$,
    socket$,
    refreshed$,
    wake$.pipe(map((event): Input => ({ _tag: 'Page', event }))),
  );
  const isOpen = ({ link }: ClientState): boolean => link.phase._tag !== 'Closed';
  const running = merge(inputs$.pipe(tap((input) => input$.next(input)))).subscribe();
  running.add(state$.pipe(takeWhile(isOpen)).subscribe({ complete: () => running.unsubscribe() }));
  return { state$, effect$, dispatch: (input) => input$.next(input) };
};

const elapsed = (name: TimerName): Input =>
  name === 'retry' || name === 'stable' || name === 'handover'
    ? { _tag: 'Elapsed', timer: name }
    : { _tag: 'Due', timer: name };
