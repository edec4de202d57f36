/** Pages of a log that all readers of a room share. */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import { NEVER } from 'rxjs';
import t from 'tap';
import { pageCache, positionAfter, SharedPage } from '../../lib/history/page-cache.js';
import { at, topAt } from '../support/channel-world.js';
import { failing, type PageLog, pageLog } from '../support/page-log.js';
import { virtualClock } from '../support/virtual-clock.js';

const TOP = topAt(1, 300);

const world = (log: PageLog = pageLog(TOP)) => {
  const clock = virtualClock();
  const pages = pageCache(log, 'r', clock);
  /** The page that is answered at once; undefined: an error, or no answer. */
  const read = (offset: number): SharedPage | undefined => {
    let page: SharedPage | undefined;
    pages.at(offset).subscribe((answer) => {
      page = isRight(answer) ? answer.right : undefined;
    });
    return page;
  };
  return { clock, log, pages, read };
};

t.test('when readers ask for offsets of one page, then the log is read once', async (t) => {
  const { log, read } = world();
  const page = read(1);
  t.equal(read(128), page);
  t.equal(read(0), page, 'before the first message, too');
  t.equal(read(129)?.from, 129);
  t.same(log.reads, [1, 129]);
});

t.test('when a page is still read, then a second reader waits for the same', async (t) => {
  const log = pageLog(TOP);
  log.answer = () => NEVER;
  const { pages, read } = world(log);
  const first = pages.at(1).subscribe();
  t.equal(read(5), undefined);
  first.unsubscribe();
  t.equal(read(6), undefined);
  t.same(log.reads, [1], 'though the first reader has gone');
});

t.test('when large messages end a page early, then the next part is read', async (t) => {
  const log = pageLog(TOP);
  log.most = 50;
  const { read } = world(log);
  t.equal(read(120)?.from, 101);
  t.same(log.reads, [1, 51, 101]);
  t.equal(read(400)?.top.offset, 300, 'past the end of the log: its last page');
});

t.test('when the log does not answer a read, then the next reader reads again', async (t) => {
  const log = pageLog(TOP);
  const { answer } = log;
  log.answer = failing('Unreachable');
  const { pages, read } = world(log);
  pages.at(1).subscribe((page) => t.ok(isLeft(page)));
  log.answer = answer;
  t.ok(read(1));
  t.same(log.reads, [1, 1]);
});

t.test('when a page is dropped, then it is read again once', async (t) => {
  const { clock, log, pages, read } = world();
  const stale = read(1);
  if (stale === undefined) throw new Error('expected a page');
  clock.advance(10);
  pages.drop(stale);
  const fresh = read(1);
  t.equal(fresh?.askedAt, 10);
  pages.drop(stale);
  t.equal(read(1), fresh, 'a page that was read since is kept');
  pages.clear();
  t.not(read(1), fresh);
  t.same(log.reads, [1, 1, 1]);
});

t.test('when more than 32 pages are read, then the oldest is forgotten', async (t) => {
  const { log, read } = world(pageLog(topAt(1, 10_000)));
  for (let i = 0; i <= 32; i++) read(1 + 128 * i);
  read(129);
  t.equal(log.reads.length, 33);
  read(1);
  t.equal(log.reads.length, 34);
});

t.test('when a reader is sent a slice, then it is bounded and has the frames', async (t) => {
  const entries = [5, 6, 7, 8].map((offset) => at(1, offset));
  const page = new SharedPage(1, { top: topAt(1, 8), first: 5, entries }, 0);
  const [size] = entries.map(({ frame }) => frame.length);
  if (size === undefined) throw new Error('expected an entry');
  const offsets = (messages: number, bytes: number): readonly unknown[] => {
    const slice = page.slice(6, messages, bytes);
    return [slice?.count, slice?.bytes.length, slice?.last.offset];
  };
  t.same(offsets(10, 1_000), [3, 3 * size, 8]);
  t.same(offsets(2, 1_000), [2, 2 * size, 7]);
  t.same(offsets(10, 2 * size), [2, 2 * size, 7]);
  t.same(offsets(10, 1), [1, size, 6], 'one message at least');
  t.same(page.slice(7, 1, 1)?.bytes, entries[2]?.frame);
  t.same(page.slice(8, 1, 1)?.last, positionAfter(at(1, 8)));
  for (const offset of [4, 9]) t.equal(page.slice(offset, 1, 1), undefined, 'not of this page');
  t.equal(page.at(5), entries[0]);
});
