/** `submit`: a publish and the answer to its sender. */
import { right } from 'fp-ts/lib/Either.js';
import { EMPTY, lastValueFrom, Observable, Subject, type Subscriber } from 'rxjs';
import t from 'tap';
import type { Broker } from '../../lib/broker/index.js';
import type { Publish } from '../../lib/room/member-state.js';
import { submit, submitAll } from '../../lib/room/submit.js';

type Answer = Parameters<Publish['reply']>[0];

const ANSWER: Answer = right({ id: 'id', duplicate: false, scope: 'cluster' });
const command = (name: string, reply: Publish['reply']): Publish =>
  ({ _tag: 'Publish', room: 'r', draft: { name }, reply }) as unknown as Publish;

t.test(
  'when the broker answers at once, then the sender has the answer, and no work is left',
  async (t) => {
    const broker: Pick<Broker, 'publish' | 'publishNow'> = {
      publishNow: () => ANSWER,
      publish: () => t.fail('asked twice') as never,
    };
    const answers: Answer[] = [];
    t.equal(
      submit(
        broker,
        command('a', (answer) => answers.push(answer)),
      ),
      undefined,
    );
    t.same(answers, [ANSWER]);
  },
);

t.test('when the broker answers later, then the work ends with the answer', async (t) => {
  const answer$ = new Subject<Answer>();
  const answers: Answer[] = [];
  const work$ = submit(
    { publish: () => answer$ },
    command('a', (answer) => answers.push(answer)),
  );
  t.ok(work$);
  let isDone = false;
  work$?.subscribe({ complete: () => (isDone = true) });
  t.same([answers, isDone], [[], false]);
  answer$.next(ANSWER);
  answer$.complete();
  t.same([answers, isDone], [[ANSWER], true]);
});

t.test('when `reply` throws, then the work errors', async (t) => {
  const work$ = submit(
    { publish: () => new Observable((out: Subscriber<Answer>) => out.next(ANSWER)) },
    command('a', () => {
      throw new Error('a bug');
    }),
  );
  t.ok(work$);
  await t.rejects(lastValueFrom(work$ ?? EMPTY), { message: 'a bug' });
});

t.test(
  'when several publishes have waited, then they go to the broker in their order',
  async (t) => {
    const names: unknown[] = [];
    const publish = (draft: object): Observable<Answer> =>
      new Observable((out) => {
        names.push(Reflect.get(draft, 'name'));
        out.complete();
      });
    const works = submitAll(
      { publish },
      ['a', 'b', 'c'].map((name) => command(name, () => undefined)),
    );
    for (const work$ of works) work$.subscribe();
    t.same(names, ['a', 'b', 'c']);
  },
);
