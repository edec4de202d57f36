/** The way from a room to its members: batches, slow readers, large rooms. */
import t from 'tap';
import type { Peer } from '../support/peer.js';
import { faultsOf, leftovers, LINGER_MS, publish, scripted } from '../support/hub-checks.js';

t.test(
  'when a batch goes out, then it is one write a member, and one buffer for all',
  async (t) => {
    const w = scripted();
    const peers = Array.from({ length: 3 }, () => w.connect({ room: 'r' }));
    w.clock.advance(1_000);
    const before = peers.map(({ socket }) => socket.chunks.length);
    for (let i = 0; i < 100; i++) publish(w, 'r', i);
    w.clock.advance(10);
    t.same(
      peers.map(({ socket }, i) => socket.chunks.length - (before[i] ?? 0)),
      [1, 1, 1],
    );
    t.ok(peers.every(({ socket }) => socket.chunks.at(-1) === peers[0]?.socket.chunks.at(-1)));
    t.ok(peers.every((peer) => peer.texts('r').length === 100));
    await leftovers(t, w, peers);
  },
);

t.test(
  'when a reader has stopped, then it is closed with 1013 and the others get everything',
  async (t) => {
    const w = scripted({ limits: { sendBufferMessages: 16 } });
    const [slow, a] = [w.connect({ room: 'r' }), w.connect({ room: 'r' })];
    w.clock.advance(1_000);
    slow.socket.stall();
    for (let i = 0; i < 40; i++) {
      publish(w, 'r', i);
      w.clock.advance(20);
    }
    t.equal(slow.code(), 1013);
    t.equal(a.texts('r').length, 40);
    t.same(faultsOf(slow, 'r', undefined), []);
    t.ok(slow.texts('r').length <= 17);
    t.equal(w.occupied().get('r'), 1, 'it is out of the room');
    await leftovers(t, w, [a]);
  },
);

t.test(
  'when 256 messages wait, then the connection stays; the 257th closes it with 1013',
  async (t) => {
    const w = scripted();
    const slow = w.connect();
    slow.join('r');
    w.clock.advance(1_000);
    slow.socket.stall();
    for (let i = 0; i < 256; i++) {
      publish(w, 'r', i);
      w.clock.advance(5);
    }
    w.clock.advance(1_000);
    t.equal(slow.code(), undefined);
    t.equal(slow.connection.outbox.messages, 256);
    publish(w, 'r', 256);
    w.clock.advance(1_000);
    t.equal(slow.code(), 1013);
  },
);

t.test(
  'when a burst of any size goes to a reader that keeps up, then it stays connected',
  async (t) => {
    const w = scripted();
    const a = w.connect({ room: 'r' });
    w.clock.advance(1_000);
    for (let i = 0; i < 10_000; i++) publish(w, 'r', i);
    // the kernel takes what it was handed a little later, a millisecond at a time
    a.socket.stall();
    for (let ms = 0; ms < 500; ms++) {
      w.clock.advance(1);
      a.socket.takeSome();
    }
    w.clock.advance(100);
    t.equal(a.code(), undefined);
    t.equal(a.texts('r').length, 10_000);
    t.same(faultsOf(a, 'r', 10_000), []);
  },
);

// many members

t.test(
  'when members join and leave while a batch goes out in slices, then each gets each message once',
  async (t) => {
    const w = scripted({ presence: { presenceEvents: false } });
    const base = Array.from({ length: 1_300 }, () => w.connect({ room: 'r' }));
    w.clock.advance(1_000);
    const joiners: Peer[] = [];
    const leavers: Peer[] = [];
    let turns = 0;
    const first = base[0];
    if (first === undefined) throw new Error('nobody');
    // each batch begins with the first member: from there on, one comes and one goes in each turn of the pass
    first.socket.onWrite = () => {
      const inTurn = (left: number): void => {
        if (left === 0) return;
        w.clock.turn(() => {
          turns += 1;
          joiners.push(w.connect({ room: 'r' }));
          const leaver = base[100 + ((turns * 397) % 1_200)];
          if (leaver !== undefined && !leavers.includes(leaver)) {
            leaver.leave('r');
            leavers.push(leaver);
          }
          inTurn(left - 1);
        });
      };
      inTurn(4);
    };
    for (let i = 0; i < 12; i++) {
      publish(w, 'r', i);
      w.clock.advance(3);
    }
    first.socket.onWrite = undefined;
    w.clock.advance(1_000);
    t.ok(joiners.length >= 40, `${joiners.length} joined meanwhile`);
    t.ok(leavers.length >= 40, `${leavers.length} left meanwhile`);
    const faults = [...base, ...joiners].flatMap((peer) => faultsOf(peer, 'r', 12));
    t.same(faults.slice(0, 5), []);
    t.ok(
      joiners.some((peer) => peer.texts('r').length > 0 && peer.texts('r').length < 12),
      'some came in the middle',
    );
    for (const peer of [...base, ...joiners]) peer.go();
    w.clock.advance(LINGER_MS + 1_000);
    t.same([w.broker.channels(), w.clock.pending(), w.connections.size], [0, 0, 0]);
  },
);
