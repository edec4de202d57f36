import { concat, ignoreElements, NEVER, Observable, of, throwError, timer } from 'rxjs';
import t from 'tap';
import type { RedisEvent } from '../../../lib/broker/redis/port.js';
import { redisConnections } from '../../../lib/broker/redis/connection.js';
import { type VirtualClock, virtualClock } from '../../support/virtual-clock.js';

/** Each session is ready at once and lives so long; undefined: it is never ready and breaks at once. */
const opened = (clock: VirtualClock, lives: () => number | undefined): readonly number[] => {
  const at: number[] = [];
  const broken$ = throwError(() => new Error('broke'));
  redisConnections(
    () =>
      new Observable<RedisEvent>((out) => {
        at.push(clock.scheduler.now());
        const ms = lives();
        const life$ =
          ms === undefined
            ? broken$
            : concat(
                of<RedisEvent>({ _tag: 'Ready' }),
                timer(ms, clock.scheduler).pipe(ignoreElements()),
                broken$,
              );
        return life$.subscribe(out);
      }),
    NEVER,
    clock,
  ).subscribe();
  return at;
};

/** The waits between an end and the next beginning. */
const waits = (at: readonly number[], livedMs: number): readonly number[] =>
  at.slice(1).map((ms, i) => ms - (at[i] ?? 0) - livedMs);

t.test(
  'when a ready connection breaks, then it is made again at once, even ten times in two seconds',
  async (t) => {
    for (const livedMs of [5_000, 190]) {
      const clock = virtualClock(7);
      const at = opened(clock, () => livedMs);
      clock.advance(10 * (livedMs + 10));
      t.ok(at.length >= 10);
      t.ok(
        waits(at, livedMs).every((ms) => ms <= 10),
        waits(at, livedMs).join(', '),
      );
    }
  },
);

t.test(
  'when a server accepts and closes again and again, then it is tried some twenty times a second',
  async (t) => {
    const clock = virtualClock(7);
    const at = opened(clock, () => 1);
    clock.advance(60_000);
    const later = waits(at, 1).slice(30);
    t.ok(Math.max(...later) <= 100, 'and never much later');
    t.ok(at.length < 60 * 25, `${at.length} in a minute`);
  },
);

t.test(
  'when a connection is never ready, then each try waits longer, up to a second, until one is ready',
  async (t) => {
    const clock = virtualClock(7);
    let isThere = false;
    const at = opened(clock, () => (isThere ? 10_000 : undefined));
    clock.advance(10_000);
    const before = waits(at, 0);
    t.ok(Math.max(...before) <= 1_000);
    t.ok((before[0] ?? 0) <= 50 && (before.at(-1) ?? 0) > 400, before.join(', '));
    isThere = true;
    clock.advance(1_100);
    const back = at.length;
    clock.advance(10_500);
    t.equal(at.length, back + 1);
  },
);

t.test(
  'when Redis accepts connections and does not answer, then the first tries take 1.5 s and the later ones 3 s',
  async (t) => {
    const clock = virtualClock(7);
    const at: number[] = [];
    const details: string[] = [];
    redisConnections(
      () =>
        new Observable<RedisEvent>(() => {
          at.push(clock.scheduler.now());
        }),
      NEVER,
      clock,
    ).subscribe((event) => {
      if (event._tag === 'Lost') details.push(event.detail);
    });
    clock.advance(20_000);
    const took = at.slice(1).map((ms, i) => ms - (at[i] ?? 0));
    t.ok(
      took.slice(0, 3).every((ms) => ms <= 1_700),
      took.join(', '),
    );
    t.ok(
      took.slice(4).every((ms) => ms >= 3_000),
      took.join(', '),
    );
    t.match(details, [/within 1500 ms/]);
  },
);
