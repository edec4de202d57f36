/** A subscriber that rxjs does not wrap. */
import { Subject } from 'rxjs';
import t from 'tap';
import { BareSubscriber } from '../../lib/rx/bare-subscriber.js';

const world = (take: (value: number) => void = () => undefined) => {
  const events: unknown[] = [];
  const source$ = new Subject<number>();
  const subscriber = new BareSubscriber<number>(
    (value) => {
      events.push(value);
      take(value);
    },
    (reason) => events.push(reason),
    () => events.push('ended'),
  );
  source$.subscribe(subscriber);
  return { events, source$, subscriber };
};

t.test(
  'when a stream ends, then each value and one end came, and nothing is subscribed',
  async (t) => {
    const { events, source$ } = world();
    source$.next(1);
    source$.next(2);
    source$.complete();
    t.same(events, [1, 2, 'ended']);
    t.notOk(source$.observed);
  },
);

t.test(
  'when taking a value throws, then the exception is the error of the stream, and nothing follows',
  async (t) => {
    const fault = new Error('not taken');
    const { events, source$ } = world(() => {
      throw fault;
    });
    source$.next(1);
    source$.next(2);
    source$.complete();
    t.same(events, [1, fault]);
    t.notOk(source$.observed);
  },
);

t.test('when it is unsubscribed, then nothing comes any more', async (t) => {
  const { events, subscriber } = world();
  subscriber.unsubscribe();
  // what a source that does not look would send
  /* eslint-disable rxjs-x/no-redundant-notify */
  subscriber.next(1);
  subscriber.error('late');
  subscriber.complete();
  /* eslint-enable rxjs-x/no-redundant-notify */
  t.same(events, []);
});
