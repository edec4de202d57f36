import { left as failed, right as answer } from 'fp-ts/lib/Either.js';
import { type Observable, of, Subject } from 'rxjs';
import t from 'tap';
import {
  type Outcome,
  publishRows,
  type PublishRowsDeps,
} from '../../../lib/broker/sql-outbox/publish-rows.js';
import type { SqlRow } from '../../../lib/history/archive/sql-outbox-port.js';
import { publicationOf } from '../../../lib/protocol/publication.js';
import { sqlDraft } from '../../../lib/broker/sql-outbox/sql-draft.js';
import { ID, right } from '../../support/messages.js';
import { sqlRow } from '../../support/sql-outbox.js';

const PUBLISHED: Outcome = { _tag: 'Published' };
const REFUSED: Outcome = { _tag: 'Refused', detail: 'full' };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const world = (outcome: (n: number) => Observable<Outcome> = () => of(PUBLISHED)) => {
  const sent: number[] = [];
  const refusals: string[] = [];
  const state = { mayPublish: true, isStoredLater: false };
  const deps: PublishRowsDeps = {
    publish: ({ fields }) => {
      const { n } = fields.data as { readonly n: number };
      sent.push(n);
      return outcome(n);
    },
    archive: undefined,
    mayBeStoredLater: () => state.isStoredLater,
    mayPublish: () => state.mayPublish,
    now: () => 5,
    refused: (detail) => refusals.push(detail),
  };
  return { deps, sent, refusals, state };
};
const rows = (...nths: readonly number[]): readonly SqlRow[] => nths.map((nth) => sqlRow(nth));
const never = (): boolean => false;

t.test('when rows are published, then they are settled, in order', async (t) => {
  const { deps, sent } = world();
  const some = rows(...Array.from({ length: 130 }, (_, i) => i));
  const { published, rejected, refused } = await publishRows(deps, some, never);
  t.same(published, sent);
  t.same(
    published,
    some.map(({ nth }) => nth),
  );
  t.same([rejected, refused], [[], undefined]);
});

t.test('when a row is no message, then it is set aside and the others go on', async (t) => {
  const { deps, sent } = world();
  const some = [sqlRow(1), sqlRow(2, { json: '1e400' }), sqlRow(3)];
  const { published, rejected } = await publishRows(deps, some, never);
  t.same(
    [published, sent],
    [
      [1, 3],
      [1, 3],
    ],
  );
  t.match(rejected, [{ nth: 2, reason: /number/ }]);
});

t.test('when a hook rejects a row, then it is set aside with its reason', async (t) => {
  const { deps } = world(() => of({ _tag: 'Rejected', reason: 'rude' }));
  t.match(await publishRows(deps, rows(1), never), { rejected: [{ nth: 1, reason: 'rude' }] });
});

t.test('when a row is refused at once, then no later one is sent', async (t) => {
  const { deps, sent, refusals } = world((n) => of(n === 2 ? REFUSED : PUBLISHED));
  const { published, refused } = await publishRows(deps, rows(1, 2, 3), never);
  t.same([published, sent, refusals], [[1], [1, 2], ['full']]);
  t.match(refused, { row: { nth: 2 }, at: 5 });
});

t.test('when the group of a row is not answered, then the next group is not sent', async (t) => {
  const answer$ = new Subject<Outcome>();
  const { deps, sent } = world((n) => (n === 0 ? answer$ : of(PUBLISHED)));
  const answers = publishRows(deps, rows(...Array.from({ length: 70 }, (_, i) => i)), never);
  await turn();
  t.equal(sent.length, 64);
  answer$.next(REFUSED);
  const { published, refused } = await answers;
  t.equal(refused?.row.nth, 0);
  t.equal(published.length, 63, 'what was settled is not published again');
  t.equal(sent.length, 64);
});

t.test('when a row is a chat, then it goes alone, as a hook may take its time', async (t) => {
  const answer$ = new Subject<Outcome>();
  const { deps, sent } = world((n) => (n === 2 ? answer$ : of(PUBLISHED)));
  const some = [sqlRow(1), sqlRow(2, { type: 'chat' }), sqlRow(3)];
  const answers = publishRows(deps, some, never);
  await turn();
  t.same(sent, [1, 2]);
  answer$.next(PUBLISHED);
  t.same((await answers).published, [1, 2, 3]);
});

t.test('when the pod is the owner no more, then nothing is sent or reported', async (t) => {
  const { deps, sent, refusals, state } = world();
  state.mayPublish = false;
  t.match(await publishRows(deps, rows(1, 2), never), {
    published: [],
    refused: { row: { nth: 1 } },
  });
  t.same([sent, refusals], [[], []]);
});

t.test('when a row is doubtful and the archive has it, then it is not sent again', async (t) => {
  const { deps, sent } = world();
  const entries = rows(1, 2).map((row) => publicationOf(right(sqlDraft(row)).draft, ID));
  const archive = { page: () => of(answer({ entries, more: false })) };
  const known = await publishRows({ ...deps, archive }, rows(1, 2, 3), ({ nth }) => nth !== 2);
  t.same(
    [known.published, sent],
    [
      [1, 2, 3],
      [2, 3],
    ],
  );
  const down = { page: () => of(failed({ _tag: 'Unavailable', detail: 'down' } as const)) };
  const unknown = await publishRows({ ...deps, archive: down }, rows(4), () => true);
  t.match(unknown, { published: [], refused: { row: { nth: 4 } } });
});

t.test(
  'when a pod may store later what was published of a doubtful row, then the row waits',
  async (t) => {
    const { deps, sent, refusals, state } = world();
    const archive = { page: () => of(answer({ entries: [], more: false })) };
    state.isStoredLater = true;
    const waiting = await publishRows({ ...deps, archive }, rows(1, 2), ({ nth }) => nth === 1);
    t.match(waiting, { published: [], refused: { row: { nth: 1 } } });
    t.match(refusals, [/may not have yet/]);
    await publishRows({ ...deps, archive }, rows(3), never);
    state.isStoredLater = false;
    await publishRows({ ...deps, archive }, rows(1), () => true);
    t.same(sent, [3, 1]);
  },
);
