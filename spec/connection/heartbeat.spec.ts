/** One clock for all connections, and the drain of a pod: in virtual time, an hour in a moment. */
import fc from 'fast-check';
import type { Subscription } from 'rxjs';
import t from 'tap';
import { CLOSE, type Close } from '../../lib/protocol/close-codes.js';
import type { Connection } from '../../lib/connection/connection.js';
import type { SystemEvent } from '../../lib/protocol/system-event.js';
import { drain } from '../../lib/connection/drain.js';
import { heartbeat } from '../../lib/connection/heartbeat.js';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.js';

const PING_MS = 54_000;
const PONG_MS = 60_000;

/** A connection as far as the heartbeat and the drain see it. */
interface Played {
  readonly connection: Connection;
  bytesRead: number;
  messagesRead: number;
  midMessage: boolean;
  isPaused: boolean;
  /** Answers a ping after so long; undefined: never. */
  answersIn: number | undefined;
  readonly pings: number[];
  readonly told: { readonly at: number; readonly control: SystemEvent }[];
  readonly closes: { readonly at: number; readonly why: Close }[];
}

const played = (clock: VirtualClock): Played => {
  const { scheduler } = clock;
  const self: Played = {
    bytesRead: 0,
    messagesRead: 0,
    midMessage: false,
    isPaused: false,
    answersIn: 1,
    pings: [],
    told: [],
    closes: [],
    connection: {
      vital: { bytesRead: -1, messages: 0, heardAt: 0, pingAt: -1, halfSince: -1 },
      get bytesRead() {
        return self.bytesRead;
      },
      get messagesRead() {
        return self.messagesRead;
      },
      get midMessage() {
        return self.midMessage;
      },
      get isPaused() {
        return self.isPaused;
      },
      ping: () => {
        self.pings.push(scheduler.now());
        if (self.answersIn !== undefined)
          scheduler.schedule(() => {
            self.bytesRead += 6;
          }, self.answersIn);
      },
      tell: (control: SystemEvent) => self.told.push({ at: scheduler.now(), control }),
      close: (why: Close) => self.closes.push({ at: scheduler.now(), why }),
    } as unknown as Connection,
  };
  return self;
};

interface Overlooked {
  readonly at: number;
  readonly connection: Connection;
  readonly why: string;
}

const watch = (
  clock: VirtualClock,
  connections: Set<Connection>,
  pingIntervalMs = PING_MS,
  pongTimeoutMs = PONG_MS,
): { readonly overdue: Overlooked[]; readonly running: Subscription } => {
  const overdue: Overlooked[] = [];
  const running = heartbeat({ clock, pingIntervalMs, pongTimeoutMs })(connections).subscribe(
    ({ connection, why }) => {
      overdue.push({ at: clock.scheduler.now(), connection, why });
      // as the app does: it is gone
      connections.delete(connection);
    },
  );
  return { overdue, running };
};

const many = (clock: VirtualClock, count: number): readonly Played[] =>
  Array.from({ length: count }, () => played(clock));

const setOf = (all: readonly Played[]): Set<Connection> =>
  new Set(all.map(({ connection }) => connection));

// heartbeat

t.test('everybody is pinged at least every interval, in random phase', async (t) => {
  const clock = virtualClock();
  const all = many(clock, 200);
  const { overdue, running } = watch(clock, setOf(all));
  clock.advance(600_000);
  t.same(overdue, [], 'nobody who answers is overdue');
  for (const { pings } of all) {
    const apart = pings.slice(1).map((at, i) => at - (pings[i] ?? 0));
    t.ok(Math.max(...apart) <= PING_MS, `pings ${Math.max(...apart)} ms apart`);
    t.ok(Math.min(...apart) >= PING_MS - 1_000, 'and not more often');
  }
  const first = all.map(({ pings }) => Math.floor((pings[0] ?? 0) / (PING_MS / 4)));
  const quarters = [0, 1, 2, 3].map((quarter) => first.filter((each) => each === quarter).length);
  t.ok(
    Math.min(...quarters) > 25,
    `a herd that came together is not pinged together: ${quarters.join()}`,
  );
  clock.advance(10);
  t.equal(clock.pending(), 1, 'one timer for all');
  running.unsubscribe();
  t.equal(clock.pending(), 0, 'and it ends');
});

t.test('a ping comes within PING_INTERVAL_MS, whatever the interval', async (t) => {
  for (const interval of [54_000, 10_000, 7_777, 1_000, 100]) {
    const clock = virtualClock();
    const all = many(clock, 20);
    const { running } = watch(clock, setOf(all), interval, interval * 2);
    clock.advance(interval * 20);
    const apart = all.flatMap(({ pings }) => pings.map((at, i) => at - (pings[i - 1] ?? 0)));
    t.ok(Math.max(...apart) <= interval, `${interval}: ${Math.max(...apart)} ms apart`);
    running.unsubscribe();
  }
});

t.test('who is silent is cut at 60 s and not before', async (t) => {
  const clock = virtualClock();
  const all = many(clock, 50);
  for (const each of all) each.answersIn = undefined;
  const { overdue } = watch(clock, setOf(all));
  clock.advance(PONG_MS);
  t.same(overdue, [], 'not at 60 s');
  clock.advance(2_000);
  t.equal(overdue.length, 50);
  t.ok(overdue.every(({ why, at }) => why === 'silent' && at > PONG_MS && at <= PONG_MS + 2_000));
});

t.test('any frame is a sign of life, a pong is not needed', async (t) => {
  const clock = virtualClock();
  const talks = played(clock);
  talks.answersIn = undefined;
  const { overdue } = watch(clock, setOf([talks]));
  for (let i = 0; i < 20; i++) {
    clock.advance(59_000);
    talks.bytesRead += 1;
  }
  t.same(overdue, []);
  clock.advance(59_000);
  t.same(overdue, []);
  clock.advance(4_000);
  t.equal(overdue.length, 1, 'from the last sign on');
});

t.test('who comes later has its own 60 s', async (t) => {
  const clock = virtualClock();
  const connections = new Set<Connection>();
  const { overdue } = watch(clock, connections);
  clock.advance(300_500);
  const late = played(clock);
  late.answersIn = undefined;
  connections.add(late.connection);
  clock.advance(PONG_MS);
  t.same(overdue, []);
  clock.advance(3_000);
  t.equal(overdue.length, 1);
});

t.test('who has gone is not pinged any more', async (t) => {
  const clock = virtualClock();
  const gone = played(clock);
  const connections = setOf([gone]);
  watch(clock, connections);
  clock.advance(100_000);
  connections.delete(gone.connection);
  const before = gone.pings.length;
  clock.advance(600_000);
  t.equal(gone.pings.length, before);
});

t.test('a process that stood still cuts nobody, and looks again from there', async (t) => {
  for (const ms of [5_000, 70_000, 3_600_000]) {
    const clock = virtualClock();
    const all = many(clock, 100);
    const { overdue } = watch(clock, setOf(all));
    clock.advance(200_000);
    clock.stall(ms);
    clock.advance(1_500);
    t.same(overdue, [], `after ${ms} ms`);
    for (const each of all) each.bytesRead += 6;
    clock.advance(300_000);
    t.same(overdue, [], 'those who live answer');
    for (const each of all) each.answersIn = undefined;
    clock.advance(PONG_MS + 1_000);
    clock.advance(2_000);
    t.equal(overdue.length, 100, 'and those who do not are found');
  }
});

t.test('many short stalls in a row cut nobody who answers', async (t) => {
  const clock = virtualClock();
  const all = many(clock, 20);
  const { overdue } = watch(clock, setOf(all));
  for (let i = 0; i < 100; i++) {
    clock.stall(10_000);
    clock.advance(1_100);
  }
  t.same(overdue, []);
});

t.test('a jump of the wall clock changes nothing', async (t) => {
  for (const ms of [3_600_000, -3_600_000]) {
    const clock = virtualClock();
    const [quiet, lively] = [played(clock), played(clock)];
    quiet.answersIn = undefined;
    const { overdue } = watch(clock, setOf([quiet, lively]));
    clock.advance(30_000);
    clock.jump(ms);
    clock.advance(30_000);
    t.same(overdue, [], 'not earlier');
    clock.advance(2_000);
    t.same(
      overdue.map(({ connection }) => connection === quiet.connection),
      [true],
      'nor later',
    );
  }
});

t.test('half a message for more than 30 s is told, though its bytes keep coming', async (t) => {
  const clock = virtualClock();
  const [drips, whole] = [played(clock), played(clock)];
  const { overdue } = watch(clock, setOf([drips, whole]));
  clock.advance(10_000);
  drips.midMessage = true;
  for (let i = 0; i < 29; i++) {
    clock.advance(1_000);
    drips.bytesRead += 1;
  }
  t.same(overdue, []);
  for (let i = 0; i < 5; i++) {
    clock.advance(1_000);
    drips.bytesRead += 1;
  }
  t.same(
    overdue.map(({ why }) => why),
    ['half a message'],
  );
  t.ok((overdue[0]?.at ?? 0) >= 40_000);
});

t.test(
  'one message after another is not half a message, even if each look finds one begun',
  async (t) => {
    const clock = virtualClock();
    const busy = played(clock);
    const { overdue } = watch(clock, setOf([busy]));
    busy.midMessage = true;
    for (let i = 0; i < 300; i++) {
      clock.advance(1_000);
      busy.messagesRead += 1;
      busy.bytesRead += 100;
    }
    t.same(overdue, []);
  },
);

t.test(
  'time in which we do not read counts against nobody: a hook that thinks is not the peer’s fault',
  async (t) => {
    const clock = virtualClock();
    const paused = played(clock);
    const { overdue } = watch(clock, setOf([paused]));
    clock.advance(10_000);
    // half of its next message came with what we are busy with; what it answers to pings is not read
    paused.midMessage = true;
    paused.isPaused = true;
    paused.answersIn = undefined;
    clock.advance(300_000);
    t.same(overdue, []);
    paused.isPaused = false;
    clock.advance(29_000);
    t.same(overdue, [], 'it has its 30 s from when it is read again');
    clock.advance(3_000);
    t.match(overdue, [{ why: 'half a message' }]);
    const silent = played(clock);
    silent.answersIn = undefined;
    silent.isPaused = true;
    const again = watch(clock, setOf([silent]));
    clock.advance(120_000);
    silent.isPaused = false;
    clock.advance(59_000);
    t.same(again.overdue, []);
    clock.advance(3_000);
    t.match(again.overdue, [{ why: 'silent' }]);
  },
);

t.test('whoever answers within the time is never cut, whoever does not always is', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.option(fc.nat(5_000), { nil: undefined }), { minLength: 1, maxLength: 20 }),
      fc.integer(),
      (answers, seed) => {
        const clock = virtualClock(seed);
        const connections = answers.map((answersIn) => {
          const one = played(clock);
          one.answersIn = answersIn;
          return one;
        });
        const { overdue, running } = watch(clock, setOf(connections));
        clock.advance(500_000);
        running.unsubscribe();
        const cut = new Set(overdue.map(({ connection }) => connection));
        return connections.every(
          ({ connection, answersIn }) => cut.has(connection) === (answersIn === undefined),
        );
      },
    ),
    { numRuns: 50 },
  );
  t.pass('for any delays');
});

// drain

const DRAIN_MS = 10_000;

const drained = (
  clock: VirtualClock,
  all: readonly Played[],
): { readonly ended: () => boolean; readonly running: Subscription } => {
  let ended = false;
  const running = drain({ clock, drainMs: DRAIN_MS })(setOf(all)).subscribe({
    complete: () => {
      ended = true;
    },
  });
  return { ended: () => ended, running };
};

const promised = ({ told }: Played): number => {
  const [first] = told;
  if (first?.control.event !== 'draining') throw new Error('not told');
  return first.at + first.control.reconnect_in_ms;
};

t.test(
  'a pod that goes away tells everybody first, and closes each with 1001 at the promised time',
  async (t) => {
    const clock = virtualClock();
    const all = many(clock, 500);
    const { ended } = drained(clock, all);
    clock.advance(0);
    t.ok(
      all.every(({ told }) => told.length === 1),
      'everybody is told at once',
    );
    t.ok(
      all.every(({ closes }) => closes.length === 0),
      'before anybody is closed',
    );
    clock.advance(DRAIN_MS);
    t.ok(ended());
    for (const each of all) {
      t.same(
        each.closes.map(({ why }) => why),
        [CLOSE.goingAway],
      );
      const late = (each.closes[0]?.at ?? 0) - promised(each);
      t.ok(late >= -1 && late <= 30, `closed ${late} ms after the promise`);
    }
  },
);

t.test('closes are spread over the first 70 % of the drain', async (t) => {
  const clock = virtualClock();
  const all = many(clock, 700);
  drained(clock, all);
  clock.advance(DRAIN_MS);
  const times = all.map(({ closes }) => closes[0]?.at ?? Infinity);
  t.ok(Math.max(...times) <= 0.7 * DRAIN_MS + 50, `the last at ${Math.max(...times)}`);
  for (let tenth = 0; tenth < 7; tenth++) {
    const here = times.filter((at) => at >= tenth * 1_000 && at < (tenth + 1) * 1_000).length;
    t.ok(here >= 90 && here <= 110, `${here} of 700 in second ${tenth}`);
  }
});

t.test('a great many are told and closed in batches, a turn between', async (t) => {
  const clock = virtualClock();
  const all = many(clock, 5_000);
  let turns = 0;
  let most = 0;
  let before = 0;
  const counting: VirtualClock = {
    ...clock,
    turn: (work) =>
      clock.turn(() => {
        turns += 1;
        work();
        const told = all.filter(({ told }) => told.length > 0).length;
        most = Math.max(most, told - before);
        before = told;
      }),
  };
  drained(counting, all);
  clock.advance(0);
  t.ok(turns >= 5);
  t.ok(most <= 1_000, `${most} in one turn`);
  clock.advance(DRAIN_MS);
  t.ok(all.every(({ closes }) => closes.length === 1));
});

t.test('nobody there: the drain ends at once; unsubscribed, it leaves no timer', async (t) => {
  const clock = virtualClock();
  t.ok(drained(clock, []).ended());
  t.equal(clock.pending(), 0);
  const all = many(clock, 10);
  const { running } = drained(clock, all);
  clock.advance(1_000);
  t.ok(clock.pending() > 0);
  running.unsubscribe();
  t.equal(clock.pending(), 0);
});

t.test('one connection alone is told and closed too', async (t) => {
  const clock = virtualClock();
  const [one] = many(clock, 1);
  if (one === undefined) throw new Error('nobody');
  const { ended } = drained(clock, [one]);
  clock.advance(DRAIN_MS);
  t.same([one.told.length, one.closes.length, ended()], [1, 1, true]);
});
