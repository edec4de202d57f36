/** Publishes of a client: membership, what the server sets, idempotency keys. */
import t from 'tap';
import { localBroker } from '../../lib/broker/local.js';
import { hubWorld } from '../support/hub-world.js';
import type { Peer } from '../support/peer.js';
import { member, world } from '../support/connection-world.js';

t.test('when a client publishes to a room that it is not in, then not_a_member', async (t) => {
  const w = world();
  const [a, b] = [member(w), w.connect()];
  b.chat('r', 'x', 'one');
  b.send({ type: 'presence', room: 'r', data: { status: 'away' }, id: 'two' });
  w.clock.advance(10);
  t.match(b.errors(), [
    { code: 'not_a_member', ref: 'one', message: 'room: join r before publishing to it' },
    { code: 'not_a_member', ref: 'two', message: 'room: join r before publishing to it' },
  ]);
  t.same([a.texts('r'), a.presence('r')], [[], []]);
});

t.test('when a client sends from, id and timestamp, then the server sets its own', async (t) => {
  const w = world();
  const [a, b] = [
    w.connect({ room: 'r', userId: 'alice' }),
    w.connect({ room: 'r', userId: null }),
  ];
  w.clock.advance(10);
  a.send({ type: 'chat', data: 1, from: 'mallory', timestamp: '1970', id: 'mine', extra: 1 });
  b.send({ type: 'chat', data: 2, from: 'mallory' });
  w.clock.advance(10);
  const [first, second] = a.chats('r');
  t.same([first?.from, second?.from], ['alice', 'c2'], 'the user, else the connection');
  t.not(first?.id, 'mine');
  t.equal(first?.timestamp, new Date(w.clock.wall() - 10).toISOString());
  t.notOk('extra' in (first ?? { extra: 1 }));
});

t.test(
  'when an id is sent again, then it is a duplicate: any id of a user, only a UUID of an anonymous client',
  async (t) => {
    const w = hubWorld({
      broker: (clock) => localBroker({ clock, positionTtlMs: 86_400_000 }),
    });
    const uuid = 'F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6';
    const [alice, bob, x, y] = [
      w.connect({ room: 'r', userId: 'alice' }),
      w.connect({ room: 'r', userId: 'bob' }),
      w.connect({ room: 'r', userId: null }),
      w.connect({ room: 'r', userId: null }),
    ];
    w.clock.advance(10);
    alice.chat('r', 1, 'k');
    alice.chat('r', 1, 'k');
    bob.chat('r', 1, 'k');
    alice.chat('r', 2, 'k');
    x.chat('r', 3, 'k');
    x.chat('r', 3, 'k');
    alice.chat('r', 5, uuid);
    alice.chat('r', 5, uuid.toLowerCase());
    alice.chat('r', 6, 'k2');
    alice.chat('r', 6, 'K2');
    x.chat('r', 4, uuid);
    y.chat('r', 4, uuid.toLowerCase());
    w.clock.advance(10);
    const duplicates = (peer: Peer): readonly unknown[] =>
      peer.events('ack').map(({ duplicate }) => duplicate);
    t.same([alice, bob, x, y].map(duplicates), [
      [false, true, false, true, false, false],
      [false],
      [false, false, false],
      [true],
    ]);
    t.equal(alice.events('ack')[0]?.['id'], alice.events('ack')[1]?.['id']);
    t.match(alice.errors(), [{ code: 'invalid_message', ref: 'k' }], 'the same key, other data');
    t.same(alice.texts('r'), [1, 1, 3, 3, 5, 6, 6, 4]);
  },
);
