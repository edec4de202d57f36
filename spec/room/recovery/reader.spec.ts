/** One joiner that reads the log: slices as the client takes them, gaps, and a log that fails. */
import { NEVER, Subject } from 'rxjs';
import t from 'tap';
import type { Connection, Membership } from '../../../lib/connection/connection.js';
import { pageCache, type Slice } from '../../../lib/history/page-cache.js';
import { NO_POSITION } from '../../../lib/protocol/position.js';
import type { Resume } from '../../../lib/protocol/resume.js';
import type { GapReason } from '../../../lib/protocol/system-event.js';
import { reader, type Recovered } from '../../../lib/room/recovery/reader.js';
import { turnQueue } from '../../../lib/room/recovery/turn-queue.js';
import { topAt } from '../../support/channel-world.js';
import { after, failing, pageLog } from '../../support/page-log.js';
import { virtualClock } from '../../support/virtual-clock.js';

const TIMEOUT_MS = 2_000;

const world = () => {
  const clock = virtualClock();
  const log = pageLog(topAt(1, 10));
  const taken$ = new Subject<void>();
  /** What the client was sent, and what the reader emitted. */
  const sent: unknown[] = [];
  const outbox = {
    messages: 0,
    taken$,
    send: ({ count, last }: Slice) => void sent.push(`${count} up to ${last.offset}`),
  };
  const membership: Membership = {
    connection: { outbox } as unknown as Connection,
    room: 'r',
    position: NO_POSITION,
    joinSeq: 0,
    isJoining: false,
    mayPublish: true,
    unansweredJoins: 1,
  };
  const self = { position: topAt(1, 10), emitted: [] as Recovered[] };
  const run = (resume: Resume, foretold?: GapReason) =>
    reader(
      {
        room: 'r',
        epochs: undefined,
        isGlobal: false,
        clock,
        pages: pageCache(log, 'r', clock),
        tail: { add: () => undefined, from: () => undefined, clear: () => undefined },
        turns: turnQueue(clock, 8),
        most: { messages: 4, bytes: 1_000 },
        timeoutMs: TIMEOUT_MS,
        position: () => self.position,
        brokerMs: clock.wall,
        gap: ({ position }, reason) => sent.push(`gap ${reason} at ${position.offset}`),
      },
      membership,
      resume,
      foretold,
    ).subscribe((recovered) => self.emitted.push(recovered));
  return Object.assign(self, { clock, log, taken$, outbox, sent, run });
};

t.test('when the joiner has everything, then it is a member at once', async (t) => {
  const w = world();
  w.run(after(10));
  t.same(w.emitted, [{ at: topAt(1, 10), messages: 0, gap: undefined }]);
  t.same([w.log.reads, w.sent], [[], []]);
});

t.test('when the client takes what it was sent, then the next slice goes out', async (t) => {
  const w = world();
  w.run(after(1));
  t.same(w.sent, ['4 up to 5']);
  w.outbox.messages = 4;
  w.clock.advance(1_000);
  t.same(w.sent, ['4 up to 5'], 'the client has not taken it');
  w.outbox.messages = 0;
  w.taken$.next();
  w.clock.advance(1);
  t.same(w.sent, ['4 up to 5', '4 up to 9', '1 up to 10']);
  t.match(w.emitted, [{ at: { offset: 10 }, messages: 9 }]);
  t.equal(w.clock.pending(), 0);
});

t.test('when messages are trimmed, then a gap comes before the first message', async (t) => {
  const w = world();
  w.log.first = 8;
  w.run(after(1));
  t.same(w.sent, ['gap expired at 7', '3 up to 10']);
  t.match(w.emitted, [{ messages: 3, gap: 'expired' }]);
  const foretold = world();
  foretold.log.first = 8;
  foretold.run(after(1), 'expired');
  t.same(foretold.sent, ['3 up to 10'], 'a gap that was foretold is not sent again');
  t.match(foretold.emitted, [{ messages: 3, gap: 'expired' }]);
});

t.test('when the log does not answer for a while, then it is asked again', async (t) => {
  const w = world();
  const { answer } = w.log;
  w.log.answer = failing('Unreachable');
  w.run(after(8));
  w.clock.advance(500);
  t.same([w.sent, w.emitted], [[], []]);
  t.ok(w.log.reads.length > 1);
  w.log.answer = answer;
  w.clock.advance(1_000);
  t.same(w.sent, ['2 up to 10']);
});

t.test('when the log does not answer in time, then the joiner is sent a gap', async (t) => {
  const w = world();
  w.log.answer = failing('Unreachable');
  w.run(after(8));
  w.clock.advance(TIMEOUT_MS - 1);
  t.same(w.emitted, []);
  w.clock.advance(1_001);
  t.same(w.sent, ['gap broker_outage at 10']);
  t.match(w.emitted, [{ at: { offset: 10 }, messages: 0, gap: 'broker_outage' }]);
  const unreadable = world();
  unreadable.log.answer = failing('Unreadable');
  unreadable.run(after(8));
  t.same(unreadable.sent, ['gap broker_outage at 10'], 'at once, as it does not pass by itself');
});

t.test(
  'when the log fails for a moment in a long recovery, then the joiner misses nothing',
  async (t) => {
    const w = world();
    w.log.most = 4;
    w.run(after(1));
    w.outbox.messages = 4;
    w.clock.advance(TIMEOUT_MS + 1_000);
    const { answer } = w.log;
    w.log.answer = failing('Unreachable');
    w.outbox.messages = 0;
    w.taken$.next();
    w.clock.advance(500);
    w.log.answer = answer;
    w.clock.advance(1_000);
    t.same(
      w.sent.filter((one) => String(one).startsWith('gap')),
      [],
    );
    t.match(w.emitted, [{ at: { offset: 10 }, messages: 9, gap: undefined }]);
  },
);

t.test('when the log is behind the members, then the page is read again', async (t) => {
  const w = world();
  w.position = topAt(1, 12);
  w.run(after(9));
  w.clock.advance(0);
  t.same(w.sent, ['1 up to 10']);
  w.log.top = topAt(1, 12);
  w.clock.advance(1_000);
  t.same(w.sent, ['1 up to 10', '2 up to 12']);
  t.match(w.emitted, [{ at: { offset: 12 }, messages: 3 }]);
});

t.test('when the joiner has gone, then nothing waits for it', async (t) => {
  const w = world();
  w.log.answer = failing('Unreachable');
  w.run(after(8)).unsubscribe();
  t.equal(w.clock.pending(), 0);
  w.log.answer = () => NEVER;
  w.outbox.messages = 1;
  w.run(after(8)).unsubscribe();
  t.notOk(w.taken$.observed);
});
