/** How a pod shuts down: no client is left, the deadline, a hurry before or during the drain. */
import { ReplaySubject } from 'rxjs';
import t from 'tap';
import type { Connection } from '../lib/connection/connection.js';
import { shutdown } from '../lib/shutdown.js';
import { virtualClock } from './support/virtual-clock.js';

/** One connection that goes `afterMs` after its close; undefined: never. */
const ground = (afterMs: number | undefined, requests = 0, sockets = 0) => {
  const clock = virtualClock();
  const hurry$ = new ReplaySubject<void>(1);
  const seen: string[] = [];
  const start = clock.scheduler.now();
  const at = (): number => clock.scheduler.now() - start;
  const connections = new Set<Connection>();
  const connection = {
    send: () => seen.push('draining'),
    close: () => {
      seen.push(`close ${at() < 1 ? 'at once' : 'later'}`);
      if (afterMs !== undefined)
        clock.scheduler.schedule(() => connections.delete(connection), afterMs);
    },
  } as unknown as Connection;
  connections.add(connection);
  let endedAt: number | undefined;
  let refusesAt: number | undefined;
  const open = { requests, sockets };
  const http = {
    requests: () => open.requests,
    sockets: () => open.sockets,
    stopListening: () => {
      refusesAt = at();
    },
  };
  const begin = () =>
    shutdown({ clock, drainMs: 1_000, connections, http, hurry$ }).subscribe(
      () => (endedAt = at()),
    );
  return { clock, hurry$, seen, open, begin, endedAt: () => endedAt, refusesAt: () => refusesAt };
};

t.test('when the last connection has gone, then the drain ends', async (t) => {
  const { clock, seen, begin, endedAt } = ground(5);
  begin();
  clock.advance(1_000);
  t.strictSame(seen, ['draining', 'close later']);
  t.ok((endedAt() ?? 1_000) < 800, `${endedAt()}`);
});

t.test('when a client does not close, then the drain ends at 90 % of its time', async (t) => {
  for (const [after, requests] of [
    [undefined, 0],
    [5, 1],
  ] as const) {
    const { clock, begin, endedAt } = ground(after, requests);
    begin();
    clock.advance(1_000);
    t.equal(endedAt(), 900);
  }
});

t.test('when hurry comes before the drain, then no client gets draining', async (t) => {
  const { clock, hurry$, seen, begin, endedAt } = ground(5);
  hurry$.next();
  begin();
  clock.advance(100);
  t.strictSame(seen, ['close at once']);
  t.ok((endedAt() ?? 1_000) < 50, `${endedAt()}`);
});

t.test('when hurry comes during the drain, then all connections are closed at once', async (t) => {
  const { clock, hurry$, seen, begin, endedAt } = ground(5);
  begin();
  clock.advance(1);
  hurry$.next();
  clock.advance(50);
  t.strictSame(seen, ['draining', 'close later']);
  t.ok((endedAt() ?? 1_000) < 60, `${endedAt()}`);
});

t.test('when the drain ends, then open sockets have 50 ms for a request on its way', async (t) => {
  const unused = ground(5, 0, 1);
  unused.begin();
  unused.clock.advance(850);
  const waited = (unused.endedAt() ?? 0) - (unused.refusesAt() ?? 0);
  t.ok(waited >= 50 && waited < 70, `${waited}`);

  const busy = ground(5, 0, 1);
  busy.begin();
  while (busy.refusesAt() === undefined) busy.clock.advance(1);
  busy.open.requests = 1;
  busy.clock.advance(70);
  t.equal(busy.endedAt(), undefined, 'the request is answered');
  busy.open.requests = 0;
  busy.open.sockets = 0;
  busy.clock.advance(20);
  t.not(busy.endedAt(), undefined);
});

t.test(
  'when a client stays until the deadline, then no request begins just before it',
  async (t) => {
    const { clock, begin, refusesAt, endedAt } = ground(undefined, 0, 1);
    begin();
    clock.advance(1_000);
    t.same([refusesAt(), endedAt()], [850, 900]);
  },
);
