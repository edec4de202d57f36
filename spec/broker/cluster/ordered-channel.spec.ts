/** One order for a channel, and what is believed of it: the log says which message stands where. */
import { right } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import t from 'tap';
import { at, bench, byHand, FRESH, open, topAt } from '../../support/channel-world.js';

t.test('opened: what came before the top is not said, what came after it is', async (t) => {
  const b = bench();
  const { answer$, give } = byHand();
  b.top$ = answer$;
  b.push({ _tag: 'Subscribed' });
  b.receive(at(1, 4), at(1, 5), at(1, 6), at(1, 7));
  t.same(b.events, []);
  b.top$ = of(right(topAt(1, 7)));
  give(topAt(1, 5));
  b.publish(at(1, 8));
  b.receive(at(1, 3));
  t.same(b.events, ['Opened 1:5 cluster', '1:6', '1:7', '1:8']);
  t.equal(b.reads, 1, 'what is still on its way needs no other read');
});

t.test(
  'the next in order passes without a read of the log, a repeat is dropped by its whole id',
  async (t) => {
    const b = open();
    b.publish(at(1, 6), at(1, 7));
    b.receive(at(1, 6), at(1, 7));
    b.publish(at(1, 8));
    t.same(b.events, ['1:6', '1:7', '1:8']);
    t.equal(b.reads, 0);
    t.equal(b.asks, 3, 'a small question each');
  },
);

t.test('what is outside the log passes and moves nothing', async (t) => {
  const b = open();
  b.publish(at(1, 6), at(1, 6, { outside: true }), at(3, 90, { outside: true }), at(1, 7));
  t.same(b.events, ['1:6', '1:6 outside', 'foreign 3:90 outside', '1:7']);
});

t.test('what is outside the log is heard once too, by its whole id', async (t) => {
  const b = open();
  const some = Array.from({ length: 20 }, (_, i) => at(3, 90, { outside: true, nonce: i }));
  b.receive(...some, ...some);
  t.equal(b.events.length, 20);
});

t.test('a hole that the log confirms is told, once for all that wait', async (t) => {
  const b = open();
  b.publish(at(1, 6));
  const { answer$, give } = byHand();
  b.top$ = answer$;
  b.receive(at(1, 9), at(1, 10), at(1, 10, { outside: true }), at(1, 11));
  t.same(b.events, ['1:6']);
  b.top$ = of(right(topAt(1, 11)));
  give(topAt(1, 11));
  b.publish(at(1, 12));
  t.same(b.events, ['1:6', 'Gap expired 1:8', '1:9', '1:10', '1:10 outside', '1:11', '1:12']);
  t.equal(b.reads, 1);
});

t.test("another program's message passes once, under our place, whatever it shows", async (t) => {
  const b = open();
  b.publish(at(1, 6));
  b.receive(at(44, 123_456), at(1, 900), at(44, 123_456));
  b.publish(at(1, 7));
  t.same(b.events, ['1:6', 'foreign 44:123456', 'foreign 1:900', '1:7']);
  t.equal(b.reads, 0);
});

t.test('the next place is believed when the log says so, and the real one comes', async (t) => {
  const b = open();
  b.receive(at(1, 6, { nonce: 9, ms: 900_000 }));
  b.publish(at(1, 6), at(1, 7));
  b.receive(at(1, 7, { nonce: 9 }), at(1, 3, { nonce: 9, ms: 900_000 }));
  b.publish(at(1, 8));
  t.same(b.events, ['foreign 1:6#9', '1:6', '1:7', 'foreign 1:7#9', 'foreign 1:3#9', '1:8']);
  t.equal(b.reads, 0);
  t.equal(b.renewals, 0);
});

t.test('two at one place: the log says which, by its place or by its page', async (t) => {
  const b = open();
  const { answer$, give } = byHand();
  b.top$ = answer$;
  b.receive(at(1, 6, { nonce: 9 }), at(1, 6));
  b.top$ = of(right(topAt(1, 6)));
  give(topAt(1, 6));
  t.same(b.events, ['foreign 1:6#9', '1:6'], 'in the order in which they were received');
  t.equal(b.reads, 0);
  const below = byHand();
  b.top$ = below.answer$;
  b.receive(at(1, 7, { nonce: 9 }), at(1, 7), at(1, 8));
  b.first = 1;
  b.top$ = of(right(topAt(1, 8)));
  below.give(topAt(1, 8));
  t.same(b.events.slice(2), ['foreign 1:7#9', '1:7', '1:8']);
  t.equal(b.reads, 1);
  t.equal(b.renewals, 0);
});

t.test(
  'what our own script placed is believed without a question, and all before it',
  async (t) => {
    const b = open();
    b.underWay = ({ id }) => id.nonce === 3;
    b.receive(at(1, 6, { nonce: 3 }));
    t.same(b.events, [], 'not by its looks');
    b.push({ _tag: 'Placed', ids: [at(1, 6, { nonce: 3 })] });
    b.push({ _tag: 'Placed', ids: [at(1, 8, { nonce: 3 })] });
    const { answer$ } = byHand();
    b.top$ = answer$;
    b.receive(at(1, 7), at(1, 8, { nonce: 3 }));
    t.same(b.events, ['1:6#3', '1:7', '1:8#3']);
    t.equal(b.reads, 0);
  },
);

t.test('our own script failed: the log is asked for what was heard of it', async (t) => {
  const b = open();
  b.underWay = () => true;
  b.publish(at(1, 6, { nonce: 3 }));
  b.underWay = () => false;
  b.push({ _tag: 'Placed', ids: [] });
  t.same(b.events, ['1:6#3']);
});

t.test('our own script found another epoch: the log is read', async (t) => {
  const b = open();
  b.top$ = of(right(topAt(2, 1)));
  b.push({ _tag: 'Placed', ids: [at(2, 1)] });
  b.receive(at(2, 1));
  t.same(b.events, ['Gap log_lost 2:0', '2:1']);
});

t.test('one answer that overtakes the pushes waits for them, and nothing is told', async (t) => {
  const b = open();
  b.top$ = of(right(topAt(1, 9)));
  b.receive(at(1, 6), at(1, 7));
  b.clock.advance(200);
  t.same(b.events, []);
  b.receive(at(1, 8), at(1, 9));
  t.same(b.events, ['1:6', '1:7', '1:8', '1:9']);
  t.equal(b.reads, 0);
  b.close();
  t.equal(b.clock.pending(), 0);
});

t.test(
  'pushes that do not come: the log is read, and a gap told when it has them not',
  async (t) => {
    const b = open();
    b.top$ = of(right(topAt(1, 8)));
    b.receive(at(1, 6));
    b.clock.advance(300);
    t.equal(b.reads, 1);
    t.same(b.events, []);
    b.clock.advance(2_000);
    t.same(b.events, ['Gap expired 1:8']);
    b.publish(at(1, 9));
    t.same(b.events.slice(1), ['1:9']);
  },
);

t.test('nothing that was heard begins an epoch, only the log', async (t) => {
  const b = open();
  b.receive(at(7, 1), at(7, 2), at(7, 3, { outside: true }));
  t.same(b.events, ['foreign 7:1', 'foreign 7:2', 'foreign 7:3 outside']);
  t.equal(b.reads, 0);
  t.equal(b.renewals, 0);
});

t.test('presence shows our place and our time, whatever was written into it', async (t) => {
  const b = open();
  b.receive(at(1, 5, { outside: true, ms: 900_000 }), at(1, 800, { outside: true, nonce: 1 }));
  t.same(b.events, ['1:5 outside', '1:800 outside#1']);
});

t.test('a new epoch that the log confirms is told, and its message said', async (t) => {
  const b = open();
  b.publish(at(1, 6), at(2, 1), at(2, 2));
  t.same(b.events, ['1:6', 'Gap log_lost 2:0', '2:1', '2:2']);
});

t.test(
  'Redis went back: a new epoch is started, and the message that shows it is not eaten',
  async (t) => {
    const b = open();
    b.publish(at(1, 6), at(1, 7), at(1, 8));
    b.events.length = 0;
    // 7 and 8 are lost, and the next message takes 7
    b.top$ = of(right(topAt(1, 7, { nonce: 9, ms: 50 })));
    b.receive(at(1, 7, { nonce: 9, ms: 50 }));
    t.equal(b.renewals, 1);
    b.publish(at(FRESH, 1));
    t.same(b.events, [`Gap log_lost ${FRESH}:0`, 'foreign 1:7#9', `${FRESH}:1`]);
  },
);

t.test('went back and grown past again: the other id at a known offset shows it', async (t) => {
  const b = open();
  b.publish(at(1, 6), at(1, 7));
  b.events.length = 0;
  b.first = 1;
  b.entry = ({ tag }, offset) => at(tag, offset, { nonce: 9 });
  b.top$ = of(right(topAt(1, 12, { nonce: 9 })));
  b.receive(at(1, 7, { nonce: 9 }));
  t.equal(b.renewals, 1);
  t.same(b.events, [`Gap log_lost ${FRESH}:0`, 'foreign 1:7#9']);
});

t.test('a clock that went back with Redis eats nothing', async (t) => {
  const b = open();
  b.publish(at(1, 6, { ms: 9_000 }), at(1, 7, { ms: 9_000 }));
  b.events.length = 0;
  b.top$ = of(right(topAt(1, 2, { ms: 3, nonce: 9 })));
  b.receive(at(1, 2, { ms: 3, nonce: 9 }));
  t.same(b.events, [`Gap log_lost ${FRESH}:0`, 'foreign 1:2#9']);
});

t.test('another pod was first to renew: its epoch is taken from its start', async (t) => {
  const b = open();
  b.publish(at(1, 6));
  const { answer$, give } = byHand();
  b.top$ = of(right(topAt(1, 6, { nonce: 9 })));
  b.renewed$ = answer$;
  b.receive(at(1, 6, { nonce: 9 }), at(5, 1), at(5, 2));
  b.top$ = of(right(topAt(5, 2)));
  give(topAt(5, 2));
  t.same(b.events, ['1:6', 'Gap log_lost 5:0', 'foreign 1:6#9', '5:1', '5:2']);
});
