/**
 * What every broker promises, whatever carries its messages. A broker is let in by running this: the hub knows no more
 * of it than what stands here.
 */
import fc from 'fast-check';
import { type Either, isLeft, isRight } from 'fp-ts/lib/Either.js';
import { isSome } from 'fp-ts/lib/Option.js';
import type { Subscription } from 'rxjs';
import type { Test } from 'tap';
import type { Broker, ChannelEvent, PublishError, Receipt } from '../../lib/broker/index.js';
import { type Draft, type DraftFields, draftOf } from '../../lib/protocol/publication.js';
import { payloadOf, presenceData, SERVER } from '../../lib/protocol/payload.js';
import type { ControlCommand } from '../../lib/broker/control-command.js';
import { GLOBAL, type MessageId, parseId, type Room } from '../../lib/protocol/position.js';
import type { VirtualClock } from '../support/virtual-clock.js';
import { keyIn } from '../support/keys.js';

/** Brokers of one cluster, in a time of their own. */
export interface Cluster {
  readonly clock: VirtualClock;
  readonly brokers: readonly Broker[];
  /** Nothing that was asked is still under way after so long. */
  readonly settleMs: number;
  /** What carries a pod's messages breaks, and comes back by itself; absent where nothing does. */
  readonly breakOff?: (pod: number) => void;
  /** What the brokers hold for rooms at this moment: 0 when nobody uses them. */
  readonly held: () => number;
}

export interface ContractOptions {
  readonly name: string;
  /** Builds so many pods that are ready; a broker of one pod is asked for one. */
  readonly cluster: (pods: number) => Cluster;
  readonly pods: readonly number[];
}

interface Listener {
  readonly events: ChannelEvent[];
  readonly subscription: Subscription;
}

type Result = Either<PublishError, Receipt>;

interface Sent {
  readonly draft: Draft;
  readonly results: Result[];
  completed: boolean;
}

type Published = Extract<ChannelEvent, { readonly _tag: 'Published' }>;
type Opened = Extract<ChannelEvent, { readonly _tag: 'Opened' }>;

const idOf = (text: string): MessageId => {
  const id = parseId(text);
  if (!isSome(id)) throw new Error('expected an id, got none');
  return id.value;
};

const publishedIn = ({ events }: Listener): readonly Published[] =>
  events.filter((event) => event._tag === 'Published');

const idsIn = (listener: Listener): readonly string[] =>
  publishedIn(listener).map(({ publication }) => publication.idText);

const openedIn = ({ events }: Listener): Opened => {
  const [first] = events;
  if (first?._tag !== 'Opened') throw new Error('expected Opened first, got something else');
  return first;
};

const receiptOf = ({ results }: Sent): Receipt => {
  const [result] = results;
  if (result === undefined || isLeft(result)) throw new Error('expected a receipt, got none');
  return result.right;
};

export const brokerContract = (t: Test, { name, cluster, pods }: ContractOptions): void => {
  for (const count of pods) {
    t.test(`${name}, ${count} ${count === 1 ? 'pod' : 'pods'}`, async (t) => {
      contractOf(t, () => cluster(count));
    });
  }
};

const contractOf = (t: Test, build: () => Cluster): void => {
  const bench = () => {
    const made = build();
    const { clock, brokers, settleMs } = made;
    const brokerAt = (i: number): Broker => {
      const broker = brokers[i % brokers.length];
      if (broker === undefined) throw new Error('a cluster without pods');
      return broker;
    };
    const answered: Sent[] = [];
    let said = 0;
    return {
      ...made,
      answered,
      brokerAt,
      settle: () => clock.advance(settleMs),
      listen: (room: Room, pod = 0): Listener => {
        const events: ChannelEvent[] = [];
        return {
          events,
          subscription: brokerAt(pod)
            .channel(room)
            .subscribe((event) => events.push(event)),
        };
      },
      publish: (fields: Partial<DraftFields> & { readonly room: Room }, pod = 0): Sent => {
        said += 1;
        const draft = draftOf({
          type: 'chat',
          from: 'alice',
          data: `said ${said}`,
          at: clock.wall(),
          ...fields,
        });
        if (isLeft(draft)) throw new Error(draft.left.text);
        const sent: Sent = { draft: draft.right, results: [], completed: false };
        brokerAt(pod)
          .publish(draft.right)
          .subscribe({
            next: (result) => {
              sent.results.push(result);
              answered.push(sent);
            },
            complete: () => {
              sent.completed = true;
            },
          });
        return sent;
      },
    };
  };

  t.test('when a message is in the log, then its event has its offset, else none', async (t) => {
    const b = bench();
    const listener = b.listen('r');
    b.settle();
    b.publish({ room: 'r' });
    b.publish({ room: 'r', type: 'presence', data: { status: 'away' } });
    b.publish({ room: 'r' });
    b.settle();
    t.same(
      publishedIn(listener).map(({ offset, top }) => [offset, top.offset]),
      [
        [1, 1],
        [undefined, 1],
        [2, 2],
      ],
    );
  });

  t.test('a channel says Opened first and once, and where its log stands', async (t) => {
    const b = bench();
    const first = b.listen('r');
    b.settle();
    t.equal(first.events.length, 1);
    const { top, scope } = openedIn(first);
    t.equal(scope, 'cluster');
    t.match(top, { offset: 0, id: null });
    t.ok(top.tag >= 1 && top.tag <= 4_095);
    const sent = [b.publish({ room: 'r' }), b.publish({ room: 'r' })];
    b.settle();
    const later = b.listen('r', 1);
    b.settle();
    t.match(openedIn(later).top, { tag: top.tag, offset: 2, id: receiptOf(sent[1] ?? fail()).id });
    t.equal(later.events.length, 1, 'what was said before is not said again');
  });

  t.test(
    'a message comes to every subscriber, under the id of its receipt, as it was drafted',
    async (t) => {
      const b = bench();
      const listeners = b.brokers.map((_, pod) => b.listen('r', pod));
      b.settle();
      const sent = b.publish({ room: 'r', data: { content: 'hé' } });
      b.settle();
      const { id, duplicate, scope } = receiptOf(sent);
      t.same([duplicate, scope, sent.results.length, sent.completed], [false, 'cluster', 1, true]);
      for (const listener of listeners) {
        const [event] = publishedIn(listener);
        t.equal(publishedIn(listener).length, 1);
        t.equal(event?.publication.idText, id);
        t.equal(event?.publication.type, 'chat');
        t.equal(event?.publication.payload.toString(), payloadOf(id, sent.draft.rest));
        t.strictSame({ ...event?.publication.id }, { ...idOf(id) });
        t.match(event?.top, { offset: 1, id });
      }
      t.match(idOf(id), { offset: 1, global: false, outside: false });
    },
  );

  t.test('nothing is published before somebody asks for the answer', async (t) => {
    const b = bench();
    const listener = b.listen('r');
    b.settle();
    const draft = draftOf({ room: 'r', type: 'chat', from: 'a', data: 1, at: b.clock.wall() });
    if (isRight(draft)) void b.brokerAt(0).publish(draft.right);
    b.settle();
    t.equal(listener.events.length, 1);
  });

  t.test('publishNow does the same as publish, or nothing at all', async (t) => {
    const b = bench();
    const listener = b.listen('r');
    b.settle();
    const before = b.publish({ room: 'r' });
    const now = [keyIn('k'), keyIn('k'), undefined, undefined].map((key) => {
      const at = b.clock.wall();
      const draft = draftOf({ room: 'r', type: 'chat', from: 'a', data: 1, at, key });
      return isRight(draft) ? b.brokerAt(0).publishNow?.(draft.right) : undefined;
    });
    b.settle();
    const placed = now.flatMap((result) =>
      result !== undefined && isRight(result) ? [result.right] : [],
    );
    const expected = placed.length === 0 ? [] : [false, true, false, false];
    t.same(
      placed.map(({ duplicate }) => duplicate),
      expected,
    );
    t.same(idsIn(listener), [
      receiptOf(before).id,
      ...placed.flatMap(({ duplicate, id }) => (duplicate ? [] : [id])),
    ]);
  });

  t.test(
    'publishes resolve in the order of the calls, and arrive in that order, without holes',
    async (t) => {
      const b = bench();
      const listeners = b.brokers.map((_, pod) => b.listen('r', pod));
      b.settle();
      const sent = Array.from({ length: 300 }, () => b.publish({ room: 'r' }));
      b.settle();
      t.ok(b.answered.length === 300 && b.answered.every((each, i) => each === sent[i]));
      const ids = sent.map((each) => receiptOf(each).id);
      t.same(
        ids.map((id) => idOf(id).offset),
        Array.from({ length: 300 }, (_, i) => i + 1),
      );
      t.same([...ids].sort(), ids, 'ids sort as strings in the order of delivery');
      for (const listener of listeners) t.same(idsIn(listener), ids);
    },
  );

  t.test('each room counts for itself, and the global log too', async (t) => {
    const b = bench();
    const [r, s, global] = [b.listen('r'), b.listen('s'), b.listen(GLOBAL)];
    b.settle();
    for (const room of ['r', 's', GLOBAL, 'r', GLOBAL]) b.publish({ room });
    b.settle();
    const offsets = (listener: Listener): readonly number[] =>
      publishedIn(listener).map(({ publication }) => publication.id.offset);
    t.same([offsets(r), offsets(s), offsets(global)], [[1, 2], [1], [1, 2]]);
    t.ok(publishedIn(global).every(({ publication }) => publication.id.global));
    t.notOk(publishedIn(r).some(({ publication }) => publication.id.global));
  });

  t.test('the milliseconds of a log never go back, whatever the clock does', async (t) => {
    const b = bench();
    const listener = b.listen('r');
    b.settle();
    b.publish({ room: 'r' });
    b.settle();
    b.clock.jump(-3_600_000);
    b.publish({ room: 'r' });
    b.publish({ room: 'r', type: 'presence' });
    b.settle();
    const ids = idsIn(listener);
    t.equal(ids.length, 3);
    t.same([...ids].sort(), ids);
  });

  t.test(
    'the same key with the same data is stored once; with other data it is refused',
    async (t) => {
      const b = bench();
      const listener = b.listen('r');
      b.settle();
      const first = b.publish({ room: 'r', data: 'one', key: keyIn('alice:k') });
      b.settle();
      const again = b.publish({ room: 'r', data: 'one', key: keyIn('alice:k') }, 1);
      const other = b.publish({ room: 'r', data: 'two', key: keyIn('alice:k') }, 1);
      const elsewhere = b.publish({ room: 's', data: 'two', key: keyIn('alice:k') }, 1);
      const without = b.publish({ room: 'r', data: 'one' }, 1);
      b.settle();
      t.match(receiptOf(again), { id: receiptOf(first).id, duplicate: true, scope: 'cluster' });
      t.match(other.results, [{ _tag: 'Left', left: { _tag: 'KeyReused' } }]);
      t.equal(other.completed, true);
      t.equal(receiptOf(elsewhere).duplicate, false, "a key is the room's");
      t.equal(receiptOf(without).duplicate, false);
      t.same(idsIn(listener), [receiptOf(first).id, receiptOf(without).id]);
      t.same(
        idsIn(listener).map((id) => idOf(id).offset),
        [1, 2],
        'and takes no offset',
      );
    },
  );

  t.test('the same key twice in one moment is stored once too', async (t) => {
    const b = bench();
    const listener = b.listen('r');
    b.settle();
    const sent = [0, 1, 0, 1].map((pod) => b.publish({ room: 'r', data: 1, key: keyIn('k') }, pod));
    b.settle();
    const ids = new Set(sent.map((each) => receiptOf(each).id));
    t.equal(ids.size, 1);
    t.equal(sent.filter((each) => !receiptOf(each).duplicate).length, 1);
    t.equal(publishedIn(listener).length, 1);
  });

  t.test('what is not logged takes no offset, moves nothing, and comes all the same', async (t) => {
    const b = bench();
    const listeners = b.brokers.map((_, pod) => b.listen('r', pod));
    b.settle();
    b.publish({ room: 'r' });
    const presence = b.publish({
      room: 'r',
      type: 'presence',
      from: SERVER,
      data: presenceData('bob', 'c9', 'online'),
    });
    const next = b.publish({ room: 'r' });
    b.settle();
    t.match(idOf(receiptOf(presence).id), { offset: 1, outside: true, global: false });
    t.match(idOf(receiptOf(next).id), { offset: 2, outside: false });
    for (const listener of listeners) {
      const [before, said] = publishedIn(listener);
      t.equal(publishedIn(listener).length, 3);
      t.equal(said?.publication.except, 'c9', 'whom it is about comes with it');
      t.equal(said?.top.id, before?.top.id);
      t.equal(said?.top.offset, before?.top.offset);
    }
    const later = b.listen('r');
    b.settle();
    t.equal(openedIn(later).top.id, receiptOf(next).id);
  });

  t.test('a new subscriber of a channel may come before the old one has left', async (t) => {
    const b = bench();
    const old = b.listen('r');
    b.settle();
    const fresh = b.listen('r');
    old.subscription.unsubscribe();
    b.settle();
    t.equal(openedIn(fresh).scope, 'cluster');
    const sent = b.publish({ room: 'r' }, 1);
    b.settle();
    t.same(idsIn(fresh), [receiptOf(sent).id], 'the old one leaving takes nothing away');
    t.equal(publishedIn(old).length, 0);
  });

  t.test('come, gone and come again in one moment, a channel is open', async (t) => {
    const b = bench();
    for (let i = 0; i < 3; i++) b.listen('r').subscription.unsubscribe();
    const last = b.listen('r');
    b.settle();
    const sent = b.publish({ room: 'r' }, 1);
    b.settle();
    t.same(idsIn(last), [receiptOf(sent).id]);
  });

  t.test('unsubscribed, a channel says nothing and holds nothing', async (t) => {
    const b = bench();
    b.settle();
    const before = b.clock.pending();
    const listeners = ['r', 's', GLOBAL].map((room) => b.listen(room));
    b.settle();
    for (const { subscription } of listeners) subscription.unsubscribe();
    b.publish({ room: 'r' }, 1);
    b.settle();
    t.ok(listeners.every(({ events }) => events.length === 1));
    t.equal(b.held(), 0);
    t.ok(b.clock.pending() <= before, 'no timer of its own');
  });

  t.test('a room that nobody is in keeps its place: who comes back finds no gap', async (t) => {
    const b = bench();
    const first = b.listen('r');
    b.settle();
    b.publish({ room: 'r' });
    b.settle();
    first.subscription.unsubscribe();
    b.settle();
    const sent = b.publish({ room: 'r' });
    b.clock.advance(3_600_000);
    const back = b.listen('r');
    b.settle();
    t.match(openedIn(back).top, {
      tag: openedIn(first).top.tag,
      offset: 2,
      id: receiptOf(sent).id,
    });
  });

  t.test('a publish needs no subscriber', async (t) => {
    const b = bench();
    const sent = b.publish({ room: 'nobody-there' });
    b.settle();
    t.match(idOf(receiptOf(sent).id), { offset: 1 });
    t.equal(b.held(), 0);
  });

  t.test(
    'what carries the messages breaks while they are under way: one answer each, one order, nothing twice',
    async (t) => {
      const b = bench();
      const listeners = b.brokers.map((_, pod) => b.listen('r', pod));
      b.settle();
      const sent = Array.from({ length: 30 }, (_, i) => {
        const each = b.publish({ room: 'r' }, i);
        b.clock.advance(3);
        if (i % 5 === 2) b.breakOff?.(i % b.brokers.length);
        return each;
      });
      b.settle();
      t.ok(sent.every(({ results, completed }) => results.length === 1 && completed));
      t.ok(sent.every((each) => receiptOf(each).scope === 'cluster'));
      for (const listener of listeners) {
        t.strictSame([...idsIn(listener)].sort(), sent.map((each) => receiptOf(each).id).sort());
        t.strictSame([...idsIn(listener)].sort(), idsIn(listener));
      }
      t.equal(
        b.brokers.reduce((sum, { waiting }) => sum + (waiting?.() ?? 0), 0),
        0,
      );
    },
  );

  t.test('closed while publishes are under way, each has an answer', async (t) => {
    const b = bench();
    const sent = Array.from({ length: 5 }, () => b.publish({ room: 'r' }));
    for (const broker of b.brokers) broker.close().subscribe();
    sent.push(b.publish({ room: 'r' }));
    t.ok(sent.every(({ results, completed }) => results.length === 1 && completed));
    t.equal(
      b.brokers.reduce((sum, { waiting }) => sum + (waiting?.() ?? 0), 0),
      0,
    );
  });

  t.test('members: so many are on the other pods; emits once and completes', async (t) => {
    const b = bench();
    b.settle();
    const numbers: number[][] = [];
    const completed: boolean[] = [];
    const ask = (pod: number, own: number): void => {
      const at = numbers.push([]) - 1;
      b.brokerAt(pod)
        .members('r', own)
        .subscribe({
          next: (count) => numbers[at]?.push(count),
          complete: () => {
            completed[at] = true;
          },
        });
    };
    for (const pod of b.brokers.keys()) ask(pod, pod + 1);
    b.clock.advance(2_000);
    for (const pod of b.brokers.keys()) ask(pod, pod + 1);
    b.clock.advance(2_000);
    for (const pod of b.brokers.keys()) ask(pod, pod + 1);
    b.clock.advance(2_000);
    t.ok(numbers.every(({ length }) => length === 1));
    t.equal(completed.filter(Boolean).length, numbers.length);
    const total = b.brokers.reduce((sum, _, pod) => sum + pod + 1, 0);
    t.same(
      numbers.slice(-b.brokers.length).map(([others]) => others),
      [...b.brokers.keys()].map((pod) => total - pod - 1),
    );
    for (const pod of b.brokers.keys()) ask(pod, 0);
    b.clock.advance(3_000);
    t.equal(b.held(), 0);
  });

  t.test("an operator's word reaches every pod, the speaker's own too, each once", async (t) => {
    const b = bench();
    b.settle();
    const heard = b.brokers.map((broker) => {
      const words: ControlCommand[] = [];
      const hearing = broker.control$.subscribe((word) => words.push(word));
      t.teardown(() => hearing.unsubscribe());
      return words;
    });
    const said: ControlCommand[] = [];
    const answers: unknown[] = [];
    for (const [pod, broker] of b.brokers.entries())
      for (const whom of ['user', 'connection'] as const) {
        const word: ControlCommand = { _tag: 'Disconnect', whom, id: `${whom} "${pod}"` };
        const asked$ = broker.sendControl(word);
        t.equal(heard[pod]?.length, said.length, 'nothing is said before somebody asks');
        said.push(word);
        asked$.subscribe((answer) => answers.push(answer));
        t.strictSame(heard[pod]?.at(-1), word, 'here at once');
        b.settle();
        for (const words of heard) t.strictSame(words, said);
        t.match(
          answers,
          Array.from(said, () => ({ _tag: 'Right' })),
        );
        t.equal(answers.length, said.length);
      }
  });

  t.test('status$ says the last one to whoever comes', async (t) => {
    const b = bench();
    b.settle();
    for (const broker of b.brokers) {
      const seen: string[] = [];
      const listening = broker.status$.subscribe(({ _tag }) => seen.push(_tag));
      t.same(seen, ['Up']);
      listening.unsubscribe();
    }
  });

  t.test('close completes, and no timer is left', async (t) => {
    const b = bench();
    b.listen('r').subscription.unsubscribe();
    b.publish({ room: 'r' });
    b.settle();
    let completed = 0;
    for (const broker of b.brokers)
      broker.close().subscribe({
        complete: () => {
          completed += 1;
        },
      });
    b.clock.advance(1_000);
    t.equal(completed, b.brokers.length);
    t.equal(b.clock.pending(), 0);
  });

  t.test(
    'whoever says what where, and whoever comes and goes, each hears one order without holes from Opened on',
    async (t) => {
      const step = fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({
            what: fc.constant('publish' as const),
            pod: fc.nat(2),
            room: fc.nat(2),
            logged: fc.boolean(),
          }),
        },
        {
          weight: 2,
          arbitrary: fc.record({
            what: fc.constant('listen' as const),
            pod: fc.nat(2),
            room: fc.nat(2),
          }),
        },
        {
          weight: 1,
          arbitrary: fc.record({ what: fc.constant('leave' as const), who: fc.nat(9) }),
        },
        {
          weight: 2,
          arbitrary: fc.record({
            what: fc.constant('wait' as const),
            ms: fc.constantFrom(0, 1, 2, 5, 50, 2_000),
          }),
        },
      );
      const rooms: readonly Room[] = ['a', 'b', GLOBAL];
      const roomAt = (i: number): Room => rooms[i] ?? GLOBAL;
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
          const b = bench();
          const listeners: (Listener & { readonly room: Room })[] = [];
          const sent: { readonly pod: number; readonly one: Sent }[] = [];
          for (const each of steps) {
            if (each.what === 'wait') b.clock.advance(each.ms);
            else if (each.what === 'leave') {
              listeners[each.who % Math.max(1, listeners.length)]?.subscription.unsubscribe();
            } else if (each.what === 'listen') {
              // one subscriber of a room a pod at a time
              const room = roomAt(each.room);
              listeners.push({ ...b.listen(room, each.pod), room });
            } else {
              const type = each.logged ? 'chat' : 'presence';
              const pod = each.pod % b.brokers.length;
              sent.push({ pod, one: b.publish({ room: roomAt(each.room), type }, pod) });
            }
          }
          b.settle();
          b.settle();
          for (const { one } of sent) if (!one.completed) throw new Error('never answered');
          for (const pod of b.brokers.keys()) {
            for (const room of rooms) {
              const asked = sent.filter((each) => each.pod === pod && each.one.draft.room === room);
              const got = b.answered.filter((one) => asked.some((each) => each.one === one));
              if (asked.some(({ one }, i) => one !== got[i]))
                throw new Error('receipts out of order');
            }
          }
          for (const room of rooms) {
            const logged = sent
              .filter(({ one }) => one.draft.room === room && one.draft.logged)
              .map(({ one }) => receiptOf(one).id)
              .sort();
            if (logged.some((id, i) => idOf(id).offset !== i + 1))
              throw new Error('a hole in the log');
            for (const listener of listeners.filter((each) => each.room === room)) {
              if (listener.events.length === 0) continue;
              const from = openedIn(listener).top.offset;
              const heard = idsIn(listener).filter((id) => !idOf(id).outside);
              const due = logged.slice(from);
              if (heard.some((id, i) => id !== due[i])) throw new Error('another order, or a hole');
              const isLast = listeners.findLast((each) => each.room === room) === listener;
              if (isLast && !listener.subscription.closed && heard.length !== due.length)
                throw new Error(`heard ${heard.length} of ${due.length}`);
            }
          }
          for (const { subscription } of listeners) subscription.unsubscribe();
          b.settle();
          return b.held() === 0;
        }),
        { numRuns: 60 },
      );
      t.pass('for any interleaving');
    },
  );
};

const fail = (): never => {
  throw new Error('expected a value, got none');
};
