/** `degraded` and `restored`: which connections get them, and when. */
import t from 'tap';
import { leftovers, scripted } from '../support/hub-checks.js';

t.test(
  'when the broker fails and returns, then each connection gets both events once; a new one after `welcome`',
  async (t) => {
    const w = scripted();
    const [a, b] = [w.connect({ room: 'r' }), w.connect()];
    w.clock.advance(10);
    const since = w.clock.wall();
    w.broker.status$.next({ _tag: 'Degraded', since });
    w.clock.advance(10);
    const degraded = { event: 'degraded', since: new Date(since).toISOString() };
    for (const peer of [a, b]) t.same(peer.events('degraded'), [degraded]);
    const late = w.connect({ room: 'r' });
    w.clock.advance(10);
    t.same(
      late.events().map(({ event }) => event),
      ['welcome', 'degraded', 'joined', 'joined'],
    );
    t.same(
      late.events('joined').map(({ scope }) => scope),
      ['pod', 'pod'],
    );
    w.broker.status$.next({ _tag: 'Up', since: since + 5_000 });
    w.clock.advance(10);
    for (const peer of [a, b, late])
      t.same(peer.events('restored'), [
        { event: 'restored', since: new Date(since + 5_000).toISOString() },
      ]);
    t.equal(late.events('degraded').length, 1);
    const last = w.connect({ room: 'r' });
    w.clock.advance(10);
    t.same(
      last.events().map(({ event }) => event),
      ['welcome', 'joined', 'joined'],
    );
    t.same(
      last.events('joined').map(({ scope }) => scope),
      [undefined, undefined],
    );
    await leftovers(t, w, [a, b, late, last]);
  },
);

t.test(
  'when a connection is still joining the global log, then it gets `degraded` too, once',
  async (t) => {
    const w = scripted();
    w.broker.openMs = 100;
    const a = w.connect();
    w.clock.advance(10);
    w.broker.status$.next({ _tag: 'Degraded', since: w.clock.wall() });
    w.clock.advance(50);
    t.same(
      w.events.filter(({ _tag }) => _tag === 'Delivered'),
      [],
      'nothing is said in a room that has no place yet',
    );
    w.clock.advance(450);
    t.equal(a.events('degraded').length, 1);
    w.broker.status$.next({ _tag: 'Up', since: w.clock.wall() });
    w.clock.advance(500);
    t.equal(a.events('restored').length, 1);
  },
);

t.test(
  'when a connection opens while `degraded` is being sent to the others, then it gets it once',
  async (t) => {
    const w = scripted();
    const a = w.connect();
    w.clock.advance(10);
    w.broker.status$.next({ _tag: 'Degraded', since: w.clock.wall() });
    const b = w.connect();
    w.clock.advance(10);
    for (const peer of [a, b]) t.equal(peer.events('degraded').length, 1);
    w.broker.status$.next({ _tag: 'Up', since: w.clock.wall() });
    const c = w.connect();
    w.clock.advance(10);
    for (const peer of [a, b]) t.equal(peer.events('restored').length, 1);
    t.equal(c.events('restored').length, 0);
  },
);

t.test('when the broker is starting, then no connection gets `degraded`', async (t) => {
  const w = scripted();
  w.broker.status$.next({ _tag: 'Starting' });
  const a = w.connect({ room: 'r' });
  w.clock.advance(10);
  w.broker.status$.next({ _tag: 'Up', since: w.clock.wall() });
  w.clock.advance(10);
  t.same([a.events('degraded'), a.events('restored')], [[], []]);
});
