/** Workers and their exchange in virtual time. Frames are encoded and decoded as between two processes. */
import { deserialize, serialize } from 'node:v8';
import { Subject } from 'rxjs';
import { exchange, type Exchange } from '../../lib/broker/exchange/exchange.js';
import { type ExchangePort, exchangePort } from '../../lib/broker/exchange/exchange-port.js';
import { type WorkerSession, workerSession } from '../../lib/broker/exchange/worker-session.js';
import { pipe } from './pipe.js';
import type { VirtualClock } from './virtual-clock.js';

export interface ExchangeWorld {
  readonly exchange: Exchange;
  readonly worker: (name: string) => WorldWorker;
}

export interface WorldWorker {
  readonly port: ExchangePort;
  readonly session: WorkerSession;
  /** The kinds of the requests that the worker has sent. */
  readonly asked: string[];
  /** The exchange does not run: its process stands still. */
  readonly hold: (on: boolean) => void;
}

const copy = (frame: unknown): unknown => deserialize(serialize(frame));

export interface ExchangeWorldOptions {
  readonly logMessages?: number;
  readonly logTtlMs?: number;
  readonly positionTtlMs?: number;
}

const DAY_MS = 86_400_000;

export const exchangeWorld = (
  clock: VirtualClock,
  { logMessages = 1_000, logTtlMs = 600_000, positionTtlMs = DAY_MS }: ExchangeWorldOptions = {},
): ExchangeWorld => {
  const shared = exchange({ clock, positionTtlMs, logMessages, logTtlMs });
  return {
    exchange: shared,
    worker: (name) => {
      const frame$ = new Subject<unknown>();
      let paused: (() => void)[] | undefined;
      const way = pipe({
        clock,
        delayMs: () => 2,
        blocked: (deliver) => {
          paused?.push(deliver);
          return paused !== undefined;
        },
      });
      const back = pipe({ clock, delayMs: () => 2 });
      const asked: string[] = [];
      const session = workerSession({
        exchange: shared,
        clock,
        name,
        send: (frame) => {
          const copied = copy(frame);
          back.send(() => frame$.next(copied));
        },
      });
      const port = exchangePort({
        clock,
        serverId: name,
        link: {
          frame$,
          send: (frame, written) => {
            const copied = copy(frame);
            asked.push(...frame.requests.map(({ request }) => request._tag));
            way.send(() => {
              written();
              session.take(copied);
            });
          },
        },
      });
      return {
        port,
        session,
        asked,
        hold: (on) => {
          const waiting = paused ?? [];
          paused = on ? waiting : undefined;
          if (!on) for (const deliver of waiting) deliver();
        },
      };
    },
  };
};
