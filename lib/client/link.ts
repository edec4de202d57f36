/**
 * The state of the client's connection, and what each input changes: pure.
 *
 *            needed              welcome               draining
 *     Idle ─────────▶ Connecting ────────▶ Live ─────────────────────▶ Draining
 *                      ▲  │ ▲               │                           │    │
 *            retry, or │  │ │ 4001, once    │ ended                     │    │ the second socket
 *            visible   │  │ └───────────────┤                           │    │ has all rooms
 *                      │  ▼                 ▼                           │    ▼
 *                     Waiting ◀─────────────┴── the old socket ended ◀──┘   Live
 *
 *     each ── offline, or frozen ──▶ Offline ── online, or resumed ──▶ Connecting
 *     each ── a close code that does not come back, a second 4001, close() ──▶ Closed
 *
 * A hidden page does not try: it waits until it is visible. What the application closed stays closed.
 */
import {
  isLive,
  type Link,
  type PageEvent,
  pageAfter,
  type Phase,
  type Session,
  socketsOf,
} from './phase.js';
import type { SocketNumber } from './room-state.js';

export type LinkInput =
  | { readonly _tag: 'Needed' }
  | { readonly _tag: 'Welcomed'; readonly socket: SocketNumber; readonly session: Session }
  | { readonly _tag: 'Degraded'; readonly socket: SocketNumber; readonly yes: boolean }
  | { readonly _tag: 'Draining'; readonly socket: SocketNumber; readonly inMs: number }
  /** All rooms are joined on the second socket, and nothing waits for an answer on the first. */
  | { readonly _tag: 'HandedOver' }
  | { readonly _tag: 'Ended'; readonly socket: SocketNumber; readonly end: SocketEnd }
  | { readonly _tag: 'Elapsed'; readonly timer: LinkTimer }
  | { readonly _tag: 'Page'; readonly event: PageEvent }
  | { readonly _tag: 'Close' };

export interface SocketEnd {
  readonly code: number;
  readonly because: string;
  /** What the close table says (docs/protocol.md, section 7). `token`: with a new token only. */
  readonly fate: 'retry' | 'now' | 'token' | 'never';
  /** The server asked for this wait; undefined: it did not. */
  readonly retryInMs?: number | undefined;
}

export type LinkTimer = 'retry' | 'stable' | 'handover';

export type LinkEffect =
  | { readonly _tag: 'Connect'; readonly socket: SocketNumber; readonly isNewToken: boolean }
  | { readonly _tag: 'Disconnect'; readonly socket: SocketNumber; readonly code: number }
  /** Undefined ends the timer. */
  | { readonly _tag: 'Timer'; readonly timer: LinkTimer; readonly ms: number | undefined };

export type LinkStep = readonly [Link, readonly LinkEffect[]];

/** Time and chance of one step. */
export interface Moment {
  /** Wall clock, Unix ms. */
  readonly now: number;
  /** The wait after so many failures, in ms. */
  readonly backoff: (failures: number) => number;
  /** A number in [0, 1). */
  readonly chance: number;
}

/** After this long in `Live` a failure is the first one again. */
const STABLE_MS = 10_000;
/** The second socket is opened in this part of the time that is left to the first one. */
const HANDOVER = 0.5;
const NORMAL = 1000;
const NONE: readonly LinkEffect[] = [];

export const step = (link: Link, input: LinkInput, moment: Moment): LinkStep => {
  const { phase } = link;
  if (phase._tag === 'Closed') return [link, NONE];
  switch (input._tag) {
    case 'Needed':
      return phase._tag === 'Idle' ? connect(link, undefined) : [link, NONE];
    case 'Welcomed':
      return welcomed(link, input.socket, input.session);
    case 'Degraded':
      return isLive(phase) && phase.socket === input.socket
        ? [{ ...link, phase: { ...phase, isDegraded: input.yes } }, NONE]
        : [link, NONE];
    case 'Draining':
      if (phase._tag !== 'Live' || phase.socket !== input.socket) return [link, NONE];
      return [
        { ...link, phase: { ...phase, _tag: 'Draining', next: undefined } },
        [timer('handover', input.inMs * HANDOVER * moment.chance)],
      ];
    case 'HandedOver':
      return handedOver(link);
    case 'Ended':
      return ended(link, input.socket, input.end, moment);
    case 'Elapsed':
      return elapsed(link, input.timer);
    case 'Page':
      return onPage(link, input.event, moment.now);
    case 'Close':
      return close(link, NORMAL, 'closed by the application');
  }
};

const timer = (name: LinkTimer, ms: number | undefined): LinkEffect => ({
  _tag: 'Timer',
  timer: name,
  ms,
});

/** `hiddenAt`: the time, when a hidden page waits until it is visible. */
const connect = (
  link: Link,
  hiddenAt: number | undefined,
  ...first: readonly LinkEffect[]
): LinkStep => {
  const { isOnline, isVisible, isFrozen } = link.page;
  if (!isOnline || isFrozen) return offline(link, ...first);
  if (hiddenAt !== undefined && !isVisible)
    return [
      { ...link, phase: { _tag: 'Waiting', retryAt: hiddenAt, because: 'the page is hidden' } },
      [...first, timer('retry', undefined)],
    ];
  const socket = link.lastSocket + 1;
  return [
    { ...link, lastSocket: socket, phase: { _tag: 'Connecting', socket } },
    [...first, { _tag: 'Connect', socket, isNewToken: link.isTokenRefused }],
  ];
};

const offline = (link: Link, ...first: readonly LinkEffect[]): LinkStep => [
  {
    ...link,
    phase: { _tag: 'Offline', because: link.page.isOnline ? 'frozen' : 'offline' },
  },
  [...first, ...drop(link.phase, NORMAL), timer('retry', undefined)],
];

const drop = (phase: Phase, code: number): readonly LinkEffect[] =>
  socketsOf(phase).map((socket) => ({ _tag: 'Disconnect', socket, code }));

const close = (link: Link, code: number, because: string): LinkStep => [
  { ...link, phase: { _tag: 'Closed', code, because } },
  drop(link.phase, NORMAL),
];

const welcomed = (link: Link, socket: SocketNumber, session: Session): LinkStep => {
  const { phase } = link;
  if (phase._tag === 'Connecting' && phase.socket === socket)
    return [
      {
        ...link,
        isTokenRefused: false,
        phase: { _tag: 'Live', socket, session, isDegraded: false },
      },
      [timer('stable', STABLE_MS)],
    ];
  return phase._tag === 'Draining' && phase.next?.socket === socket
    ? [{ ...link, isTokenRefused: false, phase: { ...phase, next: { socket, session } } }, NONE]
    : [link, NONE];
};

const handedOver = (link: Link): LinkStep => {
  const { phase } = link;
  if (phase._tag !== 'Draining' || phase.next?.session === undefined) return [link, NONE];
  const { socket, session } = phase.next;
  return [
    { ...link, phase: { _tag: 'Live', socket, session, isDegraded: false } },
    [
      { _tag: 'Disconnect', socket: phase.socket, code: NORMAL },
      timer('stable', STABLE_MS),
      timer('handover', undefined),
    ],
  ];
};

const ended = (link: Link, socket: SocketNumber, end: SocketEnd, moment: Moment): LinkStep => {
  const { phase, failures } = link;
  const { now } = moment;
  if (!socketsOf(phase).includes(socket)) return [link, NONE];
  if (end.fate === 'never') return close(link, end.code, end.because);
  if (end.fate === 'token') {
    if (link.isTokenRefused) return close(link, end.code, end.because);
    if (phase._tag !== 'Draining') return connect({ ...link, isTokenRefused: true }, now);
  }
  if (phase._tag === 'Draining') {
    if (phase.next?.socket === socket)
      return [
        { ...link, failures: failures + 1, phase: { ...phase, next: undefined } },
        [timer('handover', end.retryInMs ?? moment.backoff(failures))],
      ];
    // the first socket has ended: the second one goes on alone
    if (phase.next === undefined) return connect(link, now, timer('handover', undefined));
    const { session } = phase.next;
    const next = { socket: phase.next.socket };
    return [
      {
        ...link,
        phase:
          session === undefined
            ? { _tag: 'Connecting', ...next }
            : { _tag: 'Live', ...next, session, isDegraded: false },
      },
      [timer('stable', session === undefined ? undefined : STABLE_MS)],
    ];
  }
  if (end.fate === 'now') return connect(link, now);
  const ms = end.retryInMs ?? moment.backoff(failures);
  return [
    {
      ...link,
      failures: failures + 1,
      phase: { _tag: 'Waiting', retryAt: now + ms, because: end.because },
    },
    [timer('stable', undefined), timer('retry', ms)],
  ];
};

const elapsed = (link: Link, name: LinkTimer): LinkStep => {
  const { phase, page, lastSocket } = link;
  switch (name) {
    case 'stable':
      return [isLive(phase) ? { ...link, failures: 0 } : link, NONE];
    case 'retry':
      return phase._tag === 'Waiting' && page.isVisible ? connect(link, undefined) : [link, NONE];
    case 'handover': {
      if (phase._tag !== 'Draining' || phase.next !== undefined) return [link, NONE];
      const socket = lastSocket + 1;
      return [
        { ...link, lastSocket: socket, phase: { ...phase, next: { socket, session: undefined } } },
        [{ _tag: 'Connect', socket, isNewToken: false }],
      ];
    }
  }
};

const onPage = (before: Link, event: PageEvent, now: number): LinkStep => {
  const link = { ...before, page: pageAfter(before.page, event) };
  const { phase, page } = link;
  if (phase._tag === 'Idle') return [link, NONE];
  if (!page.isOnline || page.isFrozen)
    return phase._tag === 'Offline' ? [link, NONE] : offline(link);
  if (phase._tag === 'Offline') return connect({ ...link, failures: 0 }, now);
  return phase._tag === 'Waiting' && event === 'visible'
    ? connect(link, now, timer('retry', undefined))
    : [link, NONE];
};
