import { Subject } from 'rxjs';
import t from 'tap';
import {
  type Input,
  type Health,
  health,
  start,
  statusOf,
  step,
} from '../../../lib/broker/cluster/health.js';
import { virtualClock } from '../../support/virtual-clock.js';

/**
 * Runs a script of inputs, by the ms at which they come; returns each change of phase and each request to
 * reconnect.
 */
const play = (
  script: Readonly<Record<number, readonly Input['_tag'][]>>,
  until: number,
): readonly string[] => {
  const clock = virtualClock();
  const input$ = new Subject<Input>();
  const events: string[] = [];
  let phase: Health['phase'] = 'Starting';
  const running = health(clock, input$).subscribe((state) => {
    if (state.phase !== phase) events.push(`${clock.scheduler.now()} ${state.phase}`);
    if (state.reconnect) events.push(`${clock.scheduler.now()} reconnect`);
    phase = state.phase;
  });
  for (const [at, tags] of Object.entries(script)) {
    clock.advance(Number(at) - clock.scheduler.now());
    for (const _tag of tags)
      input$.next(_tag === 'AllRoomsSynced' ? { _tag, allSynced: true } : { _tag });
  }
  clock.advance(until - clock.scheduler.now());
  running.unsubscribe();
  t.equal(clock.pending(), 0, 'leaves no timer');
  return events;
};

/** A probe that comes round each 500 ms. */
const beats = (from: number, to: number): Record<number, readonly Input['_tag'][]> => {
  const script: Record<number, readonly Input['_tag'][]> = {};
  for (let at = from; at <= to; at += 500) script[at] = ['Returned'];
  return script;
};

t.test('when the first probe has not come back, then the pod is starting', async (t) => {
  t.same(play({ 0: ['Ready'], ...beats(40, 5_000) }, 5_000), ['40 Up']);
});

t.test('when a pod never reaches its broker, then it is degraded after 3 s', async (t) => {
  t.same(play({}, 10_000), ['3000 Degraded']);
});

t.test(
  'when probes are lost, then a reconnect is tried and repeated, and degraded comes within 3 s',
  async (t) => {
    t.same(play({ 0: ['Ready'], ...beats(100, 10_100) }, 14_500), [
      '100 Up',
      '11500 reconnect',
      '12250 Degraded',
      '13000 reconnect',
      '14500 reconnect',
    ]);
  },
);

t.test('when the client reconnects by itself, then no reconnect is asked for', async (t) => {
  t.same(play({ 0: ['Ready', 'Returned'], 200: ['Lost'] }, 9_000), ['0 Up', '2000 Degraded']);
});

t.test('when no probe comes back for less than 2 s, then it is no outage', async (t) => {
  t.same(
    play(
      {
        0: ['Ready', 'Returned'],
        100: ['Lost'],
        1_500: ['Ready'],
        1_700: ['Returned'],
        ...beats(2_000, 5_000),
      },
      5_000,
    ),
    ['0 Up'],
  );
});

t.test(
  'when probes come back, then restored waits for the rooms, up to a time limit',
  async (t) => {
    const down = { 0: ['Ready', 'Returned'], 10: ['Lost'], 5_000: ['Ready'] } as const;
    t.same(
      play(
        { ...down, 5_010: ['Returned'], 5_300: ['AllRoomsSynced'], ...beats(5_500, 8_000) },
        8_000,
      ),
      ['0 Up', '2000 Degraded', '5010 Checking', '5300 Up'],
    );
    t.same(play({ ...down, 5_010: ['Returned'], ...beats(5_500, 8_000) }, 8_000), [
      '0 Up',
      '2000 Degraded',
      '5010 Checking',
      '6250 Up',
    ]);
    t.same(
      play({ ...down, 5_010: ['AllRoomsSynced', 'Returned'], ...beats(5_500, 8_000) }, 8_000),
      ['0 Up', '2000 Degraded', '5010 Up'],
    );
  },
);

t.test('when a probe is lost while rooms are checked, then it is the same outage', async (t) => {
  const events = play(
    {
      0: ['Ready', 'Returned'],
      10: ['Lost'],
      5_000: ['Ready'],
      5_010: ['Returned'],
      5_100: ['Lost'],
    },
    8_000,
  );
  t.same(events, ['0 Up', '2000 Degraded', '5010 Checking', '5100 Degraded']);
});

t.test(
  'when an outage is reported, then its time is that of degraded, also while rooms are checked',
  async (t) => {
    const up = step({ ...start(0, 0), ready: true }, { _tag: 'Returned' }, 10, 1_010);
    let now: Health = up;
    for (let at = 250; at <= 2_250; at += 250) now = step(now, { _tag: 'Tick' }, at, 1_000 + at);
    t.same(statusOf(now), { _tag: 'Degraded', since: 3_250 });
    t.same(statusOf(step(now, { _tag: 'Returned' }, 2_300, 3_300)), {
      _tag: 'Degraded',
      since: 3_250,
    });
  },
);

t.test(
  'when Redis is read-only, then one reconnect is asked for at once, not one for every answer',
  async (t) => {
    t.same(
      play(
        {
          0: ['Ready', 'Returned'],
          600: ['ReadOnly', 'ReadOnly', 'ReadOnly'],
          601: ['Lost', 'ReadOnly'],
        },
        700,
      ),
      ['0 Up', '600 reconnect'],
    );
  },
);

t.test('when the event loop stood still for a minute, then it is no outage', async (t) => {
  const up = step({ ...start(0, 0), ready: true }, { _tag: 'Returned' }, 0, 0);
  const late = step(step(up, { _tag: 'Tick' }, 250, 250), { _tag: 'Tick' }, 60_250, 60_250);
  t.equal(late.phase, 'Up');
  t.equal(late.reconnect, false);
});
