/** A channel whose log has the missed messages: the log is read, and they come in order. */
import { right } from 'fp-ts/lib/Either.js';
import { NEVER, Observable, of } from 'rxjs';
import t from 'tap';
import { at, byHand, FRESH, logged, name, open, topAt } from '../../support/channel-world.js';

t.test('when offsets are missing, then they are read from the log, in order', async (t) => {
  const b = logged();
  b.top$ = of(right(topAt(1, 11)));
  b.receive(at(1, 6), at(1, 9), at(1, 10), at(1, 11));
  b.publish(at(1, 12));
  b.receive(at(1, 8));
  t.same(b.events, ['1:6', '1:7', '1:8', '1:9', '1:10', '1:11', '1:12']);
  t.equal(b.settled.at(-1), true);
});

t.test('when a channel is subscribed again, then it reads page by page', async (t) => {
  const b = logged();
  b.push({ _tag: 'Unsubscribed' });
  b.receive(at(1, 5, { outside: true }));
  b.top$ = of(right(topAt(1, 600)));
  b.push({ _tag: 'Subscribed' });
  b.publish(at(1, 601));
  b.clock.advance(100);
  const expected = Array.from({ length: 596 }, (_, i) => `1:${i + 6}`);
  t.same(b.events, ['1:5 outside', ...expected]);
  t.ok(b.reads <= 5, `${b.reads} reads`);
});

t.test(
  'when a message is a repeat, then all of it is decoded, as an invalid one is counted',
  async (t) => {
    const b = logged();
    const read: string[] = [];
    b.whole = (publication) => {
      read.push(name(publication));
      return publication;
    };
    b.publish(at(1, 6));
    t.same(read, [], 'what the log has is not');
    b.receive(at(1, 6));
    b.receive(at(1, 2, { nonce: 4 }));
    b.clock.advance(1_000);
    t.same(read, ['1:6', '1:2#4']);
  },
);

t.test(
  'when the log does not have a message, then all of it is decoded before it is passed on as foreign',
  async (t) => {
    const b = logged();
    b.whole = ({ id }) => {
      if (id.nonce === 4) return at(3, 90, { nonce: 5 });
      return undefined;
    };
    b.receive(at(1, 6, { nonce: 4 }), at(1, 6, { nonce: 7 }));
    b.publish(at(1, 6));
    t.same(b.events, ['foreign 3:90#5', '1:6']);
  },
);

t.test('when the log lost a part of a hole, then a gap comes, and then the rest', async (t) => {
  const b = logged();
  b.first = 8;
  b.top$ = of(right(topAt(1, 10)));
  b.receive(at(1, 10));
  t.same(b.events, ['Gap expired 1:7', '1:8', '1:9', '1:10']);
});

t.test(
  "when Redis went back and grew past the channel's position, then the entry there shows it",
  async (t) => {
    const b = logged();
    b.push({ _tag: 'Unsubscribed' });
    b.entry = ({ tag }, offset) => at(tag, offset, { nonce: 9 });
    b.top$ = of(right(topAt(1, 9, { nonce: 9 })));
    b.push({ _tag: 'Subscribed' });
    t.equal(b.renewals, 1);
    t.same(b.events, [`Gap log_lost ${FRESH}:0`]);
  },
);

t.test('when a new epoch begins, then it is delivered from its start', async (t) => {
  const b = logged();
  b.push({ _tag: 'Unsubscribed' });
  b.top$ = of(right(topAt(2, 3)));
  b.push({ _tag: 'Subscribed' });
  b.publish(at(2, 4));
  b.clock.advance(10);
  t.same(b.events, ['Gap log_lost 2:0', '2:1', '2:2', '2:3', '2:4']);
});

t.test(
  'when the log has a message that was delivered as foreign, then only members who joined since get it',
  async (t) => {
    const b = logged();
    b.top$ = of(right(topAt(1, 5)));
    b.receive(at(1, 7));
    t.same(b.events, ['foreign 1:7'], 'not in the log that answered');
    b.top$ = of(right(topAt(1, 7)));
    b.push({ _tag: 'Poll' });
    b.clock.advance(300);
    t.same(b.events, ['foreign 1:7', '1:6', 'Echoed 1:7']);
  },
);

t.test(
  'when another message has the id of a foreign one that was delivered, then it is no repeat',
  async (t) => {
    const b = logged();
    b.receive(at(1, 6, { bytes: 11 }));
    t.same(b.events, ['foreign 1:6']);
    b.publish(at(1, 6), at(1, 7));
    t.same(b.events, ['foreign 1:6', '1:6', '1:7']);
  },
);

t.test(
  'when an old epoch comes back, then the channel goes on at its last position there',
  async (t) => {
    const b = logged();
    b.publish(at(1, 6));
    b.push({ _tag: 'Unsubscribed' });
    b.top$ = of(right(topAt(2, 1)));
    b.push({ _tag: 'Subscribed' });
    b.publish(at(2, 2));
    b.push({ _tag: 'Unsubscribed' });
    b.top$ = of(right(topAt(1, 8)));
    b.push({ _tag: 'Subscribed' });
    b.publish(at(1, 9));
    t.same(b.events, [
      ...['1:6', 'Gap log_lost 2:0', '2:1', '2:2'],
      ...['Gap log_lost 1:6', '1:7', '1:8', '1:9'],
    ]);
    b.push({ _tag: 'Unsubscribed' });
    b.top$ = of(right(topAt(2, 2)));
    b.push({ _tag: 'Subscribed' });
    t.same(b.events.slice(8), ['Gap log_lost 2:2'], 'and again');
  },
);

t.test('when an epoch comes back as it was before, then a new epoch begins', async (t) => {
  const b = logged();
  b.publish(at(1, 6), at(2, 1));
  b.events.length = 0;
  // restored from an older file
  b.push({ _tag: 'Unsubscribed' });
  b.top$ = of(right(topAt(1, 4)));
  b.push({ _tag: 'Subscribed' });
  t.same(b.events, [`Gap log_lost ${FRESH}:0`]);
  t.equal(b.renewals, 1);
});

t.test(
  "when an epoch comes back with another message at the channel's position, then a new epoch begins",
  async (t) => {
    const b = logged();
    b.publish(at(1, 6), at(2, 1));
    b.events.length = 0;
    b.push({ _tag: 'Unsubscribed' });
    b.entry = ({ tag }, offset) => at(tag, offset, { nonce: 9 });
    b.top$ = of(right(topAt(1, 9, { nonce: 9 })));
    b.push({ _tag: 'Subscribed' });
    t.same(b.events, ['Gap log_lost 1:6', `Gap log_lost ${FRESH}:0`]);
  },
);

t.test(
  'when Redis is reached after an outage, then the channel is not synced until the log was read',
  async (t) => {
    const b = logged();
    const { answer$, give } = byHand();
    b.top$ = answer$;
    b.push({ _tag: 'Degraded' });
    b.push({ _tag: 'Recovered', since: b.clock.scheduler.now() - 3 });
    t.equal(b.settled.at(-1), false);
    give(topAt(1, 7));
    t.same(b.events, ['1:6', '1:7']);
    t.equal(b.settled.at(-1), true);
    b.reads = 0;
    b.push({ _tag: 'Recovered', since: b.clock.scheduler.now() - 3 });
    t.equal(b.reads, 0, 'it has been read since');
  },
);

t.test('when an echo is read from the log, then it takes its offset too', async (t) => {
  const b = logged(({ id }) => id.offset === 7);
  b.top$ = of(right(topAt(1, 8)));
  b.receive(at(1, 8));
  t.same(b.events, ['1:6', 'Echoed 1:7', '1:8']);
});

t.test('when a quiet room is polled, then missed messages come, new ones too', async (t) => {
  const b = logged();
  b.top$ = of(right(topAt(1, 7)));
  b.push({ _tag: 'Poll' });
  t.same(b.events, [], 'it may be on its way');
  b.clock.advance(300);
  t.same(b.events, ['1:6', '1:7']);
  const { answer$, give } = byHand();
  b.top$ = answer$;
  b.push({ _tag: 'Poll' });
  b.push({ _tag: 'Placed', ids: [at(1, 8)] });
  b.receive(at(1, 8));
  t.same(b.events, ['1:6', '1:7', '1:8'], 'not held');
  give(topAt(1, 7));
  t.equal(b.renewals, 0, 'an answer of before is none');
  b.publish(at(1, 9));
  t.same(b.events, ['1:6', '1:7', '1:8', '1:9']);
});

t.test(
  'when a room is quiet, then its position is asked for, and its log is read once a minute',
  async (t) => {
    const b = logged();
    for (let i = 0; i < 30; i++) {
      b.push({ _tag: 'Poll' });
      b.clock.advance(4_000);
    }
    t.ok(b.reads === 1 || b.reads === 2, `${b.reads} reads in two minutes`);
    t.equal(b.asks + b.reads, 30);
    t.same(b.events, []);
  },
);

t.test('when messages did not fit in the buffer, then they are read from the log', async (t) => {
  const b = logged();
  const { answer$, give } = byHand();
  b.top$ = answer$;
  for (let offset = 7; offset < 3_007; offset += 1) b.receive(at(1, offset));
  b.top$ = of(right(topAt(1, 3_006)));
  give(topAt(1, 7));
  b.clock.advance(1_000);
  t.same(
    b.events,
    Array.from({ length: 3_001 }, (_, i) => `1:${i + 6}`),
  );
});

t.test(
  'when a message is ahead of the next offset, then it waits for the messages between',
  async (t) => {
    const b = logged();
    b.top$ = of(right(topAt(1, 8)));
    b.receive(at(1, 8, { outside: true }));
    b.clock.advance(300);
    b.publish(at(1, 9));
    t.same(b.events, ['1:6', '1:7', '1:8', '1:8 outside', '1:9']);
  },
);

t.test(
  'when the log has more messages at a poll, then they are delivered when the answer comes',
  async (t) => {
    const b = open();
    b.clock.advance(60_000);
    const { answer$, give } = byHand();
    b.top$ = answer$;
    b.first = 1;
    b.push({ _tag: 'Poll' });
    t.equal(b.reads, 1);
    b.top$ = of(right(topAt(1, 7)));
    give(topAt(1, 7));
    t.same(b.events, [], 'their pushes may be on their way');
    b.clock.advance(250);
    t.same(b.events, ['1:6', '1:7']);
  },
);

t.test(
  'when a foreign message waits for the log, then messages received after it wait too',
  async (t) => {
    const b = open();
    const first = byHand();
    const second = byHand();
    b.top$ = first.answer$;
    b.receive(at(44, 9));
    b.top$ = second.answer$;
    b.receive(at(1, 6, { nonce: 3 }), at(44, 10), at(1, 7, { nonce: 3 }));
    b.push({ _tag: 'Placed', ids: [at(1, 6, { nonce: 3 }), at(1, 7, { nonce: 3 })] });
    t.same(b.events, []);
    first.give(topAt(1, 7, { nonce: 3 }));
    t.same(b.events, ['foreign 44:9', '1:6#3'], 'the second came behind the question');
    second.give(topAt(1, 7, { nonce: 3 }));
    t.same(b.events.slice(2), ['foreign 44:10', '1:7#3']);
    t.equal(b.asks, 2);
    t.equal(b.reads, 0);
  },
);

t.test(
  'when the question about a message fails, then messages received after it wait no longer',
  async (t) => {
    const b = open();
    b.top$ = NEVER;
    b.receive(at(44, 9), at(1, 6, { nonce: 3 }));
    b.push({ _tag: 'Placed', ids: [at(1, 6, { nonce: 3 })] });
    b.clock.advance(3_900);
    t.same(b.events, []);
    b.clock.advance(200);
    t.same(b.events, ['1:6#3']);
    b.receive(at(1, 7, { nonce: 3 }));
    b.top$ = of(right(topAt(1, 7, { nonce: 3 })));
    b.clock.advance(5_000);
    t.same(b.events, ['1:6#3', 'foreign 44:9', '1:7#3']);
  },
);

t.test(
  'when another program floods a channel, then all pods have one order, and no message waits long',
  async (t) => {
    for (let seed = 1; seed <= 40; seed++) {
      let state = seed;
      const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
      const pods = [open(), open(), open()];
      for (const b of pods) b.first = 1;
      let top = topAt(1, 5);
      for (const b of pods)
        b.top$ = new Observable((out) => {
          // to Redis, and back
          const there = Math.floor(random() * 5);
          const back = Math.floor(random() * 20);
          out.add(
            b.clock.scheduler.schedule(() => {
              const answer = right(top);
              out.add(b.clock.scheduler.schedule(() => out.next(answer), back));
            }, there),
          );
        });
      for (let turn = 0; turn < 60; turn++) {
        const offset = top.offset + 1;
        const kind = random();
        const forged = { nonce: turn + 10, ms: 900_000 };
        const message =
          kind < 0.4
            ? at(1, offset)
            : kind < 0.7
              ? at(44, turn)
              : at(1, offset + (random() < 0.5 ? 900 : -3), forged);
        if (kind < 0.4) top = topAt(1, offset);
        const late = Math.floor(random() * 4);
        for (const [i, b] of pods.entries()) {
          const { clock } = b;
          // pushed to all in one order; the sender's own answer overtakes what it likes
          clock.scheduler.schedule(() => b.receive(message), 10);
          if (kind < 0.4 && turn % 3 === i)
            clock.scheduler.schedule(() => b.push({ _tag: 'Placed', ids: [message] }), late * 4);
        }
        for (const { clock } of pods) clock.advance(1 + late);
      }
      for (const { clock } of pods) clock.advance(2_000);
      const [one, ...others] = pods;
      for (const other of others) t.same(other.events, one?.events, `seed ${seed}`);
      t.equal(one?.events.filter((event) => /^1:\d+$/.test(event)).length, top.offset - 5);
    }
  },
);

const placed = (offset: number) => {
  const { id, idText } = at(1, offset);
  return { id, idText };
};

for (const [by, event] of [
  ['the script answered with it', { _tag: 'Placed', ids: [placed(6)] }],
  ['it was acked by its push', { _tag: 'AckedByPush', ids: [placed(6)] }],
] as const)
  t.test(
    `when Redis has lost a message of this pod before the channel received it (${by}), then a new epoch begins`,
    async (t) => {
      const b = logged();
      b.push(event);
      b.push({ _tag: 'Unsubscribed' });
      // Redis lost 1:6, and another message has its offset
      b.entry = ({ tag }, offset) => at(tag, offset, { nonce: 9 });
      b.top$ = of(right(topAt(1, 7, { nonce: 9 })));
      b.push({ _tag: 'Subscribed' });
      b.clock.advance(1_000);
      t.equal(b.renewals, 1);
      t.ok(b.events.includes(`Gap log_lost ${FRESH}:0`), b.events.join(', '));
    },
  );

t.test(
  'when a message of this pod is confirmed after the log was asked, then the answer may lack it',
  async (t) => {
    const b = logged();
    const { answer$, give } = byHand();
    b.top$ = answer$;
    b.push({ _tag: 'Unsubscribed' });
    b.push({ _tag: 'Subscribed' });
    b.push({ _tag: 'Placed', ids: [placed(6)] });
    give(topAt(1, 5));
    b.clock.advance(1_000);
    t.equal(b.renewals, 0);
  },
);
