/** Walks through the archive, page by page. */
import { left, right } from 'fp-ts/lib/Either.js';
import t from 'tap';
import {
  archivePages,
  type ReadArchive,
  walk,
  type WalkOptions,
} from '../../lib/http/archive-reader.js';
import { again } from '../../lib/http/history-memory.js';
import { pointOf } from '../../lib/http/history-point.js';
import { messages, NOON } from '../support/archive.js';
import { archivedRoom } from './archive-world.js';

const ALL = messages('r', 9);

const pages = (pageSize = 2): ReadArchive =>
  archivePages(
    archivedRoom({ archived: ALL, epoch: [], first: 1, pageSize }).archive,
    'r',
    () => undefined,
  );

const walked = async (read: ReadArchive, over: Partial<WalkOptions>) => {
  const { entries, more, problem } = await walk(read, {
    direction: 'After',
    from: { ms: 0 },
    limit: 100,
    isWanted: () => true,
    isEnd: () => false,
    ...over,
  });
  return [entries.map(({ id }) => id.offset), more, problem?.status];
};

const third = ALL.slice(2, 3).map(pointOf)[0];

t.test('when the archive is walked, then the nearest messages come first', async (t) => {
  t.same(await walked(pages(), {}), [[1, 2, 3, 4, 5, 6, 7, 8, 9], false, undefined]);
  t.same(await walked(pages(), { direction: 'Before', from: undefined }), [
    [9, 8, 7, 6, 5, 4, 3, 2, 1],
    false,
    undefined,
  ]);
  t.same(await walked(pages(), { direction: 'Before', from: third }), [[2, 1], false, undefined]);
  t.same(await walked(pages(), { from: { ms: NOON + 7 } }), [[8, 9], false, undefined]);
});

t.test('when there are more messages than the limit, then one more comes', async (t) => {
  t.same(await walked(pages(), { limit: 3 }), [[1, 2, 3, 4], true, undefined]);
  t.same(await walked(pages(3), { limit: 3 }), [[1, 2, 3, 4], true, undefined]);
  t.same(await walked(pages(), { limit: 8 }), [[1, 2, 3, 4, 5, 6, 7, 8, 9], true, undefined]);
  t.same(await walked(pages(), { limit: 9 }), [[1, 2, 3, 4, 5, 6, 7, 8, 9], false, undefined]);
  t.same(await walked(pages(), { limit: 0, from: third }), [[4], true, undefined]);
});

t.test(
  'when messages are not wanted, then they are passed over, and others end the walk',
  async (t) => {
    const isWanted: WalkOptions['isWanted'] = ({ id }) => id.offset % 2 === 0;
    const isEnd: WalkOptions['isEnd'] = ({ id }) => id.offset === 7;
    t.same(await walked(pages(), { isWanted, isEnd }), [[2, 4, 6], false, undefined]);
  },
);

t.test(
  'when the archive fails on the way, then what was read counts, and the problem',
  async (t) => {
    const read = pages();
    let asked = 0;
    const failing: ReadArchive = (query) => {
      asked += 1;
      return asked > 2 ? Promise.resolve(left(again('no'))) : read(query);
    };
    t.same(await walked(failing, {}), [[1, 2, 3, 4], true, 503]);
  },
);

t.test('when there is no memory for a page, then it is a problem', async (t) => {
  const { archive } = archivedRoom({ archived: ALL, epoch: [], first: 1 });
  const read = archivePages(archive, 'r', ({ length }) => (length > 5 ? again('full') : undefined));
  t.match(await read({ direction: 'After', bound: { _tag: 'Time', ms: 0 }, limit: 9 }), {
    left: { detail: 'full' },
  });
  t.match(await read({ direction: 'After', bound: { _tag: 'Time', ms: 0 }, limit: 5 }), right({}));
});
