/** The memory of answers with messages. */
import { type Either, isLeft, right } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import t from 'tap';
import { type Page } from '../../lib/history/index.js';
import { historyHandler } from '../../lib/http/history.js';
import { type Problem } from '../../lib/protocol/problem.js';
import { publicationOf } from '../../lib/protocol/publication.js';
import { draft } from '../history/contract.js';

t.test(
  'when many answers are under way, then their memory is bounded, and freed with each answer',
  async (t) => {
    const large = draft('r', { data: 'x'.repeat(100_000) });
    const at = { tag: 1, ms: 1, global: false, outside: false, nonce: 0 };
    const { messages } = historyHandler({
      log: {
        page: (_room, from, most) => {
          const top = { tag: 1, offset: 1_000, ms: 1, id: null };
          const entries = Array.from({ length: Math.min(2, most) }, (_, i) =>
            publicationOf(large, { ...at, offset: from + i }),
          );
          return of(right<never, Page>({ top, first: 1, entries }));
        },
      },
      membersElsewhere: () => of(0),
    });
    const open: (() => void)[] = [];
    const ask = (): Promise<Either<Problem, Buffer>> =>
      messages('r', { limit: '30' }, (work) => open.push(work));
    const answered = async (): Promise<number> => {
      const all = await Promise.all(Array.from({ length: 40 }, ask));
      const refused = all.flatMap((one) => (isLeft(one) ? [one.left] : []));
      t.ok(refused.every(({ status, headers }) => status === 503 && headers?.['Retry-After']));
      return all.length - refused.length;
    };
    const first = await answered();
    t.ok(first > 15 && first < 25, `${first} of 3 MB`);
    t.equal(await answered(), 0);
    for (const work of open.splice(0)) work();
    t.equal(await answered(), first);
  },
);
