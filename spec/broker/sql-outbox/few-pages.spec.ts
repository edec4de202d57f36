import { right } from 'fp-ts/lib/Either.js';
import { Subject, Subscription } from 'rxjs';
import t from 'tap';
import { fewPages } from '../../../lib/broker/sql-outbox/few-pages.js';
import type { ArchivePage, PageQuery } from '../../../lib/history/archive/port.js';

const query = (room: string): PageQuery => ({
  room,
  direction: 'After',
  bound: { _tag: 'Time', ms: 0 },
  limit: 1,
});

const world = () => {
  const asked: (readonly [
    room: string,
    answer$: Subject<ReturnType<typeof right<ArchivePage>>>,
  ])[] = [];
  const running = new Subscription();
  const pages = fewPages(
    {
      page: ({ room }) => {
        const answer$ = new Subject<ReturnType<typeof right<ArchivePage>>>();
        asked.push([room, answer$]);
        return answer$;
      },
    },
    running,
  );
  return { asked, running, pages };
};

t.test(
  'when pages are read, then the next ones are asked for in the order of the calls',
  async (t) => {
    const { asked, pages } = world();
    const answers: string[] = [];
    for (const room of ['a', 'b', 'c', 'd', 'e', 'f'])
      pages.page(query(room)).subscribe(() => answers.push(room));
    t.same(
      asked.map(([room]) => room),
      ['a', 'b', 'c', 'd'],
    );
    asked[2]?.[1].next(right({ entries: [], more: false }));
    t.same(answers, ['c']);
    asked[2]?.[1].complete();
    t.equal(asked.at(-1)?.[0], 'e');
  },
);

t.test('when the reader has ended, then no page is under way', async (t) => {
  const { asked, running, pages } = world();
  pages.page(query('a')).subscribe();
  running.unsubscribe();
  pages.page(query('b')).subscribe();
  t.notOk(asked[0]?.[1].observed);
  t.equal(asked.filter(([, { observed }]) => observed).length, 0);
});
