/**
 * One order for a channel, and which messages are confirmed: the log shows which message has which offset.
 */
import { right } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import t from 'tap';
import { at, bench, byHand, FRESH, open, topAt } from '../../support/channel-world.js';

t.test(
  'when a channel opens, then messages up to its position are dropped and later ones delivered',
  async (t) => {
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
  },
);

t.test(
  'when the next message comes, then it is delivered without a question, and a repeat is dropped by its id',
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

t.test(
  'when the port has placed a message, then it is delivered without a question to the log',
  async (t) => {
    const b = open();
    for (const offset of [6, 7]) b.push({ _tag: 'Published', publication: at(1, offset) });
    b.push({ _tag: 'Published', publication: at(1, 7, { outside: true }) });
    t.same(b.events, ['1:6', '1:7', '1:7 outside']);
    t.strictSame([b.asks, b.reads], [0, 0]);
  },
);

t.test(
  'when a message that the port has placed leaves a hole, then it waits and the log is asked',
  async (t) => {
    const b = open();
    const { answer$, give } = byHand();
    b.top$ = answer$;
    b.push({ _tag: 'Published', publication: at(1, 8) });
    t.strictSame([b.events, b.asks], [[], 1]);
    b.publish(at(1, 6), at(1, 7));
    give(topAt(1, 8));
    t.same(b.events, ['1:6', '1:7', '1:8']);
  },
);

t.test(
  'when a message outside the log comes, then it is delivered and moves no position',
  async (t) => {
    const b = open();
    b.publish(at(1, 6), at(1, 6, { outside: true }), at(3, 90, { outside: true }), at(1, 7));
    t.same(b.events, ['1:6', '1:6 outside', 'foreign 3:90 outside', '1:7']);
  },
);

t.test('when a message outside the log comes twice, then it is delivered once', async (t) => {
  const b = open();
  const some = Array.from({ length: 20 }, (_, i) => at(3, 90, { outside: true, nonce: i }));
  b.receive(...some, ...some);
  t.equal(b.events.length, 20);
});

t.test('when the log confirms a hole, then one gap comes for all messages that wait', async (t) => {
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

t.test(
  "when a foreign message comes, then it is delivered once, at the channel's position",
  async (t) => {
    const b = open();
    b.publish(at(1, 6));
    b.receive(at(44, 123_456), at(1, 900), at(44, 123_456));
    b.publish(at(1, 7));
    t.same(b.events, ['1:6', 'foreign 44:123456', 'foreign 1:900', '1:7']);
    t.equal(b.reads, 0);
  },
);

t.test(
  'when a message claims the next offset, then the log decides, and the real one is delivered',
  async (t) => {
    const b = open();
    b.receive(at(1, 6, { nonce: 9, ms: 900_000 }));
    b.publish(at(1, 6), at(1, 7));
    b.receive(at(1, 7, { nonce: 9 }), at(1, 3, { nonce: 9, ms: 900_000 }));
    b.publish(at(1, 8));
    t.same(b.events, ['foreign 1:6#9', '1:6', '1:7', 'foreign 1:7#9', 'foreign 1:3#9', '1:8']);
    t.equal(b.reads, 0);
    t.equal(b.renewals, 0);
  },
);

t.test(
  'when two messages have one offset, then the log decides, by its position or its page',
  async (t) => {
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
  },
);

t.test(
  'when a publish of this pod was answered, then its message and all before need no question',
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

t.test(
  'when a publish of this pod failed, then the log is asked about the message that was received',
  async (t) => {
    const b = open();
    b.underWay = () => true;
    b.publish(at(1, 6, { nonce: 3 }));
    b.underWay = () => false;
    b.push({ _tag: 'Placed', ids: [] });
    t.same(b.events, ['1:6#3']);
  },
);

t.test('when a publish of this pod found another epoch, then the log is read', async (t) => {
  const b = open();
  b.top$ = of(right(topAt(2, 1)));
  b.push({ _tag: 'Placed', ids: [at(2, 1)] });
  b.receive(at(2, 1));
  t.same(b.events, ['Gap log_lost 2:0', '2:1']);
});

t.test(
  'when an answer overtakes the pushes, then the channel waits for them, and no gap comes',
  async (t) => {
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
  },
);

t.test(
  'when pushes do not come, then the log is read, and a gap comes if the log lacks them',
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

t.test('when a message shows another epoch, then only the log can begin it', async (t) => {
  const b = open();
  b.receive(at(7, 1), at(7, 2), at(7, 3, { outside: true }));
  t.same(b.events, ['foreign 7:1', 'foreign 7:2', 'foreign 7:3 outside']);
  t.equal(b.reads, 0);
  t.equal(b.renewals, 0);
});

t.test(
  "when presence comes, then its id gets the channel's position and time, whatever was written into it",
  async (t) => {
    const b = open();
    b.receive(at(1, 5, { outside: true, ms: 900_000 }), at(1, 800, { outside: true, nonce: 1 }));
    t.same(b.events, ['1:5 outside', '1:800 outside#1']);
  },
);

t.test('when the log confirms a new epoch, then a gap comes, and then its message', async (t) => {
  const b = open();
  b.publish(at(1, 6), at(2, 1), at(2, 2));
  t.same(b.events, ['1:6', 'Gap log_lost 2:0', '2:1', '2:2']);
});

t.test(
  'when Redis went back, then a new epoch begins and the message that shows it is delivered',
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

t.test(
  "when Redis went back and grew past the channel's position, then another id at a known offset shows it",
  async (t) => {
    const b = open();
    b.publish(at(1, 6), at(1, 7));
    b.events.length = 0;
    b.first = 1;
    b.entry = ({ tag }, offset) => at(tag, offset, { nonce: 9 });
    b.top$ = of(right(topAt(1, 12, { nonce: 9 })));
    b.receive(at(1, 7, { nonce: 9 }));
    t.equal(b.renewals, 1);
    t.same(b.events, [`Gap log_lost ${FRESH}:0`, 'foreign 1:7#9']);
  },
);

t.test('when the clock went back with Redis, then no message is lost', async (t) => {
  const b = open();
  b.publish(at(1, 6, { ms: 9_000 }), at(1, 7, { ms: 9_000 }));
  b.events.length = 0;
  b.top$ = of(right(topAt(1, 2, { ms: 3, nonce: 9 })));
  b.receive(at(1, 2, { ms: 3, nonce: 9 }));
  t.same(b.events, [`Gap log_lost ${FRESH}:0`, 'foreign 1:2#9']);
});

t.test(
  'when another pod renewed the epoch first, then that epoch is delivered from its start',
  async (t) => {
    const b = open();
    b.publish(at(1, 6));
    const { answer$, give } = byHand();
    b.top$ = of(right(topAt(1, 6, { nonce: 9 })));
    b.renewed$ = answer$;
    b.receive(at(1, 6, { nonce: 9 }), at(5, 1), at(5, 2));
    b.top$ = of(right(topAt(5, 2)));
    give(topAt(5, 2));
    t.same(b.events, ['1:6', 'Gap log_lost 5:0', 'foreign 1:6#9', '5:1', '5:2']);
  },
);
