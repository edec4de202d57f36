/**
 * One timer for all connections: a timer each would cost 0.9 kB and 0.7 µs a message. Every tick checks each
 * connection: those that sent bytes are alive, those that are due are pinged, and those that were silent for
 * too long are emitted. Pings start in random phase, so clients that connected together are not pinged
 * together.
 *
 * Two kinds of time do not count as silence. In the first, the socket was not read, as earlier frames had to
 * wait (`pace.ts`). In the second, the process did not run (a long garbage collection, a stopped machine).
 * What the client sent in such a time waits in the kernel. No client counts as silent before these bytes were
 * read.
 */
import { interval, map, mergeMap, type Observable } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Connection } from './connection.js';
import { isIncomplete } from './half-message.js';

export interface Heartbeat {
  readonly clock: Clock;
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
}

/** Silent for too long, or in the middle of a message for too long. */
export interface HeartbeatFault {
  readonly connection: Connection;
  readonly why: 'silent' | 'half a message';
}

const TICKS_A_PERIOD = 32;
const MAX_TICK_MS = 1_000;

export const heartbeat =
  ({ clock, pingIntervalMs, pongTimeoutMs }: Heartbeat) =>
  (connections: ReadonlySet<Connection>): Observable<HeartbeatFault> => {
    const tickMs = Math.min(MAX_TICK_MS, pingIntervalMs / TICKS_A_PERIOD);
    let before = clock.scheduler.now();
    let lived = 0;

    const check = (connection: Connection): HeartbeatFault | undefined => {
      const { vital, bytesRead } = connection;
      if (vital.pingAt < 0) vital.pingAt = Math.floor(lived + clock.random() * pingIntervalMs);
      // a paused socket shows no sign of life
      if (bytesRead !== vital.bytesRead || connection.isPaused) {
        vital.bytesRead = bytesRead;
        vital.lastReadAt = Math.round(lived);
      }
      if (isIncomplete(connection, lived)) return { connection, why: 'half a message' };
      if (lived - vital.lastReadAt > pongTimeoutMs) return { connection, why: 'silent' };
      // the next tick would be too late
      if (lived + tickMs > vital.pingAt) {
        vital.pingAt = Math.floor(lived + pingIntervalMs);
        connection.ping();
      }
      return undefined;
    };

    return interval(tickMs, clock.scheduler).pipe(
      map(() => {
        const now = clock.scheduler.now();
        lived += Math.min(now - before, 2 * tickMs);
        before = now;
        const overdue: HeartbeatFault[] = [];
        for (const connection of connections) {
          const found = check(connection);
          if (found !== undefined) overdue.push(found);
        }
        return overdue;
      }),
      mergeMap((overdue) => overdue),
    );
  };
