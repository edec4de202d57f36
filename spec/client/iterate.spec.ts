import { Subject } from 'rxjs';
import t from 'tap';
import { eachOf } from '../../lib/client/iterate.js';

t.test(
  'when a loop reads a stream, then it gets every value, undefined as well, until the end',
  async (t) => {
    const values$ = new Subject<unknown>();
    const seen: unknown[] = [];
    const loop = (async () => {
      for await (const value of eachOf(values$)) seen.push(value);
    })();
    values$.next(1);
    values$.next(undefined);
    await Promise.resolve();
    values$.next(3);
    values$.complete();
    await loop;
    t.same(seen, [1, undefined, 3]);
  },
);

t.test('when a loop is left, then the subscription ends', async (t) => {
  const values$ = new Subject<number>();
  const loop = (async () => {
    for await (const value of eachOf(values$)) if (value === 2) return value;
    return 0;
  })();
  for (const value of [1, 2, 3]) values$.next(value);
  t.equal(await loop, 2);
  t.notOk(values$.observed);
});

t.test('when a loop is 4,096 values behind, then it ends with an error', async (t) => {
  const values$ = new Subject<number>();
  const values = eachOf(values$);
  const first = values.next();
  for (let i = 0; i < 5_000; i++) values$.next(i);
  t.notOk(values$.observed);
  await t.rejects(first, { name: 'RangeError', message: /^4096 messages wait: take/ });
});

t.test('when a loop waits and is ended from outside, then it ends at once', async (t) => {
  const values$ = new Subject<number>();
  const values = eachOf(values$);
  const waiting = values.next();
  t.ok(values$.observed);
  t.same(await values.return?.(), { done: true, value: undefined });
  t.same(await waiting, { done: true, value: undefined });
  t.notOk(values$.observed);
  t.same(await eachOf(values$).return?.(), { done: true, value: undefined });
});
