/** What a connection may do, from its first moment to its token's last, in virtual time. */
import { left, right } from 'fp-ts/lib/Either.js';
import { delay, type Observable, of } from 'rxjs';
import t from 'tap';
import { ExpiryTimer, type Waiter } from '../../lib/auth/expiry-timer.js';
import type { Auth, Credentials, Denial, Identity, Rights } from '../../lib/auth/index.js';
import type { Config } from '../../lib/config/index.js';
import { hubWorld, type HubWorld } from '../support/hub-world.js';
import type { Peer } from '../support/peer.js';
import { type ScriptBroker, scriptBroker } from '../support/script-broker.js';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.js';

const ALL: Rights = { join: 'all', publish: 'all', global: true, admin: false };
const only = (join: Rights['join'], publish = join, global = false): Rights => ({
  join,
  publish,
  global,
  admin: false,
});

type Outcome =
  | { readonly _tag: 'Left'; readonly left: Denial }
  | { readonly _tag: 'Right'; readonly right: Identity };

/** An access that knows what it was told beforehand, after a while. */
const prepared = (): Auth & {
  readonly next: Outcome[];
  answer: (outcome: Outcome) => Observable<Outcome>;
} => {
  const next: Outcome[] = [];
  const access = {
    enabled: true,
    next,
    answer: (outcome: Outcome): Observable<Outcome> => of(outcome),
    authenticate: (_credentials: Credentials): Observable<Outcome> =>
      access.answer(next.shift() ?? left({ _tag: 'Untrusted' })),
  };
  return access;
};

type World = HubWorld & {
  readonly broker: ScriptBroker;
  readonly access: ReturnType<typeof prepared>;
  readonly inMs: (ms: number) => number;
};

const world = (globalPublish: Config['access']['globalPublish'] = 'any'): World => {
  const access = prepared();
  const made = hubWorld({
    broker: scriptBroker,
    access,
    config: { access: { globalPublish } },
  });
  return { ...made, access, inMs: (ms) => made.clock.wall() + ms };
};

const alice = (w: World, rights: Rights = ALL, lifeMs = 3_600_000, room?: string): Peer => {
  const peer = w.connect({
    userId: 'alice',
    ...(room === undefined ? {} : { room }),
    limited: { rights, expiresAt: w.inMs(lifeMs) },
  });
  w.clock.advance(100);
  return peer;
};

const renewed = (w: World, rights: Rights, lifeMs = 3_600_000, userId = 'alice'): Outcome =>
  right({ userId, rights, expiresAt: w.inMs(lifeMs) });

const refresh = (w: World, peer: Peer, outcome: Outcome, id?: string): void => {
  w.access.next.push(outcome);
  peer.say({ type: 'refresh', data: { token: 'x.y.z' }, id });
};

const expiring = (peer: Peer): readonly unknown[] =>
  peer.told('token_expiring').map(({ expires_at: at }) => at);

// the end of a token

t.test('a token that ends: told 30 s before, closed with 4001 when it has', async (t) => {
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
});

t.test('a token with less than 30 s left is told at once, after welcome', async (t) => {
  const w = world();
  const a = alice(w, ALL, 10_000, 'r');
  t.equal(expiring(a).length, 1);
  t.equal(a.heard()[0]?.type === 'system' && a.told()[0]?.['event'], 'welcome');
  w.clock.advance(9_899);
  t.equal(a.code(), undefined);
  w.clock.advance(1);
  t.equal(a.code(), 4001);
});

t.test('a token for a year: no timer is longer than Node can have, and none is busy', async (t) => {
  const w = world();
  const year = 365 * 86_400_000;
  const a = alice(w, ALL, year);
  w.clock.advance(60 * 86_400_000);
  t.equal(a.code(), undefined);
  t.equal(a.told('token_expiring').length, 0);
  a.go();
  w.clock.advance(10_000);
  t.equal(w.clock.pending(), 0);
});

t.test('tokens end by the wall clock, also when somebody sets it', async (t) => {
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

const waiterFor = (at: number, reached: () => void): Waiter => ({ at, onExpiry: reached });

t.test('one timer for all of them', async (t) => {
  const clock = virtualClock();
  const expiries = new ExpiryTimer(clock);
  const ended: number[] = [];
  const wait = (inMs: number): Waiter => {
    const waiter = waiterFor(clock.wall() + inMs, () => ended.push(inMs));
    expiries.enter(waiter);
    return waiter;
  };
  const [first, , , , furthest] = [5_000, 70_000, 30, 30, 2 ** 40, 100].map(wait) as [
    Waiter,
    ...Waiter[],
  ];
  t.equal(clock.pending(), 1);
  clock.advance(29);
  t.strictSame(ended, []);
  clock.advance(1);
  t.strictSame(ended, [30, 30]);
  clock.advance(70);
  t.strictSame(ended, [30, 30, 100]);
  expiries.leave(first);
  clock.advance(100_000);
  t.strictSame(ended, [30, 30, 100, 70_000], 'who has left is not told');
  t.equal(clock.pending(), 1);
  expiries.leave(furthest as Waiter);
  t.equal(clock.pending(), 0);
  wait(-1);
  clock.advance(0);
  t.equal(ended.at(-1), -1, 'what has been is told at once');
  t.equal(clock.pending(), 0);
});

t.test('a thousand that end one after the other, and take each other along', async (t) => {
  const clock: VirtualClock = virtualClock();
  const expiries = new ExpiryTimer(clock);
  let ended = 0;
  const waiters: Waiter[] = Array.from({ length: 1_000 }, (_, i) =>
    waiterFor(clock.wall() + 1_000 + i, () => {
      ended += 1;
      // the first takes the next with it
      if (i % 2 === 0) expiries.leave(waiters[i + 1] as Waiter);
    }),
  );
  for (const waiter of waiters) expiries.enter(waiter);
  clock.advance(1_500);
  t.ok(ended >= 240 && ended <= 251, `${ended} after half of the time`);
  clock.advance(520);
  t.equal(ended, 500);
  t.equal(clock.pending(), 0);
});

// refresh

t.test('a new token in place of the old one: its end counts, and only its', async (t) => {
  const w = world();
  const a = alice(w, ALL, 60_000);
  refresh(w, a, renewed(w, ALL, 120_000), 'r1');
  w.clock.advance(0);
  t.match(a.told('ack'), [{ ref: 'r1', duplicate: false }]);
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

t.test('a bad token, or of another user: forbidden, and the old one stays', async (t) => {
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
  t.equal(a.told('ack').length, 0);
  a.chat('r', 'still here');
  w.clock.advance(100);
  t.strictSame(a.texts('r'), ['still here']);
  a.join('s');
  t.match(a.errors().at(-1), { code: 'forbidden' });
  w.clock.advance(59_900);
  t.equal(a.code(), 4001);
});

t.test('without a token there is none to renew', async (t) => {
  const w = world();
  const nobody = w.connect({ room: 'r' });
  const program = w.connect({ limited: { rights: ALL, expiresAt: undefined } });
  for (const peer of [nobody, program]) {
    refresh(w, peer, renewed(w, ALL), 'r1');
    t.match(peer.errors(), [{ code: 'forbidden', ref: 'r1' }]);
  }
});

t.test('what is said behind a refresh waits for it, and is judged by it', async (t) => {
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
  t.match(a.told('joined').at(-1), { room: 'r', ref: 'j1' });
  t.strictSame(a.texts('r'), ['hi']);
  t.equal(a.errors().length, 0);
});

t.test('a connection that ends while its token is judged leaves nothing', async (t) => {
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
});

t.test('a token that ends while the new one is judged has ended', async (t) => {
  const w = world();
  const a = alice(w, ALL, 1_000);
  w.access.answer = (outcome) => of(outcome).pipe(delay(2_000, w.clock.scheduler));
  refresh(w, a, renewed(w, ALL));
  w.clock.advance(900);
  t.equal(a.code(), 4001);
});

t.test(
  "an operator's word ends all rights, whenever it comes, and their clock with them",
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

// rights that change

t.test('with the rights end exactly the rooms that they were for', async (t) => {
  const w = world();
  const a = alice(w, ALL, 3_600_000, 'a');
  const b = alice(w, ALL, 3_600_000, 'a');
  for (const room of ['b', 'c-1', 'c-2']) a.join(room);
  w.clock.advance(100);
  refresh(w, a, renewed(w, only(['b', 'c-*'], ['b'])));
  w.clock.advance(100);
  t.strictSame(
    a.told('left').map(({ room, reason }) => [room, reason]),
    [['a', 'forbidden']],
  );
  t.strictSame([...w.occupied()].sort(), [
    ['', 2],
    ['a', 1],
    ['b', 1],
    ['c-1', 1],
    ['c-2', 1],
  ]);
  b.chat('a', 'unheard');
  a.chat('a', 1, 'x1');
  a.chat('b', 2, 'x2');
  a.chat('c-1', 3, 'x3');
  a.say({ type: 'presence', room: 'c-1', data: { status: 'away' }, id: 'x4' });
  a.chat('', 4, 'x5');
  w.clock.advance(100);
  t.strictSame(a.texts('a'), []);
  t.strictSame(a.texts('b'), [2]);
  t.match(a.errors(), [
    { code: 'not_a_member', ref: 'x1' },
    { code: 'forbidden', ref: 'x3' },
    { code: 'forbidden', ref: 'x4' },
    { code: 'forbidden', ref: 'x5' },
  ]);
  a.join('a', 'x6');
  t.match(a.errors().at(-1), { code: 'forbidden', ref: 'x6' });
  refresh(w, a, renewed(w, ALL));
  a.join('a');
  a.chat('c-2', 5);
  a.chat('', 6);
  w.clock.advance(100);
  t.match(a.told('joined').at(-1), { room: 'a' });
  t.strictSame([a.texts('c-2'), a.texts('')], [[5], [6]], 'and they come back');
});

t.test('a right that ends while its room is being entered ends the entering', async (t) => {
  const w = world();
  const a = alice(w);
  w.broker.openMs = 1_000;
  a.join('r', 'j1');
  w.clock.advance(10);
  refresh(w, a, renewed(w, only([])));
  w.clock.advance(10);
  t.match(a.told('left'), [{ room: 'r', reason: 'forbidden' }]);
  w.clock.advance(2_000);
  t.equal(a.told('joined').filter(({ room }) => room === 'r').length, 0);
  t.notOk(w.occupied().has('r'));
});

t.test('joining, speaking and leaving by the rights of the first token', async (t) => {
  const w = world();
  const a = alice(w, only(['team-*', 'news'], ['team-*']), 3_600_000, 'team-1');
  const b = alice(w, ALL, 3_600_000, 'team-1');
  a.join('news', 'j1');
  a.join('other', 'j2');
  w.clock.advance(100);
  a.chat('team-1', 'one', 'c1');
  a.chat('news', 'two', 'c2');
  a.leave('other', 'l1');
  w.clock.advance(100);
  t.strictSame(b.texts('team-1'), ['one']);
  t.match(b.chats('team-1'), [{ from: 'alice' }]);
  t.match(a.errors(), [
    { code: 'forbidden', ref: 'j2', message: /^room: the token does not allow to be in/ },
    {
      code: 'forbidden',
      ref: 'c2',
      message: /^room: the token does not allow to publish in/,
    },
  ]);
  t.match(a.told('left'), [{ room: 'other', reason: 'asked', ref: 'l1' }]);
});

t.test('who may speak to everybody', async (t) => {
  const rows: readonly (readonly [
    policy: Config['access']['globalPublish'],
    who: { readonly userId: string | null; readonly rights: Rights },
    may: boolean,
  ])[] = [
    ['any', { userId: null, rights: ALL }, true],
    ['any', { userId: 'alice', rights: ALL }, true],
    ['any', { userId: 'alice', rights: only(['*'], ['*'], true) }, true],
    ['any', { userId: 'alice', rights: only(['*'], ['*'], false) }, false],
    ['users', { userId: null, rights: ALL }, false],
    ['users', { userId: 'alice', rights: ALL }, true],
    ['users', { userId: 'alice', rights: only('all') }, false],
    ['server', { userId: 'alice', rights: { ...ALL, admin: true } }, false],
    ['server', { userId: null, rights: ALL }, false],
  ];
  for (const [policy, { userId, rights }, may] of rows) {
    const w = world(policy);
    const peer = w.connect({ userId, limited: { rights } });
    w.clock.advance(100);
    peer.chat('', 'all', 'c1');
    w.clock.advance(100);
    const what = `${policy} ${String(userId)} ${JSON.stringify(rights)}`;
    t.strictSame(peer.texts(''), may ? ['all'] : [], what);
    t.match(peer.errors(), may ? [] : [{ code: 'forbidden', ref: 'c1' }], what);
  }
});
