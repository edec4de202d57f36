import { left, map as mapRight, right } from 'fp-ts/lib/Either.js';
import { map, NEVER, Observable, of, Subject } from 'rxjs';
import t from 'tap';
import type { RedisReply, RedisError } from '../../../lib/broker/redis/port.js';
import type { ChannelEvent } from '../../../lib/broker/index.js';
import { orTimeout } from '../../../lib/broker/cluster/timeout.js';
import type { RawEvent } from '../../../lib/broker/cluster/channel-events.js';
import { orderedChannel } from '../../../lib/broker/cluster/ordered-channel.js';
import { frameAround } from '../../../lib/protocol/frame.js';
import { Publication } from '../../../lib/protocol/publication.js';
import type { Page } from '../../../lib/history/page.js';
import { formatId, type MessageId, type LogPosition } from '../../../lib/protocol/position.js';
import { virtualClock, type VirtualClock } from '../../support/virtual-clock.js';

const FRESH = 999;

/** The message at `tag:offset`; `nonce` tells two of one place apart. */
const at = (
  tag: number,
  offset: number,
  { nonce = 0, ms = offset, outside = false, bytes = 10 } = {},
): Publication => {
  const id: MessageId = { tag, offset, ms, global: false, outside, nonce };
  const type = outside ? 'presence' : 'chat';
  return new Publication(id, formatId(id), type, frameAround(Buffer.alloc(bytes)), undefined);
};

const topAt = (
  tag: number,
  offset: number,
  of: { readonly nonce?: number; readonly ms?: number } = {},
): LogPosition => {
  const { id, idText } = at(tag, offset, of);
  return { tag, offset, ms: offset === 0 ? 0 : id.ms, id: offset === 0 ? null : idText };
};

const refused = (_tag: RedisError['_tag']): RedisReply<LogPosition> =>
  of(left({ _tag, detail: 'refused' }));

interface Bench {
  readonly clock: VirtualClock;
  readonly told: string[];
  readonly settled: boolean[];
  /** How often the log was read, and how often it was asked where it stands. */
  reads: number;
  asks: number;
  /** Of ours: their script has not answered yet. */
  underWay: (publication: Publication) => boolean;
  /** What a message is, once all of it is read. */
  whole: (publication: Publication) => Publication | undefined;
  renewals: number;
  /** Where the log stands, and what it holds: nothing, unless `first` says from where on. */
  top$: RedisReply<LogPosition>;
  first: number;
  entry: (top: LogPosition, offset: number) => Publication;
  renewed$: RedisReply<LogPosition>;
  /** Pushed, whatever the log says. */
  hear(...publications: readonly Publication[]): void;
  /** Placed by the script: the log stands there, and each is pushed. */
  says(...publications: readonly Publication[]): void;
  /** On this pod alone. */
  say(publication: Publication): void;
  push(event: RawEvent): void;
  close(): void;
}

const name = ({ id }: Publication): string =>
  `${id.tag}:${id.offset}${id.outside ? ' outside' : ''}${id.nonce === 0 ? '' : `#${id.nonce}`}`;

/** The id that a message had before it was told in our words. */
const retold = new Map<string, MessageId>();

const toldOf = (publication: Publication, top: LogPosition): string => {
  const own = retold.get(publication.idText);
  if (own === undefined) return name(publication);
  // under our place, whatever place it showed
  const { tag, offset, ms, outside } = publication.id;
  const isHere = outside && tag === top.tag && offset === top.offset && ms === top.ms;
  const was = name(new Publication(own, formatId(own), '', publication.frame, undefined));
  return `${isHere ? '' : 'elsewhere '}${publication.except === undefined ? '' : 'foreign '}${was}`;
};

const tell = (event: ChannelEvent): string => {
  switch (event._tag) {
    case 'Published':
      return toldOf(event.publication, event.top);
    case 'Echoed':
      return `Echoed ${name(event.publication)}`;
    case 'Failed':
      return 'Failed';
    case 'Opened':
      return `Opened ${event.top.tag}:${event.top.offset} ${event.scope}`;
    case 'Counted':
      return `Counted ${event.others}`;
    case 'Gap':
      return `Gap ${event.reason} ${event.top.tag}:${event.top.offset}`;
  }
};

const bench = (echo: (publication: Publication) => boolean = () => false): Bench => {
  const clock = virtualClock();
  const raw$ = new Subject<RawEvent>();
  const told: string[] = [];
  const settled: boolean[] = [];
  const self: Bench = {
    clock,
    told,
    settled,
    reads: 0,
    asks: 0,
    underWay: () => false,
    whole: (publication) => publication,
    renewals: 0,
    top$: of(right(topAt(1, 5))),
    first: Number.POSITIVE_INFINITY,
    entry: ({ tag }, offset) => at(tag, offset),
    renewed$: of(right(topAt(FRESH, 0))),
    hear: (...publications) => {
      for (const publication of publications) raw$.next({ _tag: 'Received', publication });
    },
    says: (...publications) => {
      for (const publication of publications) {
        const { id, idText } = publication;
        if (!id.outside)
          self.top$ = of(right({ tag: id.tag, offset: id.offset, ms: id.ms, id: idText }));
        raw$.next({ _tag: 'Received', publication });
      }
    },
    say: (publication) => raw$.next({ _tag: 'LocalOnly', publication }),
    push: (event) => raw$.next(event),
    close: () => running.unsubscribe(),
  };
  const running = raw$
    .pipe(
      orderedChannel({
        room: 'r',
        clock,
        page: (from, most) => {
          self.reads += 1;
          return self.top$.pipe(
            map(
              mapRight((top): Page => {
                const first = Math.min(self.first, top.offset + 1);
                const begin = Math.max(from, first, 1);
                const length = Math.max(0, Math.min(most, top.offset + 1 - begin));
                const entries = Array.from({ length }, (_, i) => self.entry(top, begin + i));
                return { top, first, entries };
              }),
            ),
          );
        },
        position: () => {
          self.asks += 1;
          return self.top$.pipe(orTimeout(4_000, clock.scheduler));
        },
        isUnderWay: (publication) => self.underWay(publication),
        reissue: ({ id: own, type, frame }, id, isForeign) => {
          retold.set(formatId(id), own);
          return right(
            new Publication(id, undefined, type, frame, isForeign ? 'foreign' : undefined),
          );
        },
        dropped: () => undefined,
        renew: () => {
          self.renewals += 1;
          return self.renewed$;
        },
        echoOf: (publication) => (echo(publication) ? publication.idText : undefined),
        synced: (yes) => settled.push(yes),
        podPosition: () => ({ tag: 77, offset: 0, ms: 0, id: null }),
        whole: (publication) => self.whole(publication),
        timeoutMs: 2_000,
        readEveryMs: 60_000,
      }),
    )
    .subscribe((event) => told.push(tell(event)));
  return self;
};

/** Opened at 1:5, and past the time in which what came before is still on its way. */
const open = (echo?: (publication: Publication) => boolean): Bench => {
  const b = bench(echo);
  b.push({ _tag: 'Subscribed' });
  b.clock.advance(3_000);
  b.told.length = 0;
  b.reads = 0;
  b.asks = 0;
  return b;
};

/** An answer that is given by hand. */
const byHand = (): {
  readonly answer$: RedisReply<LogPosition>;
  readonly give: (top: LogPosition) => void;
} => {
  const answer$ = new Subject<ReturnType<typeof right<never, LogPosition>>>();
  return {
    answer$: new Observable((out) => answer$.subscribe(out)),
    give: (top) => answer$.next(right(top)),
  };
};

t.test('opened: what came before the top is not said, what came after it is', async (t) => {
  const b = bench();
  const { answer$, give } = byHand();
  b.top$ = answer$;
  b.push({ _tag: 'Subscribed' });
  b.hear(at(1, 4), at(1, 5), at(1, 6), at(1, 7));
  t.same(b.told, []);
  b.top$ = of(right(topAt(1, 7)));
  give(topAt(1, 5));
  b.says(at(1, 8));
  b.hear(at(1, 3));
  t.same(b.told, ['Opened 1:5 cluster', '1:6', '1:7', '1:8']);
  t.equal(b.reads, 1, 'what is still on its way needs no other read');
});

t.test(
  'the next in order passes without a read of the log, a repeat is dropped by its whole id',
  async (t) => {
    const b = open();
    b.says(at(1, 6), at(1, 7));
    b.hear(at(1, 6), at(1, 7));
    b.says(at(1, 8));
    t.same(b.told, ['1:6', '1:7', '1:8']);
    t.equal(b.reads, 0);
    t.equal(b.asks, 3, 'a small question each');
  },
);

t.test('what is outside the log passes and moves nothing', async (t) => {
  const b = open();
  b.says(at(1, 6), at(1, 6, { outside: true }), at(3, 90, { outside: true }), at(1, 7));
  t.same(b.told, ['1:6', '1:6 outside', 'foreign 3:90 outside', '1:7']);
});

t.test('what is outside the log is heard once too, by its whole id', async (t) => {
  const b = open();
  const some = Array.from({ length: 20 }, (_, i) => at(3, 90, { outside: true, nonce: i }));
  b.hear(...some, ...some);
  t.equal(b.told.length, 20);
});

t.test('a hole that the log confirms is told, once for all that wait', async (t) => {
  const b = open();
  b.says(at(1, 6));
  const { answer$, give } = byHand();
  b.top$ = answer$;
  b.hear(at(1, 9), at(1, 10), at(1, 10, { outside: true }), at(1, 11));
  t.same(b.told, ['1:6']);
  b.top$ = of(right(topAt(1, 11)));
  give(topAt(1, 11));
  b.says(at(1, 12));
  t.same(b.told, ['1:6', 'Gap expired 1:8', '1:9', '1:10', '1:10 outside', '1:11', '1:12']);
  t.equal(b.reads, 1);
});

t.test("another program's message passes once, under our place, whatever it shows", async (t) => {
  const b = open();
  b.says(at(1, 6));
  b.hear(at(44, 123_456), at(1, 900), at(44, 123_456));
  b.says(at(1, 7));
  t.same(b.told, ['1:6', 'foreign 44:123456', 'foreign 1:900', '1:7']);
  t.equal(b.reads, 0);
});

t.test('the next place is believed when the log says so, and the real one comes', async (t) => {
  const b = open();
  b.hear(at(1, 6, { nonce: 9, ms: 900_000 }));
  b.says(at(1, 6), at(1, 7));
  b.hear(at(1, 7, { nonce: 9 }), at(1, 3, { nonce: 9, ms: 900_000 }));
  b.says(at(1, 8));
  t.same(b.told, ['foreign 1:6#9', '1:6', '1:7', 'foreign 1:7#9', 'foreign 1:3#9', '1:8']);
  t.equal(b.reads, 0);
  t.equal(b.renewals, 0);
});

t.test('two at one place: the log says which, by its place or by its page', async (t) => {
  const b = open();
  const { answer$, give } = byHand();
  b.top$ = answer$;
  b.hear(at(1, 6, { nonce: 9 }), at(1, 6));
  b.top$ = of(right(topAt(1, 6)));
  give(topAt(1, 6));
  t.same(b.told, ['foreign 1:6#9', '1:6'], 'in the order in which they were received');
  t.equal(b.reads, 0);
  const below = byHand();
  b.top$ = below.answer$;
  b.hear(at(1, 7, { nonce: 9 }), at(1, 7), at(1, 8));
  b.first = 1;
  b.top$ = of(right(topAt(1, 8)));
  below.give(topAt(1, 8));
  t.same(b.told.slice(2), ['foreign 1:7#9', '1:7', '1:8']);
  t.equal(b.reads, 1);
  t.equal(b.renewals, 0);
});

t.test(
  'what our own script placed is believed without a question, and all before it',
  async (t) => {
    const b = open();
    b.underWay = ({ id }) => id.nonce === 3;
    b.hear(at(1, 6, { nonce: 3 }));
    t.same(b.told, [], 'not by its looks');
    b.push({ _tag: 'Placed', ids: [at(1, 6, { nonce: 3 }).id] });
    b.push({ _tag: 'Placed', ids: [at(1, 8, { nonce: 3 }).id] });
    const { answer$ } = byHand();
    b.top$ = answer$;
    b.hear(at(1, 7), at(1, 8, { nonce: 3 }));
    t.same(b.told, ['1:6#3', '1:7', '1:8#3']);
    t.equal(b.reads, 0);
  },
);

t.test('our own script failed: the log is asked for what was heard of it', async (t) => {
  const b = open();
  b.underWay = () => true;
  b.says(at(1, 6, { nonce: 3 }));
  b.underWay = () => false;
  b.push({ _tag: 'Placed', ids: [] });
  t.same(b.told, ['1:6#3']);
});

t.test('our own script found another epoch: the log is read', async (t) => {
  const b = open();
  b.top$ = of(right(topAt(2, 1)));
  b.push({ _tag: 'Placed', ids: [at(2, 1).id] });
  b.hear(at(2, 1));
  t.same(b.told, ['Gap log_lost 2:0', '2:1']);
});

t.test('one answer that overtakes the pushes waits for them, and nothing is told', async (t) => {
  const b = open();
  b.top$ = of(right(topAt(1, 9)));
  b.hear(at(1, 6), at(1, 7));
  b.clock.advance(200);
  t.same(b.told, []);
  b.hear(at(1, 8), at(1, 9));
  t.same(b.told, ['1:6', '1:7', '1:8', '1:9']);
  t.equal(b.reads, 0);
  b.close();
  t.equal(b.clock.pending(), 0);
});

t.test(
  'pushes that do not come: the log is read, and a gap told when it has them not',
  async (t) => {
    const b = open();
    b.top$ = of(right(topAt(1, 8)));
    b.hear(at(1, 6));
    b.clock.advance(300);
    t.equal(b.reads, 1);
    t.same(b.told, []);
    b.clock.advance(2_000);
    t.same(b.told, ['Gap expired 1:8']);
    b.says(at(1, 9));
    t.same(b.told.slice(1), ['1:9']);
  },
);

t.test('nothing that was heard begins an epoch, only the log', async (t) => {
  const b = open();
  b.hear(at(7, 1), at(7, 2), at(7, 3, { outside: true }));
  t.same(b.told, ['foreign 7:1', 'foreign 7:2', 'foreign 7:3 outside']);
  t.equal(b.reads, 0);
  t.equal(b.renewals, 0);
});

t.test('presence shows our place and our time, whatever was written into it', async (t) => {
  const b = open();
  b.hear(at(1, 5, { outside: true, ms: 900_000 }), at(1, 800, { outside: true, nonce: 1 }));
  t.same(b.told, ['1:5 outside', '1:800 outside#1']);
});

t.test('a new epoch that the log confirms is told, and its message said', async (t) => {
  const b = open();
  b.says(at(1, 6), at(2, 1), at(2, 2));
  t.same(b.told, ['1:6', 'Gap log_lost 2:0', '2:1', '2:2']);
});

t.test(
  'Redis went back: a new epoch is started, and the message that shows it is not eaten',
  async (t) => {
    const b = open();
    b.says(at(1, 6), at(1, 7), at(1, 8));
    b.told.length = 0;
    // 7 and 8 are lost, and the next message takes 7
    b.top$ = of(right(topAt(1, 7, { nonce: 9, ms: 50 })));
    b.hear(at(1, 7, { nonce: 9, ms: 50 }));
    t.equal(b.renewals, 1);
    b.says(at(FRESH, 1));
    t.same(b.told, [`Gap log_lost ${FRESH}:0`, 'foreign 1:7#9', `${FRESH}:1`]);
  },
);

t.test('went back and grown past again: the other id at a known offset shows it', async (t) => {
  const b = open();
  b.says(at(1, 6), at(1, 7));
  b.told.length = 0;
  b.first = 1;
  b.entry = ({ tag }, offset) => at(tag, offset, { nonce: 9 });
  b.top$ = of(right(topAt(1, 12, { nonce: 9 })));
  b.hear(at(1, 7, { nonce: 9 }));
  t.equal(b.renewals, 1);
  t.same(b.told, [`Gap log_lost ${FRESH}:0`, 'foreign 1:7#9']);
});

t.test('a clock that went back with Redis eats nothing', async (t) => {
  const b = open();
  b.says(at(1, 6, { ms: 9_000 }), at(1, 7, { ms: 9_000 }));
  b.told.length = 0;
  b.top$ = of(right(topAt(1, 2, { ms: 3, nonce: 9 })));
  b.hear(at(1, 2, { ms: 3, nonce: 9 }));
  t.same(b.told, [`Gap log_lost ${FRESH}:0`, 'foreign 1:2#9']);
});

t.test('another pod was first to renew: its epoch is taken from its start', async (t) => {
  const b = open();
  b.says(at(1, 6));
  const { answer$, give } = byHand();
  b.top$ = of(right(topAt(1, 6, { nonce: 9 })));
  b.renewed$ = answer$;
  b.hear(at(1, 6, { nonce: 9 }), at(5, 1), at(5, 2));
  b.top$ = of(right(topAt(5, 2)));
  give(topAt(5, 2));
  t.same(b.told, ['1:6', 'Gap log_lost 5:0', 'foreign 1:6#9', '5:1', '5:2']);
});

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
    b.says(at(1, 6));
    b.told.length = 0;
    b.push({ _tag: 'Unsubscribed' });
    t.equal(b.settled.at(-1), false);
    b.top$ = of(right(top));
    b.push({ _tag: 'Subscribed' });
    b.clock.advance(10);
    t.same(b.told, expected);
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
    b.hear(at(1, 8), at(1, 9));
    b.top$ = of(right(topAt(1, 10)));
    give(topAt(1, 10));
    b.hear(at(1, 10));
    b.says(at(1, 11));
    t.same(b.told, ['Gap expired 1:10', '1:11']);
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
      if (forged === 'before the tear') b.hear(at(1, 6, { nonce: 9 }), at(1, 7, { nonce: 9 }));
      b.push({ _tag: 'Unsubscribed' });
      b.push({ _tag: 'Subscribed' });
      if (forged === 'behind it') b.hear(at(1, 6, { nonce: 9 }), at(1, 7, { nonce: 9 }));
      b.hear(at(1, 8));
      b.top$ = of(right(topAt(1, 8)));
      give(topAt(1, 8));
      b.says(at(1, 9), at(1, 10));
      t.same(b.told, ['Gap expired 1:7', '1:8', '1:9', '1:10'], forged);
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
    b.hear(at(1, 5, { nonce: 9 }), at(1, 6));
    b.top$ = of(right(topAt(1, 6)));
    give(topAt(1, 6));
    b.says(at(1, 7));
    t.same(b.told, ['Opened 77:0 pod', 'Gap broker_outage 1:5', '1:6', '1:7']);
  },
);

t.test(
  'the outage is told before the log is known: opened on the pod, and a gap when it is',
  async (t) => {
    const b = bench();
    b.push({ _tag: 'Degraded' });
    b.say(at(77, 0, { outside: true }));
    b.push({ _tag: 'Subscribed' });
    t.same(b.told, ['Opened 77:0 pod', '77:0 outside', 'Gap broker_outage 1:5']);
  },
);

t.test('on the pod alone nothing shows the log before the gap that tells it', async (t) => {
  const b = bench();
  const { answer$, give } = byHand();
  b.top$ = answer$;
  b.push({ _tag: 'Degraded' });
  b.push({ _tag: 'Subscribed' });
  b.hear(at(1, 5, { outside: true }), at(1, 6));
  b.say(at(77, 0, { outside: true }));
  t.same(b.told, ['Opened 77:0 pod', '77:0 outside']);
  give(topAt(1, 6));
  t.same(b.told.slice(2), ['Gap broker_outage 1:5', '1:5 outside', '1:6']);
});

t.test(
  'a log that does not answer: asked again; what is in doubt waits, and nobody else',
  async (t) => {
    const b = open();
    b.top$ = NEVER;
    b.hear(at(1, 8), at(1, 9), at(2, 1, { outside: true }));
    b.say(at(1, 5, { outside: true }));
    b.clock.advance(10_000);
    t.ok(b.asks > 1, `${b.asks} questions`);
    t.same(b.told, ['1:5 outside']);
    b.first = 1;
    b.top$ = of(right(topAt(1, 9)));
    b.clock.advance(5_000);
    b.says(at(1, 10));
    t.same(b.told.slice(1), ['1:6', '1:7', '1:8', '1:9', 'foreign 2:1 outside', '1:10']);
    b.close();
    t.equal(b.clock.pending(), 0);
  },
);

t.test('a question that fails is asked again with backoff, and so is a read', async (t) => {
  const b = open();
  b.top$ = refused('Busy');
  b.hear(at(1, 7));
  b.clock.advance(400);
  t.ok(b.asks >= 3 && b.asks <= 6, `${b.asks} questions in 400 ms`);
  b.push({ _tag: 'Unsubscribed' });
  b.push({ _tag: 'Subscribed' });
  b.clock.advance(400);
  t.ok(b.reads >= 3 && b.reads <= 6, `${b.reads} reads in 400 ms`);
  b.top$ = of(right(topAt(1, 7)));
  b.clock.advance(1_000);
  t.same(b.told, ['Gap expired 1:6', '1:7']);
});

t.test('what waits is bounded, and what did not fit is told', async (t) => {
  for (const bytes of [10, 100_000]) {
    const b = open();
    const { answer$, give } = byHand();
    b.top$ = answer$;
    for (let offset = 7; offset < 3_007; offset += 1) b.hear(at(1, offset, { bytes }));
    b.top$ = of(right(topAt(1, 3_006)));
    give(topAt(1, 3_006));
    t.same(b.told, ['Gap expired 1:3006']);
    b.says(at(1, 3_007, { bytes }));
    t.equal(b.told.at(-1), '1:3007');
  }
});

t.test('an echo takes its place and is news to who came since alone', async (t) => {
  const b = open(({ id }) => id.offset === 7);
  b.says(at(1, 6), at(1, 7), at(1, 8));
  t.same(b.told, ['1:6', 'Echoed 1:7', '1:8']);
});

t.test('a room whose key is of the wrong type fails', async (t) => {
  const wrong = bench();
  wrong.top$ = refused('WrongType');
  wrong.push({ _tag: 'Subscribed' });
  t.same(wrong.told, ['Failed']);
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
      t.same(b.told, []);
      b.clock.advance(200);
      t.same(b.told, ['Opened 77:0 pod']);
      b.top$ = of(right(topAt(1, 5)));
      b.clock.advance(5_000);
      t.same(b.told, ['Opened 77:0 pod', 'Gap broker_outage 1:5']);
      t.equal(b.settled.at(-1), true);
    },
  );

t.test('left in the middle of a doubt: nothing is left behind', async (t) => {
  const b = open();
  b.top$ = NEVER;
  b.hear(at(1, 8));
  b.close();
  t.equal(b.clock.pending(), 0);
  const early = bench();
  early.top$ = NEVER;
  early.push({ _tag: 'Subscribed' });
  early.close();
  t.equal(early.clock.pending(), 0);
  t.same(early.settled, [false, true], 'nobody waits for it');
});

// with a log

const logged = (echo?: (publication: Publication) => boolean): Bench => {
  const b = open(echo);
  b.first = 1;
  return b;
};

t.test('a hole is read from the log, and nobody notices', async (t) => {
  const b = logged();
  b.top$ = of(right(topAt(1, 11)));
  b.hear(at(1, 6), at(1, 9), at(1, 10), at(1, 11));
  b.says(at(1, 12));
  b.hear(at(1, 8));
  t.same(b.told, ['1:6', '1:7', '1:8', '1:9', '1:10', '1:11', '1:12']);
  t.equal(b.settled.at(-1), true);
});

t.test('subscribed again: what was said meanwhile comes first, page by page', async (t) => {
  const b = logged();
  b.push({ _tag: 'Unsubscribed' });
  b.hear(at(1, 5, { outside: true }));
  b.top$ = of(right(topAt(1, 600)));
  b.push({ _tag: 'Subscribed' });
  b.says(at(1, 601));
  b.clock.advance(100);
  const expected = Array.from({ length: 596 }, (_, i) => `1:${i + 6}`);
  t.same(b.told, ['1:5 outside', ...expected]);
  t.ok(b.reads <= 5, `${b.reads} reads`);
});

t.test(
  'when a message is no news, then all of it is read all the same, as it is counted',
  async (t) => {
    const b = logged();
    const read: string[] = [];
    b.whole = (publication) => {
      read.push(name(publication));
      return publication;
    };
    b.says(at(1, 6));
    t.same(read, [], 'what the log has is not');
    b.hear(at(1, 6));
    b.hear(at(1, 2, { nonce: 4 }));
    b.clock.advance(1_000);
    t.same(read, ['1:6', '1:2#4']);
  },
);

t.test(
  'when the log does not hold a message, then all of it is read, and it is passed on as what that says',
  async (t) => {
    const b = logged();
    b.whole = ({ id }) => {
      if (id.nonce === 4) return at(3, 90, { nonce: 5 });
      return undefined;
    };
    b.hear(at(1, 6, { nonce: 4 }), at(1, 6, { nonce: 7 }));
    b.says(at(1, 6));
    t.same(b.told, ['foreign 3:90#5', '1:6']);
  },
);

t.test('what the log has lost of a hole is told, the rest is said', async (t) => {
  const b = logged();
  b.first = 8;
  b.top$ = of(right(topAt(1, 10)));
  b.hear(at(1, 10));
  t.same(b.told, ['Gap expired 1:7', '1:8', '1:9', '1:10']);
});

t.test(
  'Redis went back and has grown past our place: seen by the entry at our place',
  async (t) => {
    const b = logged();
    b.push({ _tag: 'Unsubscribed' });
    b.entry = ({ tag }, offset) => at(tag, offset, { nonce: 9 });
    b.top$ = of(right(topAt(1, 9, { nonce: 9 })));
    b.push({ _tag: 'Subscribed' });
    t.equal(b.renewals, 1);
    t.same(b.told, [`Gap log_lost ${FRESH}:0`]);
  },
);

t.test('a new epoch is said from its start', async (t) => {
  const b = logged();
  b.push({ _tag: 'Unsubscribed' });
  b.top$ = of(right(topAt(2, 3)));
  b.push({ _tag: 'Subscribed' });
  b.says(at(2, 4));
  b.clock.advance(10);
  t.same(b.told, ['Gap log_lost 2:0', '2:1', '2:2', '2:3', '2:4']);
});

t.test(
  "what was passed as a stranger's and has its place after all is news to who came since",
  async (t) => {
    const b = logged();
    b.top$ = of(right(topAt(1, 5)));
    b.hear(at(1, 7));
    t.same(b.told, ['foreign 1:7'], 'not in the log that answered');
    b.top$ = of(right(topAt(1, 7)));
    b.push({ _tag: 'Poll' });
    b.clock.advance(300);
    t.same(b.told, ['foreign 1:7', '1:6', 'Echoed 1:7']);
  },
);

t.test('another message under the id of one that was passed is no repeat of it', async (t) => {
  const b = logged();
  b.hear(at(1, 6, { bytes: 11 }));
  t.same(b.told, ['foreign 1:6']);
  b.says(at(1, 6), at(1, 7));
  t.same(b.told, ['foreign 1:6', '1:6', '1:7']);
});

t.test(
  'an epoch that comes back goes on where we left it: nothing of it is said twice',
  async (t) => {
    const b = logged();
    b.says(at(1, 6));
    b.push({ _tag: 'Unsubscribed' });
    b.top$ = of(right(topAt(2, 1)));
    b.push({ _tag: 'Subscribed' });
    b.says(at(2, 2));
    b.push({ _tag: 'Unsubscribed' });
    b.top$ = of(right(topAt(1, 8)));
    b.push({ _tag: 'Subscribed' });
    b.says(at(1, 9));
    t.same(b.told, [
      ...['1:6', 'Gap log_lost 2:0', '2:1', '2:2'],
      ...['Gap log_lost 1:6', '1:7', '1:8', '1:9'],
    ]);
    b.push({ _tag: 'Unsubscribed' });
    b.top$ = of(right(topAt(2, 2)));
    b.push({ _tag: 'Subscribed' });
    t.same(b.told.slice(8), ['Gap log_lost 2:2'], 'and again');
  },
);

t.test('an epoch that comes back as it was before we left it: a new one', async (t) => {
  const b = logged();
  b.says(at(1, 6), at(2, 1));
  b.told.length = 0;
  // restored from an older file
  b.push({ _tag: 'Unsubscribed' });
  b.top$ = of(right(topAt(1, 4)));
  b.push({ _tag: 'Subscribed' });
  t.same(b.told, [`Gap log_lost ${FRESH}:0`]);
  t.equal(b.renewals, 1);
});

t.test('an epoch that comes back with another message at our place: a new one', async (t) => {
  const b = logged();
  b.says(at(1, 6), at(2, 1));
  b.told.length = 0;
  b.push({ _tag: 'Unsubscribed' });
  b.entry = ({ tag }, offset) => at(tag, offset, { nonce: 9 });
  b.top$ = of(right(topAt(1, 9, { nonce: 9 })));
  b.push({ _tag: 'Subscribed' });
  t.same(b.told, ['Gap log_lost 1:6', `Gap log_lost ${FRESH}:0`]);
});

t.test('reached again after an outage: not settled until the log was read', async (t) => {
  const b = logged();
  const { answer$, give } = byHand();
  b.top$ = answer$;
  b.push({ _tag: 'Degraded' });
  b.push({ _tag: 'Recovered', since: b.clock.scheduler.now() - 3 });
  t.equal(b.settled.at(-1), false);
  give(topAt(1, 7));
  t.same(b.told, ['1:6', '1:7']);
  t.equal(b.settled.at(-1), true);
  b.reads = 0;
  b.push({ _tag: 'Recovered', since: b.clock.scheduler.now() - 3 });
  t.equal(b.reads, 0, 'it has been read since');
});

t.test('an echo in the log takes its place likewise', async (t) => {
  const b = logged(({ id }) => id.offset === 7);
  b.top$ = of(right(topAt(1, 8)));
  b.hear(at(1, 8));
  t.same(b.told, ['1:6', 'Echoed 1:7', '1:8']);
});

t.test(
  'a quiet room is looked after: what nobody heard is said, and what is heard meanwhile waits for nothing',
  async (t) => {
    const b = logged();
    b.top$ = of(right(topAt(1, 7)));
    b.push({ _tag: 'Poll' });
    t.same(b.told, [], 'it may be on its way');
    b.clock.advance(300);
    t.same(b.told, ['1:6', '1:7']);
    const { answer$, give } = byHand();
    b.top$ = answer$;
    b.push({ _tag: 'Poll' });
    b.push({ _tag: 'Placed', ids: [at(1, 8).id] });
    b.hear(at(1, 8));
    t.same(b.told, ['1:6', '1:7', '1:8'], 'not held');
    give(topAt(1, 7));
    t.equal(b.renewals, 0, 'an answer of before is none');
    b.says(at(1, 9));
    t.same(b.told, ['1:6', '1:7', '1:8', '1:9']);
  },
);

t.test(
  'a quiet room is asked where it stands, and read once a minute, which keeps its place in Redis',
  async (t) => {
    const b = logged();
    for (let i = 0; i < 30; i++) {
      b.push({ _tag: 'Poll' });
      b.clock.advance(4_000);
    }
    t.ok(b.reads === 1 || b.reads === 2, `${b.reads} reads in two minutes`);
    t.equal(b.asks + b.reads, 30);
    t.same(b.told, []);
  },
);

t.test('what did not fit is read from the log: nothing is missing', async (t) => {
  const b = logged();
  const { answer$, give } = byHand();
  b.top$ = answer$;
  for (let offset = 7; offset < 3_007; offset += 1) b.hear(at(1, offset));
  b.top$ = of(right(topAt(1, 3_006)));
  give(topAt(1, 7));
  b.clock.advance(1_000);
  t.same(
    b.told,
    Array.from({ length: 3_001 }, (_, i) => `1:${i + 6}`),
  );
});

t.test('what shows a place that we have not come to waits for what lies between', async (t) => {
  const b = logged();
  b.top$ = of(right(topAt(1, 8)));
  b.hear(at(1, 8, { outside: true }));
  b.clock.advance(300);
  b.says(at(1, 9));
  t.same(b.told, ['1:6', '1:7', '1:8', '1:8 outside', '1:9']);
});

t.test(
  'when a poll reads the log and is answered later, then what it has more is delivered',
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
    t.same(b.told, [], 'their pushes may be on their way');
    b.clock.advance(250);
    t.same(b.told, ['1:6', '1:7']);
  },
);

t.test(
  "when another program's message waits for the log, then what came behind it waits too",
  async (t) => {
    const b = open();
    const first = byHand();
    const second = byHand();
    b.top$ = first.answer$;
    b.hear(at(44, 9));
    b.top$ = second.answer$;
    b.hear(at(1, 6, { nonce: 3 }), at(44, 10), at(1, 7, { nonce: 3 }));
    b.push({ _tag: 'Placed', ids: [at(1, 6, { nonce: 3 }).id, at(1, 7, { nonce: 3 }).id] });
    t.same(b.told, []);
    first.give(topAt(1, 7, { nonce: 3 }));
    t.same(b.told, ['foreign 44:9', '1:6#3'], 'the second came behind the question');
    second.give(topAt(1, 7, { nonce: 3 }));
    t.same(b.told.slice(2), ['foreign 44:10', '1:7#3']);
    t.equal(b.asks, 2);
    t.equal(b.reads, 0);
  },
);

t.test(
  'when the question about a message fails, then what came behind it waits no longer',
  async (t) => {
    const b = open();
    b.top$ = NEVER;
    b.hear(at(44, 9), at(1, 6, { nonce: 3 }));
    b.push({ _tag: 'Placed', ids: [at(1, 6, { nonce: 3 }).id] });
    b.clock.advance(3_900);
    t.same(b.told, []);
    b.clock.advance(200);
    t.same(b.told, ['1:6#3']);
    b.hear(at(1, 7, { nonce: 3 }));
    b.top$ = of(right(topAt(1, 7, { nonce: 3 })));
    b.clock.advance(5_000);
    t.same(b.told, ['1:6#3', 'foreign 44:9', '1:7#3']);
  },
);

t.test(
  'when a neighbour floods a channel, then all pods have one order, and none waits long',
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
          clock.scheduler.schedule(() => b.hear(message), 10);
          if (kind < 0.4 && turn % 3 === i)
            clock.scheduler.schedule(() => b.push({ _tag: 'Placed', ids: [message.id] }), late * 4);
        }
        for (const { clock } of pods) clock.advance(1 + late);
      }
      for (const { clock } of pods) clock.advance(2_000);
      const [one, ...others] = pods;
      for (const other of others) t.same(other.told, one?.told, `seed ${seed}`);
      t.equal(one?.told.filter((told) => /^1:\d+$/.test(told)).length, top.offset - 5);
    }
  },
);
