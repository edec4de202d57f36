/** One clock for all connections: in virtual time, an hour in a moment. */
import fc from 'fast-check';
import type { Subscription } from 'rxjs';
import t from 'tap';
import type { Connection } from '../../lib/connection/connection.js';
import { heartbeat } from '../../lib/connection/heartbeat.js';
import { many, played, setOf } from '../support/played-connection.js';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.js';

const PING_MS = 54_000;
const PONG_MS = 60_000;

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

t.test(
  'when clients are connected, then each is pinged at least every interval, in random phase',
  async (t) => {
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
  },
);

t.test('when PING_INTERVAL_MS is any value, then a ping comes within it', async (t) => {
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

t.test('when a client is silent, then it is overdue at 60 s and not before', async (t) => {
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

t.test('when any frame comes, then the client counts as alive, without a pong', async (t) => {
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

t.test('when a client connects later, then it has its own 60 s', async (t) => {
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

t.test('when a connection has closed, then it is not pinged any more', async (t) => {
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

t.test(
  'when the process stood still, then no client is overdue, and silence counts from then on',
  async (t) => {
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
  },
);

t.test(
  'when the process stalls shortly and often, then no client that answers is overdue',
  async (t) => {
    const clock = virtualClock();
    const all = many(clock, 20);
    const { overdue } = watch(clock, setOf(all));
    for (let i = 0; i < 100; i++) {
      clock.stall(10_000);
      clock.advance(1_100);
    }
    t.same(overdue, []);
  },
);

t.test('when the wall clock jumps, then nothing changes', async (t) => {
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

t.test(
  'when a message is incomplete for more than 30 s, then it is found, though its bytes keep coming',
  async (t) => {
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
  },
);

t.test(
  'when each check finds another message that has begun, then none counts as incomplete',
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
  'when a socket is not read because of a slow hook, then that time does not count',
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

t.test(
  'when delays are random, then clients that answer in time are never overdue, and the others always are',
  async (t) => {
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
  },
);
