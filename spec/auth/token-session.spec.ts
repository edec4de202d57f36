/** The rights of a connection, from its first token to the end of its last one, in virtual time. */
import { left } from 'fp-ts/lib/Either.js';
import { delay, of } from 'rxjs';
import t from 'tap';
import { type Peer } from '../support/peer.js';
import {
  alice,
  ALL,
  expiring,
  only,
  refresh,
  renewed,
  world,
  type World,
} from '../support/rights-world.js';

// the end of a token

t.test(
  'when a token expires, then its client gets token_expiring 30 s before, and is closed with 4001',
  async (t) => {
    const w = world();
    const a = alice(w, ALL, 60_000);
    const expiresAt = w.inMs(59_900);
    w.clock.advance(29_899);
    t.strictSame(expiring(a), []);
    w.clock.advance(1);
    t.strictSame(expiring(a), [new Date(expiresAt).toISOString()]);
    w.clock.advance(29_999);
    t.equal(a.code(), undefined);
    w.clock.advance(1);
    t.equal(a.code(), 4001);
    t.equal(expiring(a).length, 1);
    w.clock.advance(10_000);
    t.equal(w.clock.pending(), 0, 'no timer is left');
    t.equal(w.connections.size, 0);
  },
);

t.test(
  'when a token has less than 30 s left, then token_expiring comes right after welcome',
  async (t) => {
    const w = world();
    const a = alice(w, ALL, 10_000, 'r');
    t.equal(expiring(a).length, 1);
    t.equal(a.received()[0]?.type === 'system' && a.events()[0]?.['event'], 'welcome');
    w.clock.advance(9_899);
    t.equal(a.code(), undefined);
    w.clock.advance(1);
    t.equal(a.code(), 4001);
  },
);

t.test(
  'when a token is valid for a year, then no timer exceeds what Node allows, and none is busy',
  async (t) => {
    const w = world();
    const year = 365 * 86_400_000;
    const a = alice(w, ALL, year);
    w.clock.advance(60 * 86_400_000);
    t.equal(a.code(), undefined);
    t.equal(a.events('token_expiring').length, 0);
    a.go();
    w.clock.advance(10_000);
    t.equal(w.clock.pending(), 0);
  },
);

t.test('when the wall clock is set, then tokens expire by the new time', async (t) => {
  const w = world();
  const a = alice(w, ALL, 600_000);
  w.clock.jump(3_600_000);
  w.clock.advance(10_000);
  t.equal(a.code(), 4001, 'seen within ten seconds');
  const b = alice(w, ALL, 60_000);
  w.clock.jump(-3_600_000);
  w.clock.advance(120_000);
  t.equal(b.code(), undefined, 'set back, it has not ended');
});

// refresh

t.test('when a new token replaces the old one, then only the new expiry counts', async (t) => {
  const w = world();
  const a = alice(w, ALL, 60_000);
  refresh(w, a, renewed(w, ALL, 120_000), 'r1');
  w.clock.advance(0);
  t.match(a.events('ack'), [{ ref: 'r1', duplicate: false }]);
  w.clock.advance(80_000);
  t.equal(a.code(), undefined);
  t.strictSame(expiring(a), []);
  w.clock.advance(10_000);
  t.equal(expiring(a).length, 1);
  refresh(w, a, renewed(w, ALL, 20_000));
  w.clock.advance(0);
  t.equal(expiring(a).length, 2, 'told of this one too');
  w.clock.advance(19_999);
  t.equal(a.code(), undefined);
  w.clock.advance(1);
  t.equal(a.code(), 4001);
});

t.test(
  "when a refresh brings an invalid token or another user's, then it is forbidden and the old one stays",
  async (t) => {
    const w = world();
    const a = alice(w, only(['r']), 60_000, 'r');
    refresh(w, a, left({ _tag: 'Untrusted' }), 'x1');
    refresh(w, a, left({ _tag: 'Expired' }), 'x2');
    refresh(w, a, renewed(w, ALL, 3_600_000, 'bob'), 'x3');
    refresh(w, a, left({ _tag: 'Unavailable' }), 'x4');
    const message = 'data.token: send a valid token of the same user';
    t.match(
      a.errors(),
      [
        { code: 'forbidden', ref: 'x1', message },
        { code: 'forbidden', ref: 'x2', message },
        { code: 'forbidden', ref: 'x3', message },
        { code: 'unavailable', ref: 'x4' },
      ],
      'which of them it is, is not said',
    );
    t.equal(a.events('ack').length, 0);
    a.chat('r', 'still here');
    w.clock.advance(100);
    t.strictSame(a.texts('r'), ['still here']);
    a.join('s');
    t.match(a.errors().at(-1), { code: 'forbidden' });
    w.clock.advance(59_900);
    t.equal(a.code(), 4001);
  },
);

t.test('when a connection has no token, then a refresh is refused', async (t) => {
  const w = world();
  const nobody = w.connect({ room: 'r' });
  const program = w.connect({ limited: { rights: ALL, expiresAt: undefined } });
  for (const peer of [nobody, program]) {
    refresh(w, peer, renewed(w, ALL), 'r1');
    t.match(peer.errors(), [{ code: 'forbidden', ref: 'r1' }]);
  }
});

t.test(
  'when messages follow a refresh, then they wait for it and have the rights of the new token',
  async (t) => {
    const w = world();
    const a = alice(w, only([]));
    w.access.answer = (outcome) => of(outcome).pipe(delay(500, w.clock.scheduler));
    refresh(w, a, renewed(w, only(['r'])), 'r1');
    a.join('r', 'j1');
    a.chat('r', 'hi', 'c1');
    w.clock.advance(499);
    t.ok(a.webSocket.isPaused, 'and is not even read');
    t.equal(a.errors().length, 0);
    w.clock.advance(600);
    t.match(a.events('joined').at(-1), { room: 'r', ref: 'j1' });
    t.strictSame(a.texts('r'), ['hi']);
    t.equal(a.errors().length, 0);
  },
);

t.test(
  'when a connection closes while its token is verified, then nothing of it is left',
  async (t) => {
    for (const end of [(a: Peer) => a.go(), (a: Peer) => a.webSocket.emit('error', new Error())]) {
      const w = world();
      const a = alice(w, ALL, 60_000, 'r');
      w.access.answer = (outcome) => of(outcome).pipe(delay(500, w.clock.scheduler));
      refresh(w, a, renewed(w, ALL));
      end(a);
      a.go();
      w.clock.advance(60_000);
      t.equal(w.connections.size, 0);
      t.equal(w.clock.pending(), 0);
    }
  },
);

t.test(
  'when a token expires while the new one is verified, then the connection is closed',
  async (t) => {
    const w = world();
    const a = alice(w, ALL, 1_000);
    w.access.answer = (outcome) => of(outcome).pipe(delay(2_000, w.clock.scheduler));
    refresh(w, a, renewed(w, ALL));
    w.clock.advance(900);
    t.equal(a.code(), 4001);
  },
);

t.test(
  'when an operator disconnects a client, then all its rights and their timer end',
  async (t) => {
    const states: readonly (readonly [string, (w: World) => Peer])[] = [
      ['while they hold', (w) => alice(w, ALL, 60_000, 'r')],
      ['when their end is near', (w) => alice(w, ALL, 10_000, 'r')],
      [
        'while a new token is judged',
        (w) => {
          const a = alice(w, ALL, 60_000, 'r');
          w.access.answer = (outcome) => of(outcome).pipe(delay(500, w.clock.scheduler));
          refresh(w, a, renewed(w, ALL));
          return a;
        },
      ],
      ['without a token', (w) => w.connect({ userId: 'alice', room: 'r' })],
    ];
    for (const [name, reach] of states) {
      const w = world();
      const a = reach(w);
      const bob = w.connect({ userId: 'bob', room: 'r' });
      for (const connection of w.connections)
        if (connection.userId === 'alice') connection.revoke();
      t.equal(a.code(), 4503, name);
      a.go();
      w.clock.advance(90_000);
      t.equal(a.code(), 4503, `${name}: nothing else is said`);
      t.notOk(bob.code(), `${name}: bob stays`);
      bob.go();
      w.clock.advance(90_000);
      t.equal(w.clock.pending(), 0, `${name}: no timer is left`);
    }
  },
);
