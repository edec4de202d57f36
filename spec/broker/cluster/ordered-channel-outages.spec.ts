/** A channel whose subscription or whose log is interrupted: what was missed is told, what waits is bounded. */
import { right } from 'fp-ts/lib/Either.js';
import { NEVER, of } from 'rxjs';
import t from 'tap';
import { at, bench, byHand, FRESH, open, refused, topAt } from '../../support/channel-world.js';

for (const [what, top, expected] of [
  ['the same top: nothing was missed', topAt(1, 6), []],
  ['a higher one: a hole', topAt(1, 9), ['Gap expired 1:9']],
  ['another epoch', topAt(2, 4), ['Gap log_lost 2:0', 'Gap expired 2:4']],
  ['a lower one: Redis went back', topAt(1, 3), [`Gap log_lost ${FRESH}:0`]],
  [
    'another message at our place: went back',
    topAt(1, 6, { nonce: 9 }),
    [`Gap log_lost ${FRESH}:0`],
  ],
] as const) {
  t.test(`subscribed again, ${what}`, async (t) => {
    const b = open();
    b.publish(at(1, 6));
    b.events.length = 0;
    b.push({ _tag: 'Unsubscribed' });
    t.equal(b.settled.at(-1), false);
    b.top$ = of(right(top));
    b.push({ _tag: 'Subscribed' });
    b.clock.advance(10);
    t.same(b.events, expected);
    t.equal(b.settled.at(-1), true);
    b.close();
    t.equal(b.clock.pending(), 0);
  });
}

t.test(
  'subscribed again: what is heard meanwhile is said behind its gap, and the rest is told',
  async (t) => {
    const b = open();
    const { answer$, give } = byHand();
    b.top$ = answer$;
    b.push({ _tag: 'Unsubscribed' });
    b.push({ _tag: 'Subscribed' });
    b.receive(at(1, 8), at(1, 9));
    b.top$ = of(right(topAt(1, 10)));
    give(topAt(1, 10));
    b.receive(at(1, 10));
    b.publish(at(1, 11));
    t.same(b.events, ['Gap expired 1:10', '1:11']);
  },
);

t.test(
  'when hearing was interrupted, then what the log no longer tells is not believed by what is heard behind it',
  async (t) => {
    // 6 and 7 were said meanwhile; somebody else's stand in their places
    for (const forged of ['before the tear', 'behind it'] as const) {
      const b = open();
      const { answer$, give } = byHand();
      b.top$ = answer$;
      if (forged === 'before the tear') b.receive(at(1, 6, { nonce: 9 }), at(1, 7, { nonce: 9 }));
      b.push({ _tag: 'Unsubscribed' });
      b.push({ _tag: 'Subscribed' });
      if (forged === 'behind it') b.receive(at(1, 6, { nonce: 9 }), at(1, 7, { nonce: 9 }));
      b.receive(at(1, 8));
      b.top$ = of(right(topAt(1, 8)));
      give(topAt(1, 8));
      b.publish(at(1, 9), at(1, 10));
      t.same(b.events, ['Gap expired 1:7', '1:8', '1:9', '1:10'], forged);
      t.equal(b.settled.at(-1), true);
    }
  },
);

t.test(
  'when the log is known again after an outage, then what was heard before its top is not believed by that',
  async (t) => {
    const b = bench();
    const { answer$, give } = byHand();
    b.top$ = answer$;
    b.push({ _tag: 'Degraded' });
    b.push({ _tag: 'Subscribed' });
    b.receive(at(1, 5, { nonce: 9 }), at(1, 6));
    b.top$ = of(right(topAt(1, 6)));
    give(topAt(1, 6));
    b.publish(at(1, 7));
    t.same(b.events, ['Opened 77:0 pod', 'Gap broker_outage 1:5', '1:6', '1:7']);
  },
);

t.test(
  'the outage is told before the log is known: opened on the pod, and a gap when it is',
  async (t) => {
    const b = bench();
    b.push({ _tag: 'Degraded' });
    b.publishOnPod(at(77, 0, { outside: true }));
    b.push({ _tag: 'Subscribed' });
    t.same(b.events, ['Opened 77:0 pod', '77:0 outside', 'Gap broker_outage 1:5']);
  },
);

t.test('on the pod alone nothing shows the log before the gap that tells it', async (t) => {
  const b = bench();
  const { answer$, give } = byHand();
  b.top$ = answer$;
  b.push({ _tag: 'Degraded' });
  b.push({ _tag: 'Subscribed' });
  b.receive(at(1, 5, { outside: true }), at(1, 6));
  b.publishOnPod(at(77, 0, { outside: true }));
  t.same(b.events, ['Opened 77:0 pod', '77:0 outside']);
  give(topAt(1, 6));
  t.same(b.events.slice(2), ['Gap broker_outage 1:5', '1:5 outside', '1:6']);
});

t.test(
  'a log that does not answer: asked again; what is in doubt waits, and nobody else',
  async (t) => {
    const b = open();
    b.top$ = NEVER;
    b.receive(at(1, 8), at(1, 9), at(2, 1, { outside: true }));
    b.publishOnPod(at(1, 5, { outside: true }));
    b.clock.advance(10_000);
    t.ok(b.asks > 1, `${b.asks} questions`);
    t.same(b.events, ['1:5 outside']);
    b.first = 1;
    b.top$ = of(right(topAt(1, 9)));
    b.clock.advance(5_000);
    b.publish(at(1, 10));
    t.same(b.events.slice(1), ['1:6', '1:7', '1:8', '1:9', 'foreign 2:1 outside', '1:10']);
    b.close();
    t.equal(b.clock.pending(), 0);
  },
);

t.test('a question that fails is asked again with backoff, and so is a read', async (t) => {
  const b = open();
  b.top$ = refused('Busy');
  b.receive(at(1, 7));
  b.clock.advance(400);
  t.ok(b.asks >= 3 && b.asks <= 6, `${b.asks} questions in 400 ms`);
  b.push({ _tag: 'Unsubscribed' });
  b.push({ _tag: 'Subscribed' });
  b.clock.advance(400);
  t.ok(b.reads >= 3 && b.reads <= 6, `${b.reads} reads in 400 ms`);
  b.top$ = of(right(topAt(1, 7)));
  b.clock.advance(1_000);
  t.same(b.events, ['Gap expired 1:6', '1:7']);
});

t.test('what waits is bounded, and what did not fit is told', async (t) => {
  for (const bytes of [10, 100_000]) {
    const b = open();
    const { answer$, give } = byHand();
    b.top$ = answer$;
    for (let offset = 7; offset < 3_007; offset += 1) b.receive(at(1, offset, { bytes }));
    b.top$ = of(right(topAt(1, 3_006)));
    give(topAt(1, 3_006));
    t.same(b.events, ['Gap expired 1:3006']);
    b.publish(at(1, 3_007, { bytes }));
    t.equal(b.events.at(-1), '1:3007');
  }
});

t.test('an echo takes its place and is news to who came since alone', async (t) => {
  const b = open(({ id }) => id.offset === 7);
  b.publish(at(1, 6), at(1, 7), at(1, 8));
  t.same(b.events, ['1:6', 'Echoed 1:7', '1:8']);
});

t.test('a room whose key is of the wrong type fails', async (t) => {
  const wrong = bench();
  wrong.top$ = refused('WrongType');
  wrong.push({ _tag: 'Subscribed' });
  t.same(wrong.events, ['Failed']);
  t.equal(wrong.clock.pending(), 0);
});

for (const [what, top$] of [
  ['refuses', refused('OutOfMemory')],
  ['is silent', NEVER],
] as const)
  t.test(
    `a log that ${what} for long: opened on the pod, and a gap when it is known`,
    async (t) => {
      const b = bench();
      b.top$ = top$;
      b.push({ _tag: 'Subscribed' });
      b.clock.advance(3_900);
      t.same(b.events, []);
      b.clock.advance(200);
      t.same(b.events, ['Opened 77:0 pod']);
      b.top$ = of(right(topAt(1, 5)));
      b.clock.advance(5_000);
      t.same(b.events, ['Opened 77:0 pod', 'Gap broker_outage 1:5']);
      t.equal(b.settled.at(-1), true);
    },
  );

t.test('left in the middle of a doubt: nothing is left behind', async (t) => {
  const b = open();
  b.top$ = NEVER;
  b.receive(at(1, 8));
  b.close();
  t.equal(b.clock.pending(), 0);
  const early = bench();
  early.top$ = NEVER;
  early.push({ _tag: 'Subscribed' });
  early.close();
  t.equal(early.clock.pending(), 0);
  t.same(early.settled, [false, true], 'nobody waits for it');
});
