/** The gap of a joiner that waits for another room: by the log as it is now. */
import { NEVER } from 'rxjs';
import t from 'tap';
import type { Connection, Membership } from '../../../lib/connection/connection.js';
import { pageCache } from '../../../lib/history/page-cache.js';
import { NO_POSITION } from '../../../lib/protocol/position.js';
import type { Resume } from '../../../lib/protocol/resume.js';
import { foretell } from '../../../lib/room/recovery/foretell.js';
import { topAt } from '../../support/channel-world.js';
import { after, failing, pageLog } from '../../support/page-log.js';
import { virtualClock } from '../../support/virtual-clock.js';

const TIMEOUT_MS = 2_000;
const TOP = topAt(1, 10);

const world = () => {
  const clock = virtualClock();
  const log = pageLog(TOP);
  const pages = pageCache(log, 'r', clock);
  const membership: Membership = {
    connection: {} as Connection,
    room: 'r',
    position: NO_POSITION,
    joinSeq: 0,
    isJoining: false,
    mayPublish: true,
    unansweredJoins: 1,
  };
  const gaps: string[] = [];
  const emitted: unknown[] = [];
  const run = (resume: Resume) =>
    foretell(
      {
        room: 'r',
        epochs: undefined,
        isGlobal: false,
        clock,
        pages,
        timeoutMs: TIMEOUT_MS,
        position: () => TOP,
        brokerMs: clock.wall,
        gap: (_membership, reason) => gaps.push(reason),
      },
      membership,
      resume,
    ).subscribe({ next: (reason) => emitted.push(reason), complete: () => emitted.push('end') });
  return { clock, log, pages, membership, gaps, emitted, run };
};

t.test('when the joiner has everything, then the log is not read', async (t) => {
  const { log, emitted, gaps, run, clock } = world();
  run(after(10));
  t.same(emitted, [undefined, 'end']);
  t.same([log.reads, gaps], [[], []]);
  t.equal(clock.pending(), 0);
});

t.test('when the log has what the joiner lacks, then no gap is sent', async (t) => {
  const { log, emitted, gaps, membership, run } = world();
  run(after(4));
  t.same(emitted, [undefined, 'end']);
  t.same([log.reads, gaps], [[1], []]);
  t.equal(membership.position, NO_POSITION);
});

t.test(
  'when the log has trimmed missed messages, then the gap has the position where the log begins',
  async (t) => {
    const { log, emitted, gaps, membership, run } = world();
    log.first = 7;
    run(after(4));
    t.same(gaps, ['expired']);
    t.same(emitted, ['expired', 'end']);
    t.match(membership.position, { tag: 1, offset: 6 });
  },
);

t.test('when the id is of another epoch, then the gap is sent at once', async (t) => {
  const { emitted, gaps, run } = world();
  run(after(4, 2));
  t.same(gaps, ['log_lost']);
  t.same(emitted, ['log_lost', 'end']);
});

t.test('when an earlier page lacks the id, then a fresh page decides', async (t) => {
  const { clock, log, pages, emitted, gaps, run } = world();
  pages.at(1).subscribe();
  clock.advance(10);
  log.top = topAt(1, 12);
  run(after(12));
  t.same(log.reads, [1, 1]);
  t.same([emitted, gaps], [[undefined, 'end'], []]);
  run(after(13));
  t.same(gaps, ['unknown_id'], 'the fresh page lacks this one');
});

t.test('when the log fails or does not answer in time, then no gap is sent', async (t) => {
  const { clock, log, emitted, gaps, run } = world();
  log.answer = () => NEVER;
  run(after(4));
  clock.advance(TIMEOUT_MS - 1);
  t.same(emitted, []);
  clock.advance(1);
  t.same(emitted, [undefined, 'end']);
  const failed = world();
  failed.log.answer = failing('Unreadable');
  failed.run(after(4));
  t.same(failed.emitted, [undefined, 'end']);
  t.same([gaps, failed.gaps], [[], []]);
  t.equal(clock.pending() + failed.clock.pending(), 0);
});

t.test('when the joiner has gone, then nothing waits for it', async (t) => {
  const { clock, log, emitted, run } = world();
  log.answer = () => NEVER;
  run(after(4)).unsubscribe();
  t.equal(clock.pending(), 0);
  clock.advance(TIMEOUT_MS);
  t.same(emitted, []);
});
