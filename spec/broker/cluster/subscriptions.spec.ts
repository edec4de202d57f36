import { type Either, left, right } from 'fp-ts/lib/Either.js';
import { Subject } from 'rxjs';
import t from 'tap';
import type { RedisPort, RedisError } from '../../../lib/broker/redis/port.js';
import {
  type Sink,
  type Subscriptions,
  subscriptions,
} from '../../../lib/broker/cluster/subscriptions.js';
import { virtualClock, type VirtualClock } from '../../support/virtual-clock.js';

interface Stub {
  readonly clock: VirtualClock;
  readonly registry: Subscriptions;
  /** The commands sent, and by their place the answers to them. */
  readonly sent: string[];
  readonly answers: Subject<Either<RedisError, void>>[];
  readonly events: string[];
  readonly sink: Sink;
}

const stub = (): Stub => {
  const clock = virtualClock();
  const sent: string[] = [];
  const events: string[] = [];
  const answers: Subject<Either<RedisError, void>>[] = [];
  const ask = (name: string) => (channels: readonly string[]) => {
    sent.push(`${name} ${channels.join(' ')}`);
    const answer$ = new Subject<Either<RedisError, void>>();
    answers.push(answer$);
    return answer$;
  };
  const bus = { subscribe: ask('+'), unsubscribe: ask('-') } as unknown as RedisPort;
  const sink: Sink = {
    message: (payload) => events.push(payload.toString()),
    subscribed: () => events.push('subscribed'),
    unsubscribed: () => events.push('torn'),
    denied: () => events.push('denied'),
  };
  return { clock, registry: subscriptions({ redis: bus, clock }), sent, answers, events, sink };
};

const DONE = right<RedisError, void>(undefined);

t.test(
  'when an answer belongs to a command of a lost connection, then it confirms nothing',
  async (t) => {
    const { clock, registry, sent, answers, events, sink } = stub();
    registry.accept({ _tag: 'Ready' });
    registry.open('a', sink);
    clock.advance(1);
    registry.accept({ _tag: 'Lost', detail: '' });
    registry.accept({ _tag: 'Ready' });
    clock.advance(1);
    answers[0]?.next(DONE);
    t.same([sent, events], [['+ a', '+ a'], []]);
    answers[1]?.next(DONE);
    t.same(events, ['subscribed']);
  },
);

t.test('when a subscriber comes and goes within a turn, then no command is sent', async (t) => {
  const { clock, registry, sent, sink } = stub();
  registry.accept({ _tag: 'Ready' });
  registry.open('a', sink).unsubscribe();
  clock.advance(1);
  t.same([sent, registry.size()], [[], 0]);
});

t.test(
  'when a channel is wanted again while it unsubscribes, then it is subscribed afterwards',
  async (t) => {
    const { clock, registry, sent, answers, events, sink } = stub();
    registry.accept({ _tag: 'Ready' });
    const first = registry.open('a', sink);
    clock.advance(1);
    answers[0]?.next(DONE);
    first.unsubscribe();
    clock.advance(1);
    registry.open('a', sink);
    clock.advance(1);
    t.same(sent, ['+ a', '- a']);
    answers[1]?.next(DONE);
    clock.advance(1);
    answers[2]?.next(DONE);
    t.same(
      [sent, events],
      [
        ['+ a', '- a', '+ a'],
        ['subscribed', 'subscribed'],
      ],
    );
  },
);

t.test(
  'when one channel is refused, then each is subscribed alone; when a command fails, again with backoff',
  async (t) => {
    const { clock, registry, sent, answers, events, sink } = stub();
    registry.accept({ _tag: 'Ready' });
    registry.open('a', sink);
    registry.open('b', sink);
    clock.advance(1);
    answers[0]?.next(left({ _tag: 'NoPermission', detail: '' }));
    clock.advance(1);
    t.same(sent, ['+ a b', '+ a', '+ b']);
    answers[1]?.next(left({ _tag: 'NoPermission', detail: '' }));
    answers[2]?.next(left({ _tag: 'Busy', detail: '' }));
    t.same(events, ['denied']);
    clock.advance(60);
    t.ok(sent.slice(3).includes('+ b'), 'again');
    // no answer at all is a failure too
    clock.advance(7_000);
    t.ok(sent.filter((command) => command === '+ b').length >= 3);
    registry.close();
    t.equal(clock.pending(), 0);
  },
);
