/** What pods remember of clients that came with one id and were cut between their two logs. */
import t from 'tap';
import { clusterBroker } from '../../lib/broker/cluster/cluster-broker.js';
import type { CatchUp, CatchUpsLost, ControlCommand } from '../../lib/broker/control-command.js';
import { type CatchUps, catchUps } from '../../lib/connection/catch-ups.js';
import { formatId, type MessageId, NO_EPOCH } from '../../lib/protocol/position.js';
import { type Resumes, resumesOf } from '../../lib/protocol/resume.js';
import { modelBus } from '../support/model-bus.js';
import { modelRedis } from '../support/model-redis.js';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.js';

const AWAY_MS = 100_000;

const pods = (): {
  readonly clock: VirtualClock;
  readonly one: CatchUps;
  readonly other: CatchUps;
  readonly sent: CatchUp[];
} => {
  const clock = virtualClock(1);
  const sent: CatchUp[] = [];
  const deps = {
    clock,
    brokerMs: clock.wall,
    logTtlMs: 600_000,
    keepMs: 86_400_000,
    send: (command: CatchUp): void => {
      sent.push(command);
      for (const each of [one, other]) each.apply(command);
    },
  };
  const one: CatchUps = catchUps(deps);
  const other: CatchUps = catchUps(deps);
  return { clock, one, other, sent };
};

const resumed = (clock: VirtualClock, agoMs: number, id: Partial<MessageId> = {}): Resumes =>
  resumesOf(
    formatId({
      ms: clock.wall() - agoMs,
      tag: 7,
      offset: 10,
      global: false,
      outside: false,
      nonce: 1,
      ...id,
    }),
  );
const since = (of: CatchUps, resumes: Resumes): number | undefined => {
  const { global } = of.resumesOf('r', resumes);
  return global?._tag === 'Since' ? global.ms : undefined;
};

t.test(
  'when a client is cut while it catches up, then any pod recognises its id of the room',
  async (t) => {
    const { clock, one, other, sent } = pods();
    const from = clock.wall() - AWAY_MS;
    const running = one.begin('r', resumed(clock, AWAY_MS), false);
    t.match(sent, [{ room: 'r', tag: 7, from: 10, until: null, since: from }]);
    t.equal(since(other, resumed(clock, 10, { offset: 50 })), from, 'while it catches up');
    running?.cut(60);
    t.match(sent.at(-1), { until: 60 });
    t.equal(since(other, resumed(clock, 10, { offset: 60 })), from, 'and when it has gone');
    const presence = resumed(clock, 10, { offset: 60, outside: true });
    t.equal(since(other, presence), from, "by presence, which has the room's time, too");
    for (const [what, id] of Object.entries({
      'an id that it cannot have': { offset: 61 },
      'an id of before': { offset: 9 },
      'another epoch': { tag: 8, offset: 50 },
    }))
      t.equal(since(other, resumed(clock, 10, id)), clock.wall() - 10, what);
    clock.advance(900_000);
    const later = other.resumesOf('r', resumed(clock, 10, { offset: 60 }));
    t.match(later.global, { ms: clock.wall() - 10, untoldMs: from }, 'sent as far as the log goes');
    clock.advance(86_400_000);
    t.match(
      other.resumesOf('r', resumed(clock, 10, { offset: 60 })).global,
      { ms: clock.wall() - 10, untoldMs: clock.wall() - 10 },
      'a day',
    );
    t.match(
      other.resumesOf('r', resumed(clock, 86_400_000, { offset: 60 })).global,
      { untoldMs: 0 },
      'of an older id nothing is known',
    );
  },
);

t.test('when all have had both logs for a minute, then nothing is remembered', async (t) => {
  const { clock, one, other, sent } = pods();
  const first = one.begin('r', resumed(clock, AWAY_MS), false);
  const later = one.begin('r', resumed(clock, AWAY_MS - 1_000, { offset: 20 }), false);
  t.equal(sent.length, 1, 'a herd is told once');
  first?.sent();
  clock.advance(60_000);
  t.equal(other.size(), 1);
  later?.sent();
  clock.advance(59_000);
  t.equal(other.size(), 1, 'some of it may be on its way');
  clock.advance(1_000);
  t.equal(other.size(), 0);
  first?.cut(70);
  t.equal(other.size(), 0, 'who goes later has had everything');
});

t.test(
  'when the connection breaks before all has arrived, then the client is remembered',
  async (t) => {
    const { clock, one, other } = pods();
    const from = clock.wall() - AWAY_MS;
    const running = one.begin('r', resumed(clock, AWAY_MS), false);
    running?.sent();
    clock.advance(1_000);
    running?.cut(70);
    t.equal(since(other, resumed(clock, 10, { offset: 70 })), from);
    t.equal(clock.pending(), 0);
  },
);

t.test(
  'when others catch up after a client was cut, then the client is still remembered',
  async (t) => {
    const { clock, one, other } = pods();
    const from = clock.wall() - AWAY_MS;
    const cut = resumed(clock, 10, { offset: 60 });
    one.begin('r', resumed(clock, AWAY_MS), false)?.cut(60);
    const next = one.begin('r', resumed(clock, 30_000, { offset: 100 }), false);
    t.equal(since(other, cut), from, 'while they do');
    next?.sent();
    clock.advance(60_000);
    t.equal(since(other, cut), from, 'and when they have');
  },
);

t.test(
  'when clients of two epochs, or with ids of both logs, catch up at once, then no group ends the other',
  async (t) => {
    const { clock, one, other } = pods();
    const [a, b] = [AWAY_MS, 50_000].map((ago) => clock.wall() - ago);
    const old = one.begin('r', resumed(clock, AWAY_MS), false);
    const next = one.begin('r', resumed(clock, 50_000, { tag: 8 }), false);
    old?.cut(50);
    next?.cut(60);
    t.equal(since(other, resumed(clock, 10, { offset: 50 })), a);
    t.equal(since(other, resumed(clock, 10, { tag: 8, offset: 60 })), b);
    const [byRoom, byGlobal] = [{ offset: 10 }, { offset: 5, global: true }].map((id) =>
      one.begin('q', resumed(clock, AWAY_MS, id), false),
    );
    byGlobal?.cut(40);
    byRoom?.cut(90);
    const { global } = other.resumesOf('q', resumed(clock, 10, { offset: 8 }));
    t.match(global, { ms: a });
  },
);

t.test(
  'when a client brings the global id alone, then any id of the room may be that of the client',
  async (t) => {
    const { clock, one, other } = pods();
    const from = clock.wall() - AWAY_MS;
    one.begin('r', resumed(clock, AWAY_MS, { global: true }), false)?.cut(60);
    t.equal(since(other, resumed(clock, 10, { offset: 5 })), from);
  },
);

t.test(
  'when a client was away for a short time, or brings an id of each log, then no command is sent',
  async (t) => {
    const { clock, one, sent } = pods();
    t.equal(one.begin('r', resumed(clock, 10_000), false), undefined);
    const { room } = resumed(clock, AWAY_MS);
    const { global } = resumed(clock, AWAY_MS, { global: true });
    t.equal(one.begin('r', { room, global }, false), undefined);
    t.same(sent, []);
  },
);

t.test(
  'when commands are forgotten, then all rooms resume from the earliest time of these',
  async (t) => {
    const { clock, other } = pods();
    for (let i = 0; i <= 4_096; i++)
      other.apply({
        _tag: 'CatchUp',
        pod: 'p',
        room: `r${i}`,
        tag: 7,
        from: 1,
        until: 9,
        since: i + 1,
      });
    t.equal(other.size(), 4_096);
    t.equal(since(other, resumed(clock, 10)), 1);
  },
);

t.test(
  'when a client was sent its gap, then others with its ids get messages again, and no gap',
  async (t) => {
    const { clock, one, other } = pods();
    const from = clock.wall() - AWAY_MS;
    const ownMs = clock.wall() - 10;
    one.begin('r', resumed(clock, AWAY_MS), true)?.cut(60);
    const next = resumed(clock, 10, { offset: 60 });
    t.match(other.resumesOf('r', next).global, { ms: from, untoldMs: ownMs });
    other.begin('r', other.resumesOf('r', next), false)?.cut(70);
    const last = resumed(clock, 10, { offset: 70 });
    t.match(one.resumesOf('r', last).global, { ms: from, untoldMs: ownMs }, 'and those after them');
    one.begin('r', resumed(clock, AWAY_MS), false)?.cut(60);
    t.match(other.resumesOf('r', next).global, { ms: from, untoldMs: from }, 'one was not told');
  },
);

t.test(
  'when the room is quiet for longer than the log, then an old id is no reason for a gap',
  async (t) => {
    const { clock, one } = pods();
    const id = resumed(clock, 20_000_000);
    t.strictSame(one.resumesOf('r', id), id);
  },
);

t.test(
  'when a pod dies while a client catches up, then much later ids are not taken for those of the client',
  async (t) => {
    const { clock, one, other, sent } = pods();
    const from = clock.wall() - AWAY_MS;
    one.begin('r', resumed(clock, AWAY_MS), false);
    clock.advance(500_000);
    t.equal(sent.length, 5, 'what runs for long is said again');
    t.equal(since(other, resumed(clock, 10, { offset: 90 })), from);
    // from here on the pod is dead: it sends nothing
    other.apply({
      _tag: 'CatchUp',
      pod: 'dead',
      room: 'q',
      tag: 7,
      from: 1,
      until: null,
      since: 5,
    });
    const q = (ago: number) => other.resumesOf('q', resumed(clock, ago, { offset: 90 })).global;
    t.match(q(10), { ms: 5 });
    clock.advance(400_000);
    t.match(q(10), { ms: clock.wall() - 10 });
    t.match(q(390_000), { ms: 5 }, 'an id of before may be');
  },
);

t.test(
  'when Redis had no space for a command, then any id of before may be of a client that it was about',
  async (t) => {
    const { clock, other } = pods();
    other.apply({ _tag: 'CatchUpsLost', ageMs: 400_000 });
    t.equal(since(other, resumed(clock, 500_000)), 0);
    t.equal(since(other, resumed(clock, 10)), clock.wall() - 10);
  },
);

t.test('when a kept command is read, then its age counts from when it was sent', async (t) => {
  const { clock, other } = pods();
  const from = clock.wall() - AWAY_MS;
  const command: CatchUp = {
    _tag: 'CatchUp',
    pod: 'p',
    room: 'r',
    tag: 7,
    from: 1,
    until: 90,
    since: from,
  };
  other.apply({ ...command, ageMs: 500_000 });
  t.equal(since(other, resumed(clock, 10)), from);
  clock.advance(400_000);
  t.equal(
    since(other, resumed(clock, 10)),
    clock.wall() - 10,
    'it counts as long as on other pods',
  );
  other.apply(command);
  other.apply({ ...command, until: 5, ageMs: 1 });
  t.equal(since(other, resumed(clock, 10)), from, 'what was heard since holds');
});

t.test(
  'when a pod starts or reconnects after a command was sent, then it knows the command',
  async (t) => {
    const clock = virtualClock(1);
    const redis = modelRedis(clock);
    const busA = modelBus(redis, clock, 'a');
    const a = clusterBroker({ redis: busA, clock, serverId: 'a', timeoutMs: 2_000 });
    clock.advance(1_000);
    const send = (room: string): void =>
      void a
        .sendControl({ _tag: 'CatchUp', pod: 'p', room, tag: 7, from: 1, until: 9, since: 5 })
        .subscribe();
    send('before');
    clock.advance(3_000);
    const busB = modelBus(redis, clock, 'b');
    const b = clusterBroker({ redis: busB, clock, serverId: 'b', timeoutMs: 2_000 });
    const known: (ControlCommand | CatchUpsLost)[] = [];
    const subscription = b.control$.subscribe((command) => void known.push(command));
    clock.advance(1_000);
    t.match(known, [{ _tag: 'CatchUp', room: 'before', until: 9, since: 5 }]);
    busB.blackHole(true);
    busB.cut();
    clock.advance(100);
    send('meanwhile');
    clock.advance(1_000);
    busB.blackHole(false);
    clock.advance(5_000);
    t.match(known.at(-1), { room: 'meanwhile' });
    subscription.unsubscribe();
    for (const broker of [a, b]) broker.close().subscribe();
    clock.advance(5_000);
  },
);

t.test(
  'when an id names no log, then its client is remembered too, as both logs resume by its time',
  async (t) => {
    const { clock, one, other, sent } = pods();
    const from = clock.wall() - AWAY_MS;
    const nameless = resumed(clock, AWAY_MS, { tag: NO_EPOCH, offset: 0, outside: true });
    t.ok(one.isLong(nameless));
    one.begin('r', nameless, false)?.cut(50);
    t.match(sent.at(-1), { tag: 0, from: 0, until: 50, since: from, untold: from });
    t.equal(since(other, resumed(clock, 10, { offset: 50 })), from);
    t.notOk(one.isLong(resumesOf(null)), 'but no id is none');
  },
);

t.test(
  'when a pod does not know the time of Redis yet, then every absence counts as a long one',
  async (t) => {
    const clock = virtualClock(1);
    const sent: CatchUp[] = [];
    const one = catchUps({
      clock,
      brokerMs: () => undefined,
      logTtlMs: 600_000,
      keepMs: 86_400_000,
      send: (command) => void sent.push(command),
    });
    const from = clock.wall() - AWAY_MS;
    one.begin('r', resumed(clock, AWAY_MS), false)?.cut(60);
    t.match(sent.at(-1), { until: 60, since: from });
    t.notOk(one.isLong(resumesOf(null)));
  },
);

t.test(
  'when a pod has died, then its last command counts for later ids while the log has what their clients lack',
  async (t) => {
    const clock = virtualClock(1);
    const from = clock.wall() - AWAY_MS;
    clock.advance(119_000);
    // the pod died, and its last word was of before: the client had the room up to now
    const id = resumed(clock, 0, { offset: 60 });
    const idMs = clock.wall();
    const stopped: CatchUps = catchUps({
      clock,
      brokerMs: clock.wall,
      logTtlMs: 600_000,
      keepMs: 86_400_000,
      send: () => undefined,
    });
    stopped.apply({
      ...{ _tag: 'CatchUp', pod: 'p', room: 'r', tag: 7, from: 10, until: null },
      ...{ since: from, untold: from, ageMs: 119_000 },
    });
    clock.advance(600_000 - 118_000);
    // messages right after the command are still in the log, and not within the minute before the id
    t.equal(since(stopped, id), from);
    clock.advance(idMs + 86_400_000 - 60_000 - clock.wall());
    t.match(
      stopped.resumesOf('r', id).global,
      { untoldMs: 0 },
      'nor is the word let go in silence',
    );
  },
);
