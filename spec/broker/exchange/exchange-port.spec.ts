/** A worker's side of the exchange: what is asked again, what is late, and what a worker that ends leaves. */
import type { Either } from 'fp-ts/lib/Either.js';
import t, { type Test } from 'tap';
import {
  channelOf,
  type Again,
  type Outcome,
  type RedisError,
} from '../../../lib/broker/redis/port.js';
import { exchangeWorld } from '../../support/exchange-world.js';
import { keyIn } from '../../support/keys.js';
import { virtualClock } from '../../support/virtual-clock.js';
import { draft } from '../../support/watched-bus.js';

type Answer = Either<RedisError, readonly Outcome[]>;

const NOWHERE = { tag: 0, offset: 0 } as const;
const TAG = 77;

const world = () => {
  const clock = virtualClock();
  const made = exchangeWorld(clock);
  const one = made.worker('worker-1');
  const messages: string[] = [];
  const subscription = one.port.event$.subscribe((event) => {
    if (event._tag === 'Published') messages.push(event.publication.payload.toString());
  });
  one.port.subscribe([channelOf('r')]).subscribe();
  clock.advance(10);
  const publish = (id: string, text: string, lateMs = 1_000, again?: Again): Answer[] => {
    const answers: Answer[] = [];
    const call = again === undefined ? { id } : { id, again };
    const drafts = [draft('r', `"type":"chat","room":"r","text":"${text}"}`)];
    one.port
      .publish('r', drafts, [1], TAG, clock.wall() + lateMs, call)
      .subscribe((answer) => answers.push(answer));
    return answers;
  };
  const again = (): Again => ({ sinceMs: clock.wall() - 1, ...NOWHERE });
  return { ...made, clock, one, messages, subscription, publish, again };
};

const placed = (t: Test, answers: readonly Answer[], text: string): void => {
  t.match(answers, [{ _tag: 'Right', right: [{ _tag: 'Placed' }] }], text);
};

t.test(
  'when a publish is answered too late, then the second try gets its answer, and no message is doubled',
  async (t) => {
    const { clock, one, messages, publish, again } = world();
    one.hold(true);
    const first = publish('call-1', 'a');
    clock.advance(500);
    const second = publish('call-1', 'a', 1_000, again());
    one.hold(false);
    clock.advance(10);
    placed(t, first, 'the first try');
    t.strictSame(second, first, 'the second try');
    t.equal(messages.length, 1);
  },
);

t.test(
  'when a publish did not run as it came after its deadline, then the second try publishes it',
  async (t) => {
    const { clock, one, messages, publish, again } = world();
    one.hold(true);
    const first = publish('call-1', 'a', 100);
    clock.advance(500);
    const second = publish('call-1', 'a', 1_000, again());
    one.hold(false);
    clock.advance(20);
    t.match(first, [{ _tag: 'Left', left: { _tag: 'Late' } }]);
    placed(t, second, 'the second try');
    t.equal(messages.length, 1);
  },
);

t.test(
  'when the answer came and the caller asks again under the same id, then the publish runs as a new one',
  async (t) => {
    const { clock, messages, publish } = world();
    publish('call-1', 'a');
    clock.advance(10);
    publish('call-2', 'b');
    clock.advance(10);
    t.equal(messages.length, 2);
  },
);

t.test(
  'when a worker ends, then its members are no longer counted, and it gets no messages',
  async (t) => {
    const made = world();
    const { clock, one, messages, publish } = made;
    const two = made.worker('worker-2');
    const counts: unknown[] = [];
    const names: unknown[] = [];
    two.port.event$.subscribe();
    one.port.lease().subscribe();
    one.port.members('r', 3).subscribe();
    clock.advance(10);
    two.port.members('r', 1).subscribe((count) => counts.push(count));
    two.port.lease().subscribe((living) => names.push(living));
    clock.advance(10);
    one.session.end();
    publish('call-1', 'lost with its worker');
    two.port.members('r', undefined).subscribe((count) => counts.push(count));
    two.port.lease().subscribe((living) => names.push(living));
    clock.advance(10);
    t.match(counts, [{ right: 3 }, { right: 0 }]);
    t.match(names, [{ right: ['worker-1', 'worker-2'] }, { right: ['worker-2'] }]);
    t.equal(messages.length, 0);
  },
);

t.test(
  'when the last worker of a room ends, then the log of the room stays, and the next worker reads it',
  async (t) => {
    const made = world();
    const { clock, one, publish } = made;
    publish('call-1', 'a');
    clock.advance(10);
    one.session.end();
    const two = made.worker('worker-2');
    two.port.event$.subscribe();
    const pages: unknown[] = [];
    two.port.peek('r', 1, 10).subscribe((page) => pages.push(page));
    clock.advance(10);
    t.match(pages, [
      { right: { top: { tag: TAG, offset: 1 }, first: 1, entries: [{ id: { offset: 1 } }] } },
    ]);
  },
);

t.test('when a key was used, then the exchange knows it whichever worker brings it', async (t) => {
  const made = world();
  const { clock, one, messages } = made;
  const two = made.worker('worker-2');
  two.port.event$.subscribe();
  const answers: unknown[] = [];
  for (const [{ port }, digest] of [
    [one, 'D'],
    [two, 'D'],
    [two, 'E'],
  ] as const) {
    port
      .publish(
        'r',
        [draft('r', '"n":1}', { key: keyIn('k'), digest })],
        [1],
        TAG,
        clock.wall() + 1_000,
      )
      .subscribe((answer) => answers.push(answer));
    clock.advance(10);
  }
  t.match(answers, [
    { right: [{ _tag: 'Placed' }] },
    { right: [{ _tag: 'Duplicate' }] },
    { right: [{ _tag: 'KeyReused' }] },
  ]);
  t.equal(messages.length, 1);
});

t.test('when the port is closed, then it asks nothing more and its stream ends', async (t) => {
  const { clock, one, subscription } = world();
  const answers: unknown[] = [];
  one.port.close().subscribe();
  one.port.lease().subscribe((answer) => answers.push(answer));
  clock.advance(10);
  t.ok(subscription.closed);
  t.match(answers, [{ _tag: 'Left', left: { _tag: 'Unreachable' } }]);
});

t.test(
  'when the exchange stands still and 64 MiB wait for it, then calls fail at once until it goes on',
  async (t) => {
    const { clock, one, publish } = world();
    const long = 'x'.repeat(1_048_576);
    one.hold(true);
    const waiting = Array.from({ length: 65 }, (_, i) => publish(`call-${i}`, long, 1_000_000));
    clock.advance(10);
    t.ok(one.port.unsentBytes() > 64 * 1_048_576);
    const refused = publish('refused', 'y');
    t.match(refused, [{ left: { _tag: 'Unreachable', detail: /has not read/ } }]);
    one.hold(false);
    clock.advance(10);
    t.equal(one.port.unsentBytes(), 0);
    t.ok(waiting.every((answers) => answers.length === 1));
    const taken = publish('taken', 'z');
    clock.advance(10);
    placed(t, taken, 'after that');
  },
);
