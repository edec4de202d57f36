/** The log of the log and the archive: the contract of all logs, the seam, holes, and epochs with one tag. */
import { isLeft, right } from 'fp-ts/lib/Either.js';
import { firstValueFrom, of } from 'rxjs';
import t, { type Test } from 'tap';
import { localBroker } from '../../../lib/broker/local.js';
import { archivedLog } from '../../../lib/history/archive/archived-log.js';
import { NO_LOG, PAGE_BYTES } from '../../../lib/history/index.js';
import { type Publication, publicationOf } from '../../../lib/protocol/publication.js';
import {
  type ArchivedWorld,
  archivedWorld,
  offsetsOf,
  ROOM,
  TAG,
  YOUNG_MS,
} from '../../support/archived-world.js';
import { messages } from '../../support/archive.js';
import { idOf } from '../../support/ids.js';
import { archiveTable, memoryArchive } from '../../support/memory-archive.js';
import { failing, pageLog } from '../../support/page-log.js';
import { topAt } from '../../support/channel-world.js';
import { virtualClock } from '../../support/virtual-clock.js';
import { logContract } from '../contract.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MANY = 1_000;

for (const isStored of [true, false])
  logContract(t, {
    name: isStored ? 'with all messages in the archive' : 'with an archive that has none',
    runs: 300,
    reachesBack: isStored,
    world: async ({ logMessages }) => {
      const clock = virtualClock();
      const broker = localBroker({ clock, positionTtlMs: DAY, logMessages, logTtlMs: HOUR });
      const archive = memoryArchive(archiveTable());
      const log = archivedLog({ log: broker.log, archive, clock, youngMs: 0 });
      return {
        append: async (room, some) => {
          const ids: string[] = [];
          for (const one of some) {
            const receipt = await firstValueFrom(broker.publish(one));
            if (isLeft(receipt)) throw new Error(receipt.left._tag);
            const { id, duplicate } = receipt.right;
            ids.push(id);
            if (isStored && one.logged && !duplicate)
              archive.store(room, [publicationOf(one, idOf(id))]).subscribe();
          }
          return ids;
        },
        page: (room, from, most) => firstValueFrom(log.page(room, from, most)),
        pass: async (share) => clock.advance(share * HOUR),
        endEpoch: async () => clock.advance(25 * HOUR),
        end: async () => undefined,
      };
    },
  });

/** A page may be shorter than it could be, as other rows count too. */
const isPartOf = async (t: Test, w: ArchivedWorld, all: readonly Publication[]): Promise<void> => {
  for (const most of [1, 2, 3, 9, 128])
    for (let from = 1; from <= 7; from += 1) {
      const { entries } = await w.page(from, most);
      t.ok(entries.length > 0 && entries.length <= most);
      t.strictSame(entries, all.slice(from - 1, from - 1 + entries.length));
    }
};

t.test('when the log has what is asked for, then the archive is not read', async (t) => {
  const w = archivedWorld(10);
  w.publish(4);
  const { archive } = w;
  for (const [from, most] of [
    [0, 0],
    [0, 9],
    [3, 1],
    [5, 9],
  ] as const)
    t.strictSame(await w.read(from, most), await firstValueFrom(w.log.page(ROOM, from, most)));
  w.publish(20);
  for (const [from, most] of [
    [16, 9],
    [16, 0],
    [20, 1],
    [24, 9],
    [25, 9],
    [99, 9],
  ] as const)
    t.strictSame(await w.read(from, most), await firstValueFrom(w.log.page(ROOM, from, most)));
  t.equal(archive.pages.length, 0);
});

t.test('when the log does not answer, or has no epoch, then that is the answer', async (t) => {
  const archive = memoryArchive(archiveTable());
  const log = pageLog(topAt(1, 300), 200);
  const both = archivedLog({ log, archive, clock: virtualClock() });
  for (const tag of ['Unreachable', 'Unreadable'] as const) {
    log.answer = failing(tag);
    t.match(await firstValueFrom(both.page('r', 1, 9)), { left: { _tag: tag } });
  }
  log.answer = () => of(right(NO_LOG));
  for (const [from, most] of [
    [0, 0],
    [1, 9],
    [7, 9],
  ] as const)
    t.equal(
      ((await firstValueFrom(both.page('r', from, most))) as { right: unknown }).right,
      NO_LOG,
    );
  t.equal(archive.pages.length, 0);
});

t.test('when the log has trimmed what is asked for, then a page has both, joined', async (t) => {
  const w = archivedWorld(10);
  w.store(w.publish(30));
  const log = await firstValueFrom(w.log.page(ROOM, 30, 1));
  if (isLeft(log)) throw new Error('expected a page');
  const { top } = log.right;
  t.strictSame(await w.page(1, MANY), { top, first: 1, entries: w.all });
  t.strictSame(await w.page(5, 3), { top, first: 1, entries: w.all.slice(4, 7) });
  t.strictSame(await w.page(19, 3), { top, first: 1, entries: w.all.slice(18, 21) }, 'the seam');
  t.strictSame(await w.page(20, 1), { top, first: 1, entries: w.all.slice(19, 20) });
  t.strictSame(await w.page(0, 0), { top, first: 1, entries: [] });
});

t.test('when the time of a new epoch is known, then a joined page has it', async (t) => {
  const archive = memoryArchive(archiveTable());
  const log = pageLog(topAt(TAG, 30), 20);
  log.answer = (page) => of(right({ ...page, renewedMs: 77, beforeMs: 19 }));
  archive.store(ROOM, messages(ROOM, 25, { ms: 1 })).subscribe();
  const both = archivedLog({ log, archive, clock: virtualClock() });
  for (const most of [0, 3]) {
    const answer = await firstValueFrom(both.page(ROOM, 7, most));
    if (isLeft(answer)) throw new Error('expected a page');
    t.match(answer.right, { renewedMs: 77, top: { offset: 30 }, first: 1 });
    t.notOk('beforeMs' in answer.right);
  }
});

t.test('when messages are large, then a joined page has 256 KiB of them at most', async (t) => {
  const w = archivedWorld(2);
  w.store(w.publish(6, 100_000));
  for (const from of [1, 2, 3, 4])
    t.strictSame(offsetsOf(await w.page(from, MANY)), [from, from + 1]);
  w.store(w.publish(4, 130_930));
  const page = await w.page(7, MANY);
  t.strictSame(offsetsOf(page), [7]);
  t.ok(page.entries.every(({ frame }) => frame.length < PAGE_BYTES));
  t.strictSame(offsetsOf(await w.page(8, MANY)), [8]);
});

t.test('when the log trims between the two reads, then nothing is missing', async (t) => {
  const w = archivedWorld(10);
  w.store(w.publish(30));
  const { archive } = w;
  const { page } = archive;
  archive.page = (query) => {
    w.publish(50);
    return page(query);
  };
  t.strictSame(offsetsOf(await w.page(15, MANY)), offsetsOf({ entries: w.all.slice(14, 30) }));
});

t.test('when a message is not stored yet, then readers wait, and then have it', async (t) => {
  const w = archivedWorld(10);
  const some = w.publish(30);
  w.store(some.slice(0, 18));
  t.strictSame(offsetsOf(await w.page(11, MANY)), [11, 12, 13, 14, 15, 16, 17, 18], 'up to it');
  for (const [from, most] of [
    [19, MANY],
    [20, MANY],
    [20, 1],
  ] as const)
    t.match(await w.read(from, most), { left: { _tag: 'Unreachable' } });
  w.store(some.slice(19));
  t.match(await w.read(19, MANY), { left: { _tag: 'Unreachable' } }, 'a hole in the archive');
  t.strictSame(offsetsOf(await w.page(20, 2)), [20, 21]);
  w.store(some.slice(18, 19));
  t.strictSame(offsetsOf(await w.page(19, 3)), [19, 20, 21]);
});

t.test(
  'when a message is still not stored, and the hole is old, then `first` is after it',
  async (t) => {
    const w = archivedWorld(10);
    const some = w.publish(30);
    w.store([...some.slice(2, 5), ...some.slice(7, 18)]);
    w.clock.advance(YOUNG_MS - 11);
    t.match(await w.read(19, 9), { left: { _tag: 'Unreachable' } });
    w.clock.advance(1);
    const { first, entries } = await w.page(19, 9);
    t.strictSame([first, entries[0]?.id.offset], [21, 21], 'the seam');
    const seam = await firstValueFrom(w.log.page(ROOM, 19, 9));
    t.strictSame(await w.read(19, 9), seam, 'with the time of the message before it');
    for (const [from, begin, end] of [
      [1, 3, 5],
      [2, 3, 5],
      [6, 8, 18],
      [7, 8, 18],
    ] as const) {
      const page = await w.page(from, MANY);
      t.equal(page.first, begin);
      t.strictSame([page.entries[0]?.id.offset, page.entries.at(-1)?.id.offset], [begin, end]);
    }
    t.match(await w.page(0, 0), { first: 3, entries: [] });
  },
);

t.test(
  'when a room was quiet before its last message, then a hole is as old as it is',
  async (t) => {
    const w = archivedWorld(1);
    w.publish(5);
    w.clock.advance(YOUNG_MS);
    w.publish(1);
    t.match(await w.page(1, 9), { first: 6 });
  },
);

t.test('when the log has no message, then the time of the last one counts', async (t) => {
  const w = archivedWorld(0);
  w.store(w.publish(5).slice(0, 3));
  t.strictSame(offsetsOf(await w.page(1, 9)), [1, 2, 3]);
  t.match(await w.read(4, 9), { left: { _tag: 'Unreachable' } });
  w.clock.advance(YOUNG_MS);
  t.match(await w.page(4, 9), { first: 6, entries: [] });
});

t.test(
  'when the time of messages is far in the future, then nobody waits for a hole',
  async (t) => {
    const w = archivedWorld(3);
    w.publish(9);
    w.clock.jump(-DAY);
    t.match(await w.page(1, 9), { first: 7 });
  },
);

t.test('when the archive does not answer, then there is no gap', async (t) => {
  const w = archivedWorld(10);
  w.store(w.publish(30));
  w.clock.advance(DAY);
  for (const _tag of ['Unavailable', 'Refused'] as const) {
    w.archive.refused = { _tag, detail: 'down' };
    for (const [from, most] of [
      [0, 0],
      [1, 9],
      [20, 9],
    ] as const)
      t.match(await w.read(from, most), { left: { _tag: 'Unreachable', detail: 'archive: down' } });
  }
});

t.test('when an archive answers again, then its page is read', async (t) => {
  const w = archivedWorld(10);
  w.store(w.publish(30));
  w.archive.refused = { _tag: 'Unavailable', detail: 'down' };
  // the log has all of this page: only how far the archive reaches is not known
  t.match(await w.page(21, 9), { first: 20, entries: w.all.slice(20, 29) });
  w.archive.refused = undefined;
  t.match(await w.page(21, 9), { first: 1, entries: w.all.slice(20, 29) });
  t.strictSame(offsetsOf(await w.page(1, 2)), [1, 2]);
});

t.test(
  'when pages follow one another, then each is one query, from the last time on',
  async (t) => {
    const w = archivedWorld(10);
    w.store(w.publish(500));
    const bounds = async (from: number): Promise<readonly unknown[]> => {
      w.archive.pages.length = 0;
      await w.page(from, 100);
      return w.archive.pages.map(({ bound }) =>
        bound._tag === 'Position' ? bound.sinceMs : bound,
      );
    };
    const ms = (offset: number): unknown => w.all[offset - 1]?.id.ms;
    t.strictSame(await bounds(101), [0, ms(1)], 'the oldest message is read once');
    t.strictSame(await bounds(201), [ms(200)]);
    t.strictSame(await bounds(301), [ms(300)]);
    t.strictSame(await bounds(101), [ms(1)], 'another reader');
    w.publish(1);
    t.strictSame(await bounds(492), [], 'the log has it');
  },
);

t.test('when the oldest days are removed, then pages begin after them', async (t) => {
  const w = archivedWorld(10);
  for (let day = 0; day < 4; day += 1) {
    w.store(w.publish(100));
    w.clock.advance(DAY);
  }
  t.strictSame(offsetsOf(await w.page(1, 2)), [1, 2]);
  await firstValueFrom(w.archive.prune(w.all[200]?.id.ms ?? 0));
  t.match(await w.page(0, 0), { first: 201 });
  const { first, entries } = await w.page(1, 2);
  t.strictSame([first, entries[0]?.id.offset], [201, 201]);
  t.strictSame(offsetsOf(await w.page(300, 2)), [300, 301]);
});

t.test('when an earlier epoch had the same tag, then no page has its messages', async (t) => {
  const w = archivedWorld(10);
  const some = w.publish(60);
  const old = [DAY, 2 * DAY, 3 * DAY].flatMap((ago) =>
    messages(ROOM, 90, { tag: TAG, ms: (some[0]?.id.ms ?? 0) - ago }),
  );
  w.store(old);
  w.store([...some.slice(0, 20), ...some.slice(30, 50)]);
  w.clock.advance(YOUNG_MS);
  for (const most of [1, 2, 7, 128]) {
    const read: string[] = [];
    for (let at = 1; at <= 60; ) {
      const { first, entries } = await w.page(at, most);
      if (first > at) t.strictSame([at, first], [21, 31], 'the messages that are not stored');
      read.push(...entries.map(({ idText }) => idText));
      at = (entries.at(-1)?.id.offset ?? first - 1) + 1;
    }
    const wanted = [...some.slice(0, 20), ...some.slice(30)];
    t.strictSame(
      read,
      wanted.map(({ idText }) => idText),
      `pages of ${most}`,
    );
  }
});

t.test('when only an earlier epoch has the first offsets, then its times end a page', async (t) => {
  const w = archivedWorld(10);
  const some = w.publish(60);
  w.store(messages(ROOM, 90, { tag: TAG, ms: (some[0]?.id.ms ?? 0) - DAY }));
  w.store([...some.slice(4, 20), ...some.slice(30, 50)]);
  w.clock.advance(YOUNG_MS);
  t.strictSame((await w.page(5, 128)).entries, some.slice(4, 20));
  t.match(await w.page(21, 128), { first: 31, entries: some.slice(30) });
});

t.test(
  'when an earlier epoch had a clock that was fast, then its messages are not read',
  async (t) => {
    const w = archivedWorld(10);
    const some = w.publish(30);
    w.store([...some, ...messages(ROOM, 9, { tag: TAG, from: 3, ms: w.clock.wall() + DAY })]);
    await isPartOf(t, w, some);
  },
);

t.test('when one offset was given twice, then the later message is read', async (t) => {
  const w = archivedWorld(2);
  const some = w.publish(9);
  const earlier = some
    .slice(2, 5)
    .map(({ id }) => messages(ROOM, 1, { tag: TAG, from: id.offset, ms: id.ms - 1 }));
  w.store([...earlier.flat(), ...some]);
  await isPartOf(t, w, some);
});
