import { right as answer } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import t from 'tap';
import { alreadyPublished } from '../../../lib/broker/sql-outbox/already-published.js';
import { sqlDraft } from '../../../lib/broker/sql-outbox/sql-draft.js';
import type { ArchivePage, PageQuery } from '../../../lib/history/archive/port.js';
import { publicationOf } from '../../../lib/protocol/publication.js';
import { ID, left, right } from '../../support/messages.js';
import { sqlRow } from '../../support/sql-outbox.js';

const doubtful = (nth: number, json = `${nth}`) => {
  const row = sqlRow(nth, { json });
  return { nth, at: row.at, draft: right(sqlDraft(row)).draft };
};

/** An archive with these messages, in pages of two. */
const archiveOf = (some: readonly ReturnType<typeof doubtful>[]) => {
  const all = some.map(({ draft }, i) => publicationOf(draft, { ...ID, offset: i + 1 }));
  const asked: PageQuery[] = [];
  const page = (query: PageQuery) => {
    asked.push(query);
    const { bound } = query;
    const from = bound._tag === 'Id' ? bound.id.offset : 0;
    const found: ArchivePage = { entries: all.slice(from, from + 2), more: from + 2 < all.length };
    return of(answer(found));
  };
  return { asked, page };
};

t.test('when the archive has a message of a row, then the row is published', async (t) => {
  const archive = archiveOf([doubtful(1), doubtful(7), doubtful(8), doubtful(2), doubtful(9)]);
  const found = right(await alreadyPublished(archive, [doubtful(1), doubtful(2), doubtful(3)]));
  t.same([...found], [1, 2]);
  t.match(archive.asked[0], {
    room: 'r',
    direction: 'After',
    bound: { _tag: 'Time', ms: sqlRow(1).at - 60_000 },
  });
  t.equal(archive.asked.length, 3);
});

t.test('when rows are equal, then as many are published as the archive has messages', async (t) => {
  const same = [doubtful(1, '"x"'), doubtful(2, '"x"'), doubtful(3, '"x"')];
  t.same([...right(await alreadyPublished(archiveOf(same.slice(0, 2)), same))], [1, 2]);
});

t.test('when no row is doubtful, then the archive is not asked', async (t) => {
  const archive = archiveOf([]);
  t.equal(right(await alreadyPublished(archive, [])).size, 0);
  t.same(archive.asked, []);
});

t.test('when the archive does not answer, then nobody knows', async (t) => {
  const page = () => of({ _tag: 'Left', left: { _tag: 'Unavailable', detail: 'down' } } as const);
  t.equal(left(await alreadyPublished({ page }, [doubtful(1)])), 'down');
});
