/**
 * A publisher that does what docs/protocol.md asks of one: each message has an idempotency key, and is sent
 * again under this key until it is acknowledged.
 *
 *   Away ─▶ socket, joined ─▶ Steady: all that have no ack are sent again, in their order, then new ones
 *    ▲                          │ a refusal
 *    │ the socket ends          ▼
 *    └────────────────────── Refused: nothing is sent until all answers are here, and for a while after it
 *                               │ then the first message without an ack is sent alone
 *                               └─▶ Trying ─┬─ ack ─▶ Steady
 *                                           └─ a refusal ─▶ Refused
 *
 * After a socket has ended it goes to the next pod.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { dataOf, keyOf, type Ledger, noteId, numberOf, type Steps } from './ledger.js';
import { type Ack, type PublishingSocket, publishingSocket } from './publishing-socket.js';

export interface PublisherOptions {
  readonly ledger: Ledger;
  readonly steps: Steps;
  readonly ports: readonly number[];
  /** The most messages without an ack. */
  readonly window: number;
  /** Whether a new message may be sent now. */
  readonly mayStart: () => boolean;
}

export interface Publisher {
  readonly counts: Readonly<PublisherCounts>;
  readonly isDone: () => boolean;
  /** Sends new messages, when it may; gives a socket up that is silent. */
  readonly tick: () => void;
  readonly stop: () => void;
}

export interface PublisherCounts {
  /** Messages that were sent again. */
  repeated: number;
  /** Acks that say `duplicate`. */
  duplicates: number;
  /** By code. */
  readonly refusals: Record<string, number>;
  connections: number;
  /** When it got its last ack, `performance.now()`. */
  ackedAt: number;
}

interface State {
  mode: 'Away' | 'Steady' | 'Refused' | 'Trying';
  socket: PublishingSocket | undefined;
  /** The next number that was never sent. */
  next: number;
  /** Times that it was `Refused` without an ack between them. */
  rounds: number;
  answeredAt: number;
  isStopped: boolean;
  /** Sent and not acknowledged, in order. */
  readonly open: Set<number>;
  /** Sent on this socket, and not answered. */
  readonly underWay: Set<number>;
  /** When a message was sent for the first time, `performance.now()`. */
  readonly since: Map<number, number>;
}

const SILENCE_MS = 15_000;
const AWAY_MS = 300;
const REFUSED_MS = 100;
const MOST_REFUSED_MS = 1_000;

export const publisher = (options: PublisherOptions): Publisher => {
  const { ledger, steps, ports, window, mayStart } = options;
  const counts: PublisherCounts = {
    repeated: 0,
    duplicates: 0,
    refusals: {},
    connections: 0,
    ackedAt: performance.now(),
  };
  const state: State = {
    mode: 'Away',
    socket: undefined,
    next: 1,
    rounds: 0,
    answeredAt: performance.now(),
    isStopped: false,
    open: new Set(),
    underWay: new Set(),
    since: new Map(),
  };

  const send = (n: number): void => {
    if (ledger.sentAt[n] === 0) {
      ledger.sentAt[n] = ++steps.now;
      state.since.set(n, performance.now());
    } else counts.repeated++;
    state.open.add(n);
    state.underWay.add(n);
    state.socket?.publish(keyOf(ledger, n), dataOf(ledger, n));
  };

  const sendNew = (): void => {
    while (
      state.mode === 'Steady' &&
      state.next <= ledger.count &&
      state.open.size < window &&
      mayStart()
    )
      send(state.next++);
  };

  const goOn = (): void => {
    state.mode = 'Steady';
    for (const n of state.open) if (!state.underWay.has(n)) send(n);
    sendNew();
  };

  const acked = (key: string, { id, duplicate, scope }: Ack): void => {
    const n = numberOf(key);
    state.underWay.delete(n);
    if (duplicate) counts.duplicates++;
    counts.ackedAt = performance.now();
    if (state.open.delete(n)) {
      ledger.ackedAt[n] = ++steps.now;
      ledger.ackMs[n] = counts.ackedAt - (state.since.get(n) ?? 0);
      state.since.delete(n);
      if (scope !== undefined) ledger.podOnly[n] = 1;
      noteId(ledger, n, id);
    }
    state.rounds = 0;
    if (state.mode === 'Trying') goOn();
    else if (state.mode === 'Refused') tryLater();
    else sendNew();
  };

  const refused = (key: string, code: string): void => {
    counts.refusals[code] = (counts.refusals[code] ?? 0) + 1;
    const n = numberOf(key);
    if (!state.underWay.delete(n)) return;
    ledger.refused[n] = 1;
    state.mode = 'Refused';
    tryLater();
  };

  /** When all answers are here. */
  const tryLater = (): void => {
    if (state.underWay.size > 0) return;
    const { socket } = state;
    const ms = Math.min(MOST_REFUSED_MS, REFUSED_MS * 2 ** state.rounds++);
    void sleep(ms * (0.5 + Math.random() / 2), undefined, { ref: false }).then(() => {
      if (state.socket !== socket || state.mode !== 'Refused') return;
      const [first] = state.open;
      if (first === undefined) return goOn();
      state.mode = 'Trying';
      send(first);
    });
  };

  const connect = (): void => {
    if (state.isStopped) return;
    const port = ports[(ledger.publisher + counts.connections) % ports.length] ?? 0;
    counts.connections++;
    state.answeredAt = performance.now();
    const isOwn = (): boolean => state.socket === socket;
    const answered =
      <A extends readonly unknown[]>(handle: (...args: A) => void) =>
      (...args: A): void => {
        state.answeredAt = performance.now();
        if (isOwn()) handle(...args);
      };
    const socket: PublishingSocket = publishingSocket(
      port,
      ledger.room,
      `publisher-${ledger.publisher}`,
      {
        joined: answered(() => {
          if (state.mode === 'Away') goOn();
        }),
        acked: answered(acked),
        refused: answered(refused),
        closed: answered(away),
      },
    );
    state.socket = socket;
  };

  const away = (): void => {
    // the pod may have refused some of these, and the answer was lost with the connection
    for (const n of state.underWay) ledger.refused[n] = 1;
    state.mode = 'Away';
    state.socket = undefined;
    state.underWay.clear();
    void sleep(AWAY_MS * Math.random(), undefined, { ref: false }).then(connect);
  };

  const isDone = (): boolean => state.next > ledger.count && state.open.size === 0;
  const isWaiting = (): boolean => state.mode === 'Away' || state.underWay.size > 0;
  connect();
  return {
    counts,
    isDone,
    tick: () => {
      sendNew();
      if (state.socket === undefined || isDone() || !isWaiting()) return;
      if (performance.now() - state.answeredAt < SILENCE_MS) return;
      state.socket.cut();
      away();
    },
    stop: () => {
      state.isStopped = true;
      state.socket?.cut();
    },
  };
};
