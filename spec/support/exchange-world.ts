/** Workers and their exchange in virtual time. */
import { Subject } from 'rxjs';
import { exchange, type Exchange } from '../../lib/broker/exchange/exchange.js';
import { type ExchangePort, exchangePort } from '../../lib/broker/exchange/exchange-port.js';
import { readAsked } from '../../lib/broker/exchange/frame-codec.js';
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
      const frame$ = new Subject<Buffer>();
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
      let unsent = 0;
      const session = workerSession({
        exchange: shared,
        clock,
        name,
        send: (frame) => {
          back.send(() => frame$.next(frame));
        },
      });
      const port = exchangePort({
        clock,
        serverId: name,
        link: {
          frame$,
          unsentBytes: () => unsent,
          send: (frame) => {
            asked.push(...(readAsked(frame) ?? []).map(({ request }) => request._tag));
            unsent += frame.length;
            way.send(() => {
              unsent -= frame.length;
              session.take(frame);
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
