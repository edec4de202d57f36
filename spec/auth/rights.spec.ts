/** What the rights of a connection allow, and what ends with them. */
import t from 'tap';
import { type Rights } from '../../lib/auth/index.js';
import { type Config } from '../../lib/config/index.js';
import { alice, ALL, only, refresh, renewed, world } from '../support/rights-world.js';

// rights that change

t.test('when rights end, then the client leaves exactly the rooms of these rights', async (t) => {
  const w = world();
  const a = alice(w, ALL, 3_600_000, 'a');
  const b = alice(w, ALL, 3_600_000, 'a');
  for (const room of ['b', 'c-1', 'c-2']) a.join(room);
  w.clock.advance(100);
  refresh(w, a, renewed(w, only(['b', 'c-*'], ['b'])));
  w.clock.advance(100);
  t.strictSame(
    a.events('left').map(({ room, reason }) => [room, reason]),
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
  a.send({ type: 'presence', room: 'c-1', data: { status: 'away' }, id: 'x4' });
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
  t.match(a.events('joined').at(-1), { room: 'a' });
  t.strictSame([a.texts('c-2'), a.texts('')], [[5], [6]], 'and they come back');
});

t.test('when a right ends during a join, then the join ends', async (t) => {
  const w = world();
  const a = alice(w);
  w.broker.openMs = 1_000;
  a.join('r', 'j1');
  w.clock.advance(10);
  refresh(w, a, renewed(w, only([])));
  w.clock.advance(10);
  t.match(a.events('left'), [{ room: 'r', reason: 'forbidden' }]);
  w.clock.advance(2_000);
  t.equal(a.events('joined').filter(({ room }) => room === 'r').length, 0);
  t.notOk(w.occupied().has('r'));
});

t.test(
  'when a client joins, publishes and leaves, then the rights of its first token decide',
  async (t) => {
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
      {
        code: 'forbidden',
        ref: 'j2',
        message: /^room: the token .* to be in the room other; .* claim rooms\.join allows it$/,
      },
      {
        code: 'forbidden',
        ref: 'c2',
        message:
          /^room: the token .* to publish in the room news; .* claim rooms\.publish allows it$/,
      },
    ]);
    t.match(a.events('left'), [{ room: 'other', reason: 'asked', ref: 'l1' }]);
  },
);

const TOKEN = /the token does not allow to publish to everyone; .* claim rooms\.global is true$/;
const CLIENTS = /name a room; clients may not publish to everyone here/;

t.test('when a client publishes to the global log, then its rights decide', async (t) => {
  const rows: readonly (readonly [
    policy: Config['access']['globalPublish'],
    who: { readonly userId: string | null; readonly rights: Rights },
    /** undefined: it may; else the reason in the error. */
    why: RegExp | undefined,
  ])[] = [
    ['any', { userId: null, rights: ALL }, undefined],
    ['any', { userId: 'alice', rights: ALL }, undefined],
    ['any', { userId: 'alice', rights: only(['*'], ['*'], true) }, undefined],
    ['any', { userId: 'alice', rights: only(['*'], ['*'], false) }, TOKEN],
    ['users', { userId: null, rights: ALL }, /only users with a token may publish to everyone/],
    ['users', { userId: 'alice', rights: ALL }, undefined],
    ['users', { userId: 'alice', rights: only('all') }, TOKEN],
    ['server', { userId: 'alice', rights: { ...ALL, admin: true } }, CLIENTS],
    ['server', { userId: null, rights: ALL }, CLIENTS],
    ['server', { userId: 'alice', rights: only('all') }, CLIENTS],
  ];
  for (const [policy, { userId, rights }, why] of rows) {
    const w = world(policy);
    const peer = w.connect({ userId, limited: { rights } });
    w.clock.advance(100);
    peer.chat('', 'all', 'c1');
    w.clock.advance(100);
    const what = `${policy} ${String(userId)} ${JSON.stringify(rights)}`;
    t.strictSame(peer.texts(''), why === undefined ? ['all'] : [], what);
    const due = why === undefined ? [] : [{ code: 'forbidden', ref: 'c1', message: why }];
    t.match(peer.errors(), due, what);
  }
});
