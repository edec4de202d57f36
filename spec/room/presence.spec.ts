/** `presence` and `members`: who comes and goes in a room. */
import t from 'tap';
import type { Peer } from '../support/peer.js';
import { leftovers, scripted } from '../support/hub-checks.js';

t.test(
  'when members join and leave, then the others get presence, and no member gets its own',
  async (t) => {
    const w = scripted();
    const a = w.connect({ room: 'r', userId: 'alice' });
    w.clock.advance(1_000);
    const b = w.connect({ room: 'r', userId: 'bob' });
    w.clock.advance(1_000);
    const c = w.connect({ userId: 'carol' });
    c.join('r');
    w.clock.advance(1_000);
    b.leave('r');
    w.clock.advance(1_000);
    c.go();
    w.clock.advance(1_000);
    t.same(a.presence('r'), ['bob online', 'carol online', 'bob offline', 'carol offline']);
    t.same(b.presence('r'), ['carol online']);
    t.same(c.presence('r'), ['bob offline']);
    t.same(w.broker.top('r').offset, 0, 'they take no offset');
    const presence = a.received().find(({ type }) => type === 'presence');
    t.match(presence, {
      from: 'server',
      room: 'r',
      data: { user_id: 'bob', connection_id: 'c2', status: 'online' },
    });
    t.equal(a.events('joined').length, 2, 'joined is not said again');
    await leftovers(t, w, [a, b, c]);
  },
);

t.test(
  'when many members join at once, then each gets presence of the others and not of itself',
  async (t) => {
    const w = scripted();
    w.broker.publishMs = 5;
    const peers = Array.from({ length: 20 }, (_, i) => w.connect({ room: 'r', userId: `u${i}` }));
    w.clock.advance(2_000);
    for (const [i, peer] of peers.entries()) {
      t.notOk(peer.presence('r').includes(`u${i} online`), `u${i} of itself`);
      for (let j = i + 1; j < peers.length; j++)
        if (!peer.presence('r').includes(`u${j} online`)) t.fail(`u${i} does not know of u${j}`);
      t.equal(new Set(peer.presence('r')).size, peer.presence('r').length, 'once each');
    }
    await leftovers(t, w, peers);
  },
);

t.test(
  'when a room is above PRESENCE_MAX_ROOM, then no presence is sent; `joined` comes again when that changes',
  async (t) => {
    const w = scripted({ presence: { presenceMaxRoom: 3 } });
    const three = ['a', 'b', 'c'].map((userId) => w.connect({ room: 'r', userId }));
    w.clock.advance(1_000);
    const d = w.connect({ room: 'r', userId: 'd' });
    w.clock.advance(1_000);
    for (const peer of three) {
      const joined = peer.events('joined').filter(({ room }) => room === 'r');
      t.same(joined.map(({ presence, members }) => [presence, members]).at(-1), [false, 4]);
      t.equal(joined.length, 2, 'once more');
      t.notOk(peer.presence('r').includes('d online'));
    }
    t.same(
      d
        .events('joined')
        .filter(({ room }) => room === 'r')
        .map(({ presence }) => presence),
      [false],
      'the fourth hears its own once',
    );
    d.leave('r');
    w.clock.advance(1_000);
    for (const peer of three) {
      const joined = peer.events('joined').filter(({ room }) => room === 'r');
      t.same(joined.map(({ presence, members }) => [presence, members]).at(-1), [true, 3]);
      t.equal(joined.length, 3);
      t.notOk(peer.presence('r').includes('d offline'), 'nobody knew of it');
    }
    w.broker.others.set('r', 10);
    three[2]?.leave('r');
    w.clock.advance(1_000);
    t.match(
      three[0]?.events('joined').at(-1),
      { presence: false, members: 12 },
      'the others count',
    );
    await leftovers(t, w, [...three, d]);
  },
);

t.test(
  'when members join on other pods, then `presence` follows the count though nothing happens on this pod',
  async (t) => {
    const w = scripted({ presence: { presenceMaxRoom: 3 } });
    const [a, b] = [w.connect({ room: 'r' }), w.connect({ room: 'r' })];
    w.clock.advance(1_000);
    const joinedOf = (peer: Peer): readonly unknown[] =>
      peer
        .events('joined')
        .filter(({ room }) => room === 'r')
        .map(({ presence, members }) => [presence, members]);
    w.broker.push('r', { _tag: 'Counted', others: 1 });
    w.clock.advance(10);
    t.equal(joinedOf(a).length, 1, 'a number alone is not said');
    w.broker.push('r', { _tag: 'Counted', others: 2 });
    w.clock.advance(10);
    for (const peer of [a, b]) t.same(joinedOf(peer).at(-1), [false, 4], 'too many to be told');
    w.broker.push('r', { _tag: 'Counted', others: 0 });
    w.clock.advance(10);
    for (const peer of [a, b]) t.same(joinedOf(peer).at(-1), [true, 2]);
    w.broker.membersMs = 50;
    w.broker.others.set('r', 1);
    a.join('r', 'again');
    w.clock.advance(40);
    t.notOk(a.events('joined').some(({ ref }) => ref === 'again'));
    w.clock.advance(20);
    t.match(
      a.events('joined').at(-1),
      { ref: 'again', members: 3 },
      'who asks again is counted for',
    );
    a.join('r', 'and gone');
    a.leave('r');
    w.clock.advance(1_000);
    t.notOk(
      a.events('joined').some(({ ref }) => ref === 'and gone'),
      'nothing is told behind left',
    );
    await leftovers(t, w, [a, b]);
  },
);

t.test(
  'when PRESENCE_EVENTS is false, then joins and leaves are not sent; a status of a client is',
  async (t) => {
    const w = scripted({ presence: { presenceEvents: false } });
    const [a, b] = [w.connect({ room: 'r', userId: 'a' }), w.connect({ room: 'r', userId: 'b' })];
    w.clock.advance(1_000);
    t.same(a.events('joined')[1]?.['presence'], false);
    b.send({ type: 'presence', room: 'r', data: { status: 'away' } });
    b.leave('r');
    w.clock.advance(1_000);
    t.same(
      a.received().flatMap(({ type, from, data }) => (type === 'presence' ? [[from, data]] : [])),
      [['b', { status: 'away' }]],
    );
    await leftovers(t, w, [a, b]);
  },
);
