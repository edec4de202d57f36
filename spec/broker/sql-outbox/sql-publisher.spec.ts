/** The publisher over a session in memory, in virtual time. */
import { type Either, right } from 'fp-ts/lib/Either.js';
import { EMPTY, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import t from 'tap';
import type { Outcome } from '../../../lib/broker/sql-outbox/publish-rows.js';
import {
  sqlPublisher,
  type SqlPublisherDeps,
} from '../../../lib/broker/sql-outbox/sql-publisher.js';
import type { SqlOutboxEvent } from '../../../lib/broker/sql-outbox/sql-outbox-event.js';
import { sqlDraft } from '../../../lib/broker/sql-outbox/sql-draft.js';
import type { ArchiveError, ArchivePage } from '../../../lib/history/archive/port.js';
import type { SqlRow, SqlSession } from '../../../lib/history/archive/sql-outbox-port.js';
import { publicationOf } from '../../../lib/protocol/publication.js';
import { ID, right as valueOf } from '../../support/messages.js';
import { sqlRow } from '../../support/sql-outbox.js';
import { virtualClock } from '../../support/virtual-clock.js';

type ArchiveAnswer = Either<ArchiveError, ArchivePage>;

const PUBLISHED: Outcome = { _tag: 'Published' };
interface WorldOptions extends Pick<SqlPublisherDeps, 'archive' | 'unstored'> {
  readonly doubtfulTo: number;
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

const world = (
  publish: (n: number) => Observable<Outcome> = () => of(PUBLISHED),
  { archive, unstored = () => 0, doubtfulTo = 0 }: Partial<WorldOptions> = {},
) => {
  const clock = virtualClock();
  const table: SqlRow[] = [];
  const events: SqlOutboxEvent[] = [];
  const sent: number[] = [];
  const rejected: string[] = [];
  const notified$ = new Subject<void>();
  const lost$ = new Subject<never>();
  const state = { sessions: 0, isClosed: false, isAsleep: false, isOwner: true, isLost: false };
  const session: SqlSession = {
    doubtfulTo,
    notified$,
    isOwner: () => state.isOwner,
    read: (except, limit) =>
      state.isLost
        ? Promise.reject(new Error('gone'))
        : Promise.resolve(table.filter(({ room }) => !except.includes(room)).slice(0, limit)),
    remove: (gone) => {
      rejected.push(...gone.rejected.map(({ reason }) => reason));
      const nths = new Set([...gone.published, ...gone.rejected.map(({ nth }) => nth)]);
      table.splice(0, table.length, ...table.filter(({ nth }) => !nths.has(nth)));
      return Promise.resolve();
    },
    sleep: () => Promise.resolve((state.isAsleep = true)),
    wake: () => Promise.resolve(void (state.isAsleep = false)),
    ping: () => Promise.resolve(),
  };
  const publisher = sqlPublisher({
    clock,
    archive,
    unstored,
    publish: ({ fields }) => {
      const { n } = fields.data as { readonly n: number };
      sent.push(n);
      return publish(n);
    },
    outbox: {
      session$: new Observable((out) => {
        state.sessions += 1;
        out.next(session);
        return lost$.subscribe(out);
      }),
      close: () => Promise.resolve(void (state.isClosed = true)),
    },
  });
  publisher.event$.subscribe({ next: (event) => events.push(event), complete: () => undefined });
  const tags = () => events.map(({ _tag }) => _tag);
  return { clock, table, events, tags, sent, rejected, notified$, lost$, state, publisher };
};

t.test('when rows are there, then they are published and removed, and it sleeps', async (t) => {
  const w = world();
  w.table.push(sqlRow(1), sqlRow(2));
  await settled();
  t.same(w.sent, [1, 2]);
  t.same(w.table, []);
  t.ok(w.publisher.isOwner());
  w.clock.advance(10);
  await settled();
  t.ok(w.state.isAsleep);
  t.same(w.tags(), ['SqlOutboxOwned', 'SqlPublished']);
  w.table.push(sqlRow(3));
  w.notified$.next();
  await settled();
  t.same(w.sent, [1, 2, 3]);
  w.table.push(sqlRow(4));
  w.clock.advance(1_000);
  await settled();
  t.same(w.sent, [1, 2, 3, 4], 'without a notification, by the poll of each second');
});

t.test('when a room is refused, then others go on, and it is tried again', async (t) => {
  const state = { isFull: true };
  const w = world((n) =>
    of(n === 1 && state.isFull ? { _tag: 'Refused', detail: 'full' } : PUBLISHED),
  );
  w.table.push(sqlRow(1), sqlRow(2), sqlRow(3, { room: 's' }));
  await settled();
  t.same(w.sent, [1, 3]);
  for (let i = 0; i < 5; i += 1) {
    w.clock.advance(1_000);
    await settled();
  }
  t.ok(w.sent.filter((n) => n === 1).length > 3);
  t.notOk(w.sent.includes(2));
  state.isFull = false;
  w.clock.advance(1_000);
  await settled();
  t.same(w.sent.slice(-2), [1, 2]);
  t.same(w.table, []);
  t.ok(w.tags().includes('SqlRefused'));
});

t.test('when a row is no message, then it is rejected and reported', async (t) => {
  const w = world();
  w.table.push(sqlRow(1, { json: '1e400' }), sqlRow(2));
  await settled();
  t.same([w.sent, w.table, w.rejected.length], [[2], [], 1]);
  t.ok(w.tags().includes('SqlRejected'));
});

t.test('when the session is lost, then there is another one after a backoff', async (t) => {
  const w = world();
  await settled();
  w.lost$.error(Object.assign(new Error(), { detail: 'cut' }));
  t.notOk(w.publisher.isOwner());
  t.match(w.events.at(-1), { _tag: 'SqlOutboxInterrupted', detail: 'cut' });
  t.equal(w.state.sessions, 1);
  w.clock.advance(50);
  t.equal(w.state.sessions, 2);
  const failing = world();
  failing.state.isLost = true;
  await settled();
  t.match(failing.events.at(-1), { _tag: 'SqlOutboxInterrupted', detail: 'Error: gone' });
});

t.test('when a session always ends early, then the waits between sessions grow', async (t) => {
  const w = world();
  w.state.isLost = true;
  for (let i = 0; i < 600; i += 1) {
    await settled();
    w.clock.advance(100);
  }
  t.ok(w.state.sessions < 130, `${w.state.sessions} sessions in a minute`);
  t.ok(w.state.sessions > 50);
  w.state.isLost = false;
  await settled();
  w.clock.advance(1_000);
  await settled();
  for (let i = 0; i < 6; i += 1) {
    w.clock.advance(1_000);
    await settled();
  }
  const before = w.state.sessions;
  w.lost$.error(new Error('cut'));
  w.clock.advance(50);
  t.equal(w.state.sessions, before + 1, 'after a long session the first wait is short');
});

t.test('when a room is slow, then messages of others do not wait for it', async (t) => {
  const w = world((n) => (n === 1 ? NEVER : of(PUBLISHED)));
  w.table.push(sqlRow(1));
  await settled();
  w.table.push(sqlRow(2, { room: 's' }));
  w.clock.advance(10);
  await settled();
  t.same(w.sent, [1, 2]);
});

t.test('when many rooms have doubtful rows, then few pages are read at a time', async (t) => {
  const asked: Subject<ArchiveAnswer>[] = [];
  const page = (): Observable<ArchiveAnswer> => {
    const answer$ = new Subject<ArchiveAnswer>();
    asked.push(answer$);
    return answer$;
  };
  const w = world(undefined, { archive: { page }, doubtfulTo: 100 });
  for (let n = 1; n <= 20; n += 1)
    w.table.push({ ...sqlRow(n, { room: `r${n}` }), at: w.clock.wall() });
  await settled();
  t.equal(asked.length, 4);
  for (let i = 0; i < 20; i += 1) {
    asked[i]?.next(right({ entries: [], more: false }));
    asked[i]?.complete();
    await settled();
  }
  t.equal(w.sent.length, 20);
});

t.test(
  'when PostgreSQL was away for long, then what was published before is stored before anybody asks',
  async (t) => {
    const row = sqlRow(1, { at: virtualClock().wall() - 600_000 });
    const entries = [publicationOf(valueOf(sqlDraft(row)).draft, ID)];
    const state = { isStored: false, unstored: 1 };
    const page = () => of(right({ entries: state.isStored ? entries : [], more: false }));
    const unstored = () => state.unstored;
    const w = world(undefined, { archive: { page }, unstored, doubtfulTo: 1 });
    w.table.push(row);
    const wait = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds; i += 1) {
        w.clock.advance(1_000);
        await settled();
      }
    };
    await settled();
    await wait(5);
    t.ok(w.tags().includes('SqlRefused'));
    // this pod has stored its own ones, another pod follows
    state.unstored = 0;
    await wait(5);
    state.isStored = true;
    await wait(10);
    t.same([w.sent, w.table], [[], []], 'it was published before');
  },
);

t.test('when it is closed, then what is being published is finished, and no more', async (t) => {
  const answer$ = new Subject<Outcome>();
  const w = world((n) => (n === 1 ? answer$ : of(PUBLISHED)));
  w.table.push(sqlRow(1, { type: 'chat' }), sqlRow(2));
  await settled();
  const state = { isDone: false };
  w.publisher.close().subscribe({ complete: () => (state.isDone = true) });
  await settled();
  t.notOk(state.isDone);
  answer$.next(PUBLISHED);
  answer$.complete();
  await settled();
  t.ok(state.isDone && w.state.isClosed);
  t.same(
    w.table.map(({ nth }) => nth),
    [2],
    'the next owner publishes it',
  );
  t.same([w.sent, w.publisher.rows()], [[1], 0]);
  t.equal(w.clock.pending(), 0);
});

t.test('when a publish is not answered, then closing takes a second', async (t) => {
  const w = world(() => NEVER);
  w.table.push(sqlRow(1));
  await settled();
  t.equal(w.publisher.rows(), 1);
  w.publisher.close().subscribe();
  await settled();
  t.notOk(w.state.isClosed);
  w.clock.advance(1_000);
  await settled();
  t.ok(w.state.isClosed);
  t.equal(w.clock.pending(), 0);
});

t.test('when it is not the owner, then closing takes no time', async (t) => {
  for (const session$ of [NEVER, EMPTY, throwError(() => new Error('down'))]) {
    const clock = virtualClock();
    const state = { isClosed: false };
    const publisher = sqlPublisher({
      clock,
      archive: undefined,
      unstored: () => 0,
      publish: () => of(PUBLISHED),
      outbox: { session$, close: () => Promise.resolve(void (state.isClosed = true)) },
    });
    publisher.event$.subscribe();
    publisher.close().subscribe();
    await settled();
    t.ok(state.isClosed);
    t.equal(clock.pending(), 0);
  }
});
