/** `LinkSubscriber`: what a hand-written operator passes on by itself. */
import { Observable, Subject } from 'rxjs';
import t from 'tap';
import { LinkSubscriber } from '../../lib/rx/link-subscriber.js';

class Doubled extends LinkSubscriber<number, number> {
  override next(value: number): void {
    this.out.next(2 * value);
  }
}

const doubled = () => {
  const seen: unknown[] = [];
  const source$ = new Subject<number>();
  new Observable<number>((out) => {
    source$.subscribe(new Doubled(out));
  }).subscribe({
    next: (value) => seen.push(value),
    error: (error: unknown) => seen.push(error),
    complete: () => seen.push('complete'),
  });
  return { seen, source$ };
};

t.test(
  'when the source completes, then the stream completes, and the source is unsubscribed',
  async (t) => {
    const { seen, source$ } = doubled();
    source$.next(2);
    source$.complete();
    t.same(seen, [4, 'complete']);
    t.notOk(source$.observed);
  },
);

t.test(
  'when the source errors, then the stream errors, and the source is unsubscribed',
  async (t) => {
    const { seen, source$ } = doubled();
    const thrown = new Error('a bug');
    source$.error(thrown);
    t.same(seen, [thrown]);
    t.notOk(source$.observed);
  },
);
