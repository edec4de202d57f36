/** The history of a room with an archive: what it is read from, and what fails. */
import { right } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import t from 'tap';
import { archiveHistory } from '../../lib/http/archive-history.js';
import { messages, NOON } from '../support/archive.js';
import { archivedRoom, idsOf, neverGiven } from './archive-world.js';

/** An epoch that has ended, and the one of the log: of its 40 messages the log has the last 20. */
const OLD = messages('r', 30, { tag: 7, ms: NOON - 60_000 });
const NEW = messages('r', 40, { tag: 3, ms: NOON });
const [OLD_IDS, NEW_IDS] = [idsOf(OLD), idsOf(NEW)];
const FIRST = 21;

/** The archive does not have the last five messages yet. */
const room = (isReal = false) =>
  archivedRoom({ archived: [...OLD, ...NEW.slice(0, -5)], epoch: NEW, first: FIRST, isReal });

/** The id of a message of the epoch of the log, or of the one before it. */
const id = (offset: number, ids = NEW_IDS): string => ids[offset - 1] ?? '';

t.test(
  'when a history goes over two epochs and the log, then each message comes once',
  async (t) => {
    t.same(await room().ask({ limit: '1000' }), { ids: [...OLD_IDS, ...NEW_IDS], next: null });
    t.same(await room().ask({ at: '0', limit: '1000' }), {
      ids: [...OLD_IDS, ...NEW_IDS],
      next: null,
    });
    t.same(await room().ask({ after: id(28, OLD_IDS), limit: '4' }), {
      ids: [...OLD_IDS.slice(28), ...NEW_IDS.slice(0, 2)],
      next: id(2),
    });
    t.same(await room().ask({ before: id(3), limit: '4' }), {
      ids: [...OLD_IDS.slice(28), ...NEW_IDS.slice(0, 2)],
      next: id(29, OLD_IDS),
    });
  },
);

t.test(
  'when an id is not there any more, then the messages after and before it come',
  async (t) => {
    const { ask } = archivedRoom({ archived: OLD.slice(10), epoch: [], first: 1 });
    t.same(await ask({ after: id(4, OLD_IDS), limit: '2' }), {
      ids: OLD_IDS.slice(10, 12),
      next: id(12, OLD_IDS),
    });
    t.same(await ask({ before: id(4, OLD_IDS) }), { ids: [], next: null });
    const elsewhere = neverGiven(id(15, OLD_IDS), { tag: 1 });
    t.same(await ask({ after: elsewhere, limit: '1' }), {
      ids: [id(15, OLD_IDS)],
      next: id(15, OLD_IDS),
    });
  },
);

t.test('when the epoch has ended, then the last messages come from the archive', async (t) => {
  const { ask, position } = archivedRoom({ archived: OLD, epoch: [], first: 1 });
  t.same(await ask({ limit: '2' }), { ids: OLD_IDS.slice(-2), next: id(29, OLD_IDS) });
  t.match(await position(), { right: { position: null } });
});

t.test('when the messages of an answer are the last ones, then next is null', async (t) => {
  const { ask } = archivedRoom({ archived: OLD, epoch: [], first: 1 });
  t.same(await ask({ after: id(28, OLD_IDS), limit: '2' }), { ids: OLD_IDS.slice(28), next: null });
  t.same(await ask({ before: id(3, OLD_IDS), limit: '2' }), {
    ids: OLD_IDS.slice(0, 2),
    next: null,
  });
  const between = { after: id(28, OLD_IDS), before: id(30, OLD_IDS), limit: '5' };
  t.same(await room().ask(between), { ids: [id(29, OLD_IDS)], next: null });
  const alone = archivedRoom({ archived: NEW, epoch: NEW, first: 1 });
  t.same(await alone.ask({ limit: '40' }), { ids: NEW_IDS, next: null });
});

t.test(
  'when an earlier epoch has the same tag, then the log is read from its first message',
  async (t) => {
    const before = messages('r', 30, { tag: 3, ms: NOON - 60_000 });
    const { ask } = archivedRoom({ archived: before, epoch: NEW.slice(0, 10), first: 1 });
    t.same(await ask({ at: '0' }), {
      ids: [...idsOf(before), ...NEW_IDS.slice(0, 10)],
      next: null,
    });
  },
);

t.test('when the log has all of an answer, then the archive need not answer', async (t) => {
  for (const isReal of [false, true]) {
    const { ask, state } = room(isReal);
    state.isArchiveDown = true;
    t.same(await ask({ limit: '19' }), { ids: NEW_IDS.slice(-19), next: id(22) });
    t.same(await ask({ after: id(21) }), { ids: NEW_IDS.slice(21), next: null });
    t.same(await ask({ after: id(40) }), { ids: [], next: null });
    t.same(await ask({ before: id(30), limit: '5' }), { ids: NEW_IDS.slice(24, 29), next: id(25) });
    t.equal(state.archivePages, 0, 'and is not asked');
    t.same(await ask({ after: id(20) }), { ids: NEW_IDS.slice(20), next: null });
    t.same(await ask({ at: `${NOON + 35}` }), { ids: NEW_IDS.slice(35), next: null });
  }
});

const AWAY =
  '503 1 archive: older messages cannot be read now; send the request again in a second, or ask for newer messages';

t.test('when the archive does not answer and is needed, then the answer is 503', async (t) => {
  const { ask, state } = room();
  state.isArchiveDown = true;
  for (const query of [
    { after: id(19) },
    { after: id(3, OLD_IDS) },
    { before: id(21) },
    { before: id(3, OLD_IDS) },
    { at: `${NOON}` },
  ])
    t.equal(await ask(query), AWAY, JSON.stringify(query));
  const ended = archivedRoom({ archived: OLD, epoch: [], first: 1 });
  ended.state.isArchiveDown = true;
  t.equal(await ended.ask({}), AWAY);
});

t.test(
  'when the archive does not answer and the log has a part, then this part comes, and next leads to the rest',
  async (t) => {
    const { ask, state } = room();
    state.isArchiveDown = true;
    const newest = await ask({});
    t.same(newest, { ids: NEW_IDS.slice(20), next: id(21) });
    t.equal(await ask({ before: id(21) }), AWAY);
    state.isArchiveDown = false;
    t.same(await ask({ before: id(21), limit: '20' }), { ids: NEW_IDS.slice(0, 20), next: id(1) });
  },
);

t.test('when the archive fails between two pages, then what was read comes', async (t) => {
  const options = { archived: OLD, epoch: [], first: 1, pageSize: 4 };
  const upward = archivedRoom(options);
  upward.state.mostPages = 2;
  t.same(await upward.ask({ at: '0' }), { ids: OLD_IDS.slice(0, 8), next: id(8, OLD_IDS) });
  const downward = archivedRoom(options);
  downward.state.mostPages = 2;
  t.same(await downward.ask({}), { ids: OLD_IDS.slice(22), next: id(23, OLD_IDS) });
});

t.test('when the log cannot be read, then the answer is 503', async (t) => {
  const { ask, state, position } = room();
  state.isLogDown = true;
  for (const query of [{}, { after: id(3, OLD_IDS) }])
    t.match(await ask(query), /^503 1 the log of the room cannot be read now/);
  t.match(await position(), { left: { status: 503 } });
});

t.test('when a message may still be stored, then no answer goes past it', async (t) => {
  const made = (late: typeof NEW) =>
    archivedRoom({
      archived: [...OLD, ...NEW.slice(0, 9), ...NEW.slice(10, 15)],
      late,
      epoch: NEW,
      first: FIRST,
    });
  const { ask, state } = made([]);
  state.isWaiting = true;
  t.same(await ask({ after: id(30, OLD_IDS) }), { ids: NEW_IDS.slice(0, 9), next: id(9) });
  t.match(await ask({ after: id(9) }), /^503 1 the log/);
  t.same(await ask({}), { ids: NEW_IDS.slice(20), next: id(21) });
  t.match(await ask({ before: id(21) }), /^503 1 the log/);
  t.match(await ask({ before: id(15) }), /^503 1 the log/);
  t.same(await ask({ before: id(10), limit: '2' }), { ids: NEW_IDS.slice(7, 9), next: id(8) });
  state.isWaiting = false;
  const left = [...NEW_IDS.slice(0, 9), ...NEW_IDS.slice(10, 15), ...NEW_IDS.slice(20)];
  t.same(await ask({ after: id(30, OLD_IDS) }), { ids: left, next: null }, 'they never come');
  const stored = made([...NEW.slice(9, 10), ...NEW.slice(15, 20)]);
  t.same(await stored.ask({ after: id(30, OLD_IDS) }), { ids: NEW_IDS, next: null });
  t.same(await stored.ask({ limit: '35' }), { ids: NEW_IDS.slice(5), next: id(6) });
});

t.test('when the epoch changes while it is read, then the answer is 503', async (t) => {
  const { archive } = room();
  const tags = [3, 3, 4];
  const page = () => {
    const top = { tag: tags.shift() ?? 4, offset: 40, ms: NOON, id: null };
    return of(right({ top, first: 21, entries: NEW.slice(20, 21) }));
  };
  const asked = { after: undefined, before: undefined, at: undefined, limit: 100 };
  t.match(await archiveHistory({ page }, archive)('r', asked, () => undefined), {
    left: { status: 503, detail: /reset/ },
  });
});

t.test(
  'when messages are large, then an answer ends at about 4 MiB, and next leads on',
  async (t) => {
    const large = { data: 'x'.repeat(100_000) };
    const all = [
      ...messages('r', 60, { tag: 7, ms: NOON - 60_000 }, large),
      ...messages('r', 60, { tag: 3 }, large),
    ];
    const made = archivedRoom({
      archived: all.slice(0, -5),
      epoch: all.slice(60),
      first: 31,
      pageSize: 3,
    });
    const upward = await made.walk({ at: '0', limit: '1000' }, 'after');
    const downward = await made.walk({ limit: '1000' }, 'before');
    t.same(
      upward.flatMap(({ ids }) => ids),
      idsOf(all),
    );
    t.same(
      downward.toReversed().flatMap(({ ids }) => ids),
      idsOf(all),
    );
    for (const { ids } of [...upward, ...downward]) t.ok(ids.length <= 44, String(ids.length));
  },
);

t.test(
  'when many answers are open, then their memory is bounded, and freed with each',
  async (t) => {
    const old = messages('r', 30, { tag: 7 }, { data: 'x'.repeat(100_000) });
    const { ask } = archivedRoom({ archived: old, epoch: [], first: 1 });
    const open: (() => void)[] = [];
    const answered = async (): Promise<number> => {
      const all = await Promise.all(
        Array.from({ length: 40 }, () => ask({ limit: '30' }, (work) => open.push(work))),
      );
      return all.filter((answer) => typeof answer !== 'string').length;
    };
    const first = await answered();
    t.ok(first > 15 && first < 25, `${first} of 3 MB`);
    t.equal(await answered(), 0);
    for (const work of open.splice(0)) work();
    t.equal(await answered(), first);
  },
);
