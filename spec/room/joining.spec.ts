/** What a joiner waits for, in order. */
import { type Observable, of, Subject } from 'rxjs';
import t from 'tap';
import type { Scope } from '../../lib/broker/index.js';
import type { Connection, Membership } from '../../lib/connection/connection.js';
import { NO_POSITION } from '../../lib/protocol/position.js';
import type { GapReason } from '../../lib/protocol/system-event.js';
import { joining } from '../../lib/room/joining.js';
import type { Join } from '../../lib/room/member-state.js';

const MEMBERSHIP: Membership = {
  connection: {} as Connection,
  room: 'r',
  position: NO_POSITION,
  joinSeq: 0,
  isJoining: false,
  mayPublish: true,
  unansweredJoins: 1,
};

const JOIN: Join = {
  _tag: 'Join',
  room: 'r',
  membership: MEMBERSHIP,
  isMember: false,
  resume: { _tag: 'Since', ms: 1 },
  ref: undefined,
};

const world = (scope?: Scope, foretold$: Observable<GapReason | undefined> = of(undefined)) => {
  const steps: string[] = [];
  const opened$ = new Subject<void>();
  const counted$ = new Subject<number>();
  const after$ = new Subject<void>();
  const join = joining({
    channel: { scope: () => scope },
    opened$,
    counted$,
    catchUp: {
      foretell: () => {
        steps.push('foretell');
        return foretold$;
      },
      run: (_membership, _resume, foretold) => {
        steps.push(`catch up ${foretold ?? ''}`.trim());
        return of(undefined);
      },
    },
  });
  const run = (command: Partial<Join> = {}) =>
    join({ ...JOIN, ...command }).subscribe({
      next: () => steps.push('member'),
      complete: () => steps.push('end'),
    });
  const looked = (isGapSent: boolean): void => void steps.push(`looked ${isGapSent}`);
  return { steps, opened$, counted$, after$, looked, run };
};

t.test('when the channel is open and the others are counted, then it catches up', async (t) => {
  const { steps, counted$, run } = world('cluster');
  run();
  t.same(steps, []);
  counted$.next(0);
  t.same(steps, ['catch up', 'member', 'end']);
});

t.test('when the channel is not open, then the others are counted after it', async (t) => {
  const { steps, opened$, counted$, run } = world();
  run();
  t.notOk(counted$.observed);
  opened$.next();
  opened$.complete();
  t.ok(counted$.observed);
  counted$.next(3);
  t.same(steps, ['catch up', 'member', 'end']);
  counted$.next(4);
  t.notOk(counted$.observed);
});

t.test('when another room goes first, then all else begins after that room', async (t) => {
  const { steps, counted$, after$, run } = world('cluster');
  run({ after$ });
  t.notOk(counted$.observed);
  after$.next();
  t.ok(counted$.observed);
  after$.next();
  counted$.next(0);
  t.same(steps, ['catch up', 'member', 'end']);
});

t.test('when the joiner waits, then the gap that is due now is sent before it waits', async (t) => {
  const foretold$ = new Subject<GapReason | undefined>();
  const { steps, counted$, after$, looked, run } = world('cluster', foretold$);
  run({ after$, looked });
  t.same([steps, after$.observed], [['foretell'], false]);
  foretold$.next('expired');
  t.same([steps, after$.observed], [['foretell', 'looked true'], true]);
  after$.next();
  counted$.next(0);
  t.same(steps.slice(2), ['catch up expired', 'member']);
});

t.test('when nothing is missing now, then no gap is reported', async (t) => {
  const { steps, run, after$, looked } = world('pod');
  run({ after$, looked });
  t.same(steps, ['foretell', 'looked false']);
});

t.test(
  'when the other room catches up while the gap is reported, then the joiner goes on',
  async (t) => {
    const { steps, counted$, after$, run } = world('cluster');
    run({
      after$,
      looked: () => {
        steps.push('looked');
        after$.next();
      },
    });
    counted$.next(0);
    t.same(steps, ['foretell', 'looked', 'catch up', 'member', 'end']);
  },
);

t.test('when the joiner has gone, then nothing is waited for', async (t) => {
  const { steps, opened$, counted$, after$, run } = world();
  run().unsubscribe();
  run({ after$ }).unsubscribe();
  t.notOk(opened$.observed || counted$.observed || after$.observed);
  t.same(steps, []);
});
