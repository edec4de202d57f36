/** `PassSubscriber` passes values on, and reports how the stream ended. */
import { Observable, Subject, type Subscriber } from 'rxjs';
import t from 'tap';
import { PassSubscriber } from '../../lib/rx/pass-subscriber.js';

/** A merged stream of one source, and what it did. */
const passing = (onError?: (reason: unknown) => void) => {
  const seen: unknown[] = [];
  const source$ = new Subject<number>();
  const source = { ended: 0 };
  let inner: Subscriber<number> | undefined;
  new Observable<number>((out) => {
    inner = new PassSubscriber(out, () => source.ended++, onError);
    source$.subscribe(inner);
  }).subscribe({ next: (value) => seen.push(value), error: (error: unknown) => seen.push(error) });
  return { seen, source$, source, end: () => inner?.unsubscribe() };
};

t.test(
  'when the source emits and completes, then values pass, and `ended` is called once',
  async (t) => {
    const { seen, source$, source } = passing();
    source$.next(1);
    source$.complete();
    t.same(seen, [1]);
    t.equal(source.ended, 1);
    t.notOk(source$.observed);
  },
);

t.test(
  'when the source errors, then the merged stream errors, or the handler gets the error',
  async (t) => {
    const thrown = new Error('a bug');
    const { seen, source$ } = passing();
    source$.error(thrown);
    t.same(seen, [thrown]);
    const handled: unknown[] = [];
    const other = passing((reason) => handled.push(reason));
    other.source$.error(thrown);
    t.same([other.seen, handled, other.source.ended], [[], [thrown], 0]);
  },
);

t.test('when it is unsubscribed, then nothing passes any more', async (t) => {
  const { seen, source$, source, end } = passing();
  end();
  source$.next(1);
  t.same([seen, source.ended], [[], 0]);
  t.notOk(source$.observed);
});
