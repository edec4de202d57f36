/**
 * A channel whose subscription or log is interrupted: missing messages cause a gap, and the messages that
 * wait are bounded.
 */
import { right } from 'fp-ts/lib/Either.js';
import { NEVER, of } from 'rxjs';
import t from 'tap';
import { at, bench, byHand, FRESH, open, refused, topAt } from '../../support/channel-world.js';

for (const [what, top, expected] of [
  ['the same top', topAt(1, 6), []],
  ['a higher top', topAt(1, 9), ['Gap expired 1:9']],
  ['another epoch', topAt(2, 4), ['Gap log_lost 2:0', 'Gap expired 2:4']],
  ['a lower top', topAt(1, 3), [`Gap log_lost ${FRESH}:0`]],
  ['another message at our position', topAt(1, 6, { nonce: 9 }), [`Gap log_lost ${FRESH}:0`]],
] as const) {
  t.test(
    `when a channel is subscribed again and the log shows ${what}, then members get the gaps due`,
    async (t) => {
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
    },
  );
}

t.test(
  'when messages come while a channel is subscribed again, then they are delivered after its gap',
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
  'when the subscription was interrupted, then a trimmed message is not confirmed by later ones',
  async (t) => {
    // 6 and 7 were published meanwhile; forged messages have their offsets
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
  'when the log is known again after an outage, then its position does not confirm earlier messages',
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
  'when an outage begins before the log is known, then the channel opens on the pod and gets a gap later',
  async (t) => {
    const b = bench();
    b.push({ _tag: 'Degraded' });
    b.publishOnPod(at(77, 0, { outside: true }));
    b.push({ _tag: 'Subscribed' });
    t.same(b.events, ['Opened 77:0 pod', '77:0 outside', 'Gap broker_outage 1:5']);
  },
);

t.test(
  'when a channel is open on the pod only, then no id has a position of the log before the gap',
  async (t) => {
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
  },
);

t.test(
  'when the log does not answer, then it is asked again, and only messages in doubt wait',
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

t.test(
  'when a question or a read of the log fails, then it is repeated with backoff',
  async (t) => {
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
  },
);

t.test('when too many messages wait, then the rest is dropped and a gap comes', async (t) => {
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

t.test(
  'when an echo comes, then it takes its offset, and only members who joined since get it',
  async (t) => {
    const b = open(({ id }) => id.offset === 7);
    b.publish(at(1, 6), at(1, 7), at(1, 8));
    t.same(b.events, ['1:6', 'Echoed 1:7', '1:8']);
  },
);

t.test('when the key of a room has the wrong type, then its channel fails', async (t) => {
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
    `when a log ${what} for long, then the channel opens on the pod and gets a gap when the log is known`,
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

t.test(
  'when a channel is unsubscribed during a question, then no timer and no call is left',
  async (t) => {
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
  },
);
