/** What a joiner with a `last_id` is sent first: a gap of this pod, the log, or a gap instead of the log. */
import { NEVER, type Observable, of, Subject } from 'rxjs';
import t from 'tap';
import type { Missed } from '../../lib/broker/fallback-log.js';
import { systemClock } from '../../lib/clock.js';
import type { Connection, Membership } from '../../lib/connection/connection.js';
import type { HubEvent } from '../../lib/hub-event.js';
import { NO_POSITION } from '../../lib/protocol/position.js';
import type { Resume } from '../../lib/protocol/resume.js';
import { catchUp } from '../../lib/room/catch-up.js';
import type { Recovered } from '../../lib/room/recovery/recovery.js';
import { topAt } from '../support/channel-world.js';

const RESUME: Resume = { _tag: 'Since', ms: 1 };
const AT = topAt(1, 10);
const MISSED: Missed = { at: 5, reason: 'broker_outage' };

const world = (recovered$: Observable<Recovered> = NEVER) => {
  const membership: Membership = {
    connection: {} as Connection,
    room: 'r',
    position: NO_POSITION,
    joinSeq: 0,
    isJoining: false,
    mayPublish: true,
    unansweredJoins: 1,
  };
  const self = {
    missed: undefined as Missed | undefined,
    isPodOnly: false,
    isAtTop: false,
    gaps: [] as string[],
    events: [] as HubEvent[],
    foretold: [] as unknown[],
    emitted: [] as unknown[],
  };
  const { foretell, run } = catchUp({
    room: 'r',
    clock: systemClock,
    broker: { missedHere: () => self.missed },
    channel: { isAtTop: () => self.isAtTop },
    fanOut: { position: () => AT },
    recovery: {
      recover: (_membership, _resume, foretold) => {
        self.foretold.push(foretold);
        return recovered$;
      },
      foretell: () => of('expired'),
    },
    isPodOnly: () => self.isPodOnly,
    sendGap: (_membership, reason) => self.gaps.push(reason),
    emit: (event) => self.events.push(event),
  });
  return Object.assign(self, {
    membership,
    foretell: (resume?: Resume) =>
      foretell(membership, resume).subscribe((reason) => self.emitted.push(reason)),
    run: (resume?: Resume, foretold?: 'expired' | 'broker_outage') =>
      run(membership, resume, foretold).subscribe((recovered) => self.emitted.push(recovered)),
  });
};

const recovered = (gap?: Recovered['gap']): Recovered => ({ at: AT, messages: 3, gap });

t.test('when a joiner does not resume, then it is sent nothing', async (t) => {
  const w = world();
  w.missed = MISSED;
  w.foretell();
  w.run();
  t.same(w.emitted, [undefined, undefined]);
  t.same([w.gaps, w.events, w.foretold], [[], [], []]);
});

t.test('when a joiner waits for another room, then its gap is sent before', async (t) => {
  const w = world();
  w.foretell(RESUME);
  t.same([w.emitted, w.gaps], [['expired'], []], 'that of the log is sent by the recovery');
  w.missed = MISSED;
  w.foretell(RESUME);
  t.same([w.emitted, w.gaps], [['expired', 'broker_outage'], ['broker_outage']]);
});

t.test('when the log cannot be read, then no gap is foretold by it', async (t) => {
  const w = world();
  w.isPodOnly = true;
  w.foretell(RESUME);
  t.same([w.emitted, w.gaps], [[undefined], []]);
});

t.test('when the log has everything, then the joiner is recovered', async (t) => {
  const w = world(of(recovered()));
  w.run(RESUME);
  t.same(w.emitted, [recovered()]);
  t.same(w.gaps, []);
  const event = { _tag: 'Recovered', result: 'recovered', messages: 3, room: 'r', seconds: Number };
  t.match(w.events, [event]);
});

t.test('when the log has a gap, or one was foretold, then it is the result', async (t) => {
  const w = world(of(recovered('log_lost')));
  w.run(RESUME);
  t.match(w.events, [{ result: 'log_lost' }]);
  w.missed = MISSED;
  w.run(RESUME, 'expired');
  t.match(w.events.at(-1), { result: 'expired' });
  t.same([w.gaps, w.foretold], [[], [undefined, 'expired']], 'and it is not sent again');
});

t.test(
  'when the client missed messages that no log has, then their gap is sent first',
  async (t) => {
    const recovered$ = new Subject<Recovered>();
    const w = world(recovered$);
    w.missed = MISSED;
    w.run(RESUME);
    t.same([w.gaps, w.emitted], [['broker_outage'], []]);
    recovered$.next(recovered());
    t.same(w.gaps, ['broker_outage'], 'once');
    t.match(w.events, [{ result: 'broker_outage', messages: 3 }]);
  },
);

t.test(
  'when more such messages came during the catch-up, then the gap is sent again',
  async (t) => {
    const recovered$ = new Subject<Recovered>();
    const w = world(recovered$);
    w.run(RESUME);
    w.missed = { ...MISSED };
    recovered$.next(recovered());
    t.same(w.gaps, ['broker_outage']);
    t.match(w.events, [{ result: 'broker_outage' }]);
  },
);

t.test('when the room reaches this pod only, then what is missing is a gap', async (t) => {
  const w = world();
  w.isPodOnly = true;
  w.run(RESUME);
  t.same(w.gaps, ['broker_outage']);
  t.equal(w.membership.position, AT, 'the gap has the position of the members');
  t.match(w.emitted, [{ at: AT, messages: 0, gap: 'broker_outage' }]);
  w.run(RESUME, 'broker_outage');
  t.equal(w.gaps.length, 1, 'a gap was sent before');
  w.isAtTop = true;
  w.run(RESUME);
  t.equal(w.gaps.length, 1, 'nothing is missing');
  t.match(w.events.at(-1), { result: 'recovered', messages: 0 });
});
