/** The streams of a running pod: status, commands of all pods, own commands, and overdue connections. */
import { right } from 'fp-ts/lib/Either.js';
import { BehaviorSubject, merge, NEVER, type Observable, of, Subject } from 'rxjs';
import t from 'tap';
import type { CatchUp, CatchUpsLost, ControlCommand } from '../lib/broker/control-command.js';
import type { Broker, BrokerStatus } from '../lib/broker/index.js';
import type { Connection } from '../lib/connection/connection.js';
import type { ArchiveEvent } from '../lib/history/archive/port.js';
import type { HubEvent } from '../lib/hub-event.js';
import { podStreams } from '../lib/pod-streams.js';
import { formatId, type MessageId, NO_EPOCH, type Position } from '../lib/protocol/position.js';
import { type Resumes, resumesOf } from '../lib/protocol/resume.js';
import { configWith } from './support/hub-world.js';
import { type Played, played } from './support/played-connection.js';
import { virtualClock } from './support/virtual-clock.js';

const world = () => {
  const clock = virtualClock();
  const status$ = new BehaviorSubject<BrokerStatus>({ _tag: 'Starting' });
  const control$ = new Subject<ControlCommand | CatchUpsLost>();
  const sent: ControlCommand[] = [];
  const archived$ = new Subject<ArchiveEvent>();
  const broker = {
    archive: { event$: archived$ },
    status$,
    control$,
    clockMs: clock.wall,
    sendControl: (command: ControlCommand): ReturnType<Broker['sendControl']> => {
      sent.push(command);
      return of(right(undefined));
    },
  } as unknown as Broker;
  const connections = new Set<Connection>();
  const ends: string[] = [];
  const enter = (id: string, userId: string | null, client: Played = played(clock)): Played => {
    const own = Object.assign(client.connection, {
      id,
      userId,
      revoke: () => ends.push(`${id} revoked`),
      terminate: () => ends.push(`${id} terminated`),
    });
    connections.add(own);
    return client;
  };
  const pod = podStreams({
    broker,
    clock,
    config: configWith({ limits: { pingIntervalMs: 10_000, pongTimeoutMs: 15_000 } }),
    connections,
    globalPosition$: new BehaviorSubject<Position>({ tag: NO_EPOCH, offset: 0, ms: 0 }),
    shutdown$: NEVER,
    deadline$: NEVER,
  });
  const events: HubEvent[] = [];
  const connection$: Observable<Connection> = NEVER;
  const run = () => merge(...pod.streams(connection$)).subscribe((event) => events.push(event));
  return { clock, status$, control$, archived$, sent, ends, enter, pod, events, run };
};

t.test(
  'when the status of the broker changes, then it can be read before the event comes',
  async (t) => {
    const { status$, pod, events, run } = world();
    t.same(pod.status(), { _tag: 'Starting' });
    run();
    status$.next({ _tag: 'Up', since: 5 });
    t.same(pod.status(), { _tag: 'Up', since: 5 });
    t.same(events, [
      { _tag: 'StatusChanged', status: { _tag: 'Starting' } },
      { _tag: 'StatusChanged', status: { _tag: 'Up', since: 5 } },
    ]);
  },
);

t.test('when the archive reports, then the hub has the same events', async (t) => {
  const { archived$, events, run } = world();
  run();
  const down = { _tag: 'Unavailable', detail: 'down' } as const;
  archived$.next({ _tag: 'Interrupted', error: down });
  archived$.next({ _tag: 'Restored' });
  archived$.next({ _tag: 'BatchStored', messages: 3, seconds: 0.2 });
  archived$.next({ _tag: 'PoisonFound', id: 'x', detail: 'no' });
  archived$.next({ _tag: 'Pruned', days: 2 });
  archived$.next({ _tag: 'UpkeepFailed', detail: 'no right' });
  t.same(events.slice(1), [
    { _tag: 'ArchiveInterrupted', reason: 'Unavailable', detail: 'down' },
    { _tag: 'ArchiveRestored' },
    { _tag: 'ArchiveStored', messages: 3, seconds: 0.2 },
    { _tag: 'ArchivePoison', id: 'x', detail: 'no' },
    { _tag: 'ArchivePruned', days: 2 },
    { _tag: 'ArchiveUpkeepFailed', detail: 'no right' },
  ]);
});

t.test('when an operator disconnects a user, then the connections are revoked', async (t) => {
  const { control$, ends, events, enter, run } = world();
  enter('a', 'alice');
  enter('b', 'bob');
  enter('c', 'alice');
  run();
  control$.next({ _tag: 'Disconnect', whom: 'user', id: 'alice' });
  t.same(ends, ['a revoked', 'c revoked']);
  control$.next({ _tag: 'Disconnect', whom: 'connection', id: 'B' });
  t.same(ends.slice(2), ['b revoked']);
  t.match(events, [{ _tag: 'StatusChanged' }], 'a command is no event');
});

const idOf = (ms: number, offset: number): MessageId => ({
  tag: 7,
  offset,
  ms,
  global: false,
  outside: false,
  nonce: 0,
});
const resumed = (ms: number, offset = 10): Resumes => resumesOf(formatId(idOf(ms, offset)));

t.test('when another pod reports a catch-up, then this pod remembers its clients', async (t) => {
  const { clock, control$, pod, run } = world();
  run();
  const since = clock.wall() - 100_000;
  const command: CatchUp = {
    _tag: 'CatchUp',
    pod: 'other',
    room: 'r',
    tag: 7,
    from: 5,
    until: 20,
    since,
  };
  control$.next(command);
  t.equal(pod.catchUps.size(), 1);
  t.match(pod.catchUps.resumesOf('r', resumed(clock.wall())).global, { _tag: 'Since', ms: since });
});

t.test('when a client of this pod catches up, then the command goes to all pods', async (t) => {
  const { clock, sent, pod, run } = world();
  run();
  pod.catchUps.begin('r', resumed(clock.wall() - 100_000), false);
  t.match(sent, [{ _tag: 'CatchUp', room: 'r', tag: 7, from: 10, until: null }]);
});

t.test('when a client is silent, then its connection is terminated', async (t) => {
  const { clock, ends, enter, run } = world();
  const silent = enter('silent', null);
  silent.answersIn = undefined;
  const alive = enter('alive', null);
  run();
  clock.advance(16_000);
  t.same([...new Set(ends)], ['silent terminated']);
  t.ok(alive.pings.length > 0);
});

t.test('when a client never ends a message, then it is closed with 1008', async (t) => {
  const { clock, ends, enter, run } = world();
  const client = enter('a', null);
  client.midMessage = true;
  run();
  clock.advance(32_000);
  t.match(client.closes[0], { why: { code: 1008, reason: 'half a message for too long' } });
  t.same(ends, []);
});

t.test('when the streams end, then nothing is left', async (t) => {
  const { clock, status$, control$, archived$, run } = world();
  run().unsubscribe();
  t.notOk(status$.observed || control$.observed || archived$.observed);
  t.equal(clock.pending(), 0);
});
