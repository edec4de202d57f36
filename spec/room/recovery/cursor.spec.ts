/** The steps of a recovery cursor, as tables: a cursor and what it sees, then its moves and where it is afterwards. */
import t from 'tap';
import { SharedPage, type Slice } from '../../../lib/history/page-cache.js';
import { formatId, type LogPosition } from '../../../lib/protocol/position.js';
import { draftOf, type Publication, publicationOf } from '../../../lib/protocol/publication.js';
import { LAG_MS, OVERLAP_MS, resumeAfter, type Resume } from '../../../lib/protocol/resume.js';
import {
  begin,
  entered,
  giveUp,
  more,
  next,
  type Reading,
  seek,
  type Seeking,
  start,
  type Step,
} from '../../../lib/room/recovery/cursor.js';

const TAG = 9;

const entry = (offset: number, tag = TAG): Publication => {
  const draft = draftOf({ room: 'r', type: 'chat', from: 'a', data: offset, at: 1 });
  if (draft._tag === 'Left') throw new Error(draft.left.text);
  const id = { tag, offset, ms: offset, global: false, outside: false, nonce: 0 };
  return publicationOf(draft.right, id);
};

const positionAt = (offset: number, tag = TAG): LogPosition => ({
  tag,
  offset,
  ms: offset,
  id: offset === 0 ? null : entry(offset, tag).idText,
});

/** A page with the entries from `first` to `last`, of a log with the position `top`. */
const pageOf = (first: number, last: number, top = last, tag = TAG, askedAt = 10): SharedPage => {
  const entries = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) =>
    entry(first + i, tag),
  );
  return new SharedPage(1, { top: positionAt(top, tag), first, entries }, askedAt);
};

const afterId = (offset: number, tag = TAG): Resume => {
  const id = { tag, offset, ms: offset, global: false, outside: false, nonce: 0 };
  return resumeAfter(formatId(id)) ?? { _tag: 'Since', ms: 0 };
};

const seeking = (resume: Resume): Seeking => seek(resume, false, 10, 1_000_000);

const reading = (offset: number, over: Partial<Reading> = {}): Reading => ({
  _tag: 'Reading',
  resume: afterId(1),
  at: positionAt(offset - 1),
  offset,
  page: undefined,
  isReread: false,
  ...over,
});

/** A step in short: its moves, then the next offset and the position. */
const short = ([cursor, ...moves]: Step): readonly string[] => [
  ...moves.map((move) => {
    switch (move._tag) {
      case 'Gap':
        return `Gap ${move.reason}`;
      case 'Send':
        return `Send ${move.slice.count} up to ${move.slice.last.offset}`;
      case 'Read':
        return `Read ${move.offset}${move.stale === undefined ? '' : ' anew'}`;
      case 'Retry':
        return `Retry ${move.offset}`;
      case 'Met':
        return `Met at ${move.at.offset}`;
      default:
        return move._tag;
    }
  }),
  cursor._tag === 'Seeking' ? 'seeking' : `next ${cursor.offset}, at ${cursor.at.offset}`,
];

for (const [title, resume, page, expected] of [
  [
    'when the page has the entry of the id, then reading begins behind it',
    afterId(3),
    pageOf(1, 5),
    ['Wait', 'next 4, at 3'],
  ],
  [
    'when the messages after the id are trimmed, then a gap comes before the first message',
    afterId(2),
    pageOf(4, 6),
    ['Gap expired', 'Wait', 'next 4, at 3'],
  ],
  [
    'when the id is the last of a quiet log without entries, then nothing is missing',
    afterId(5),
    pageOf(6, 5),
    ['Wait', 'next 6, at 5'],
  ],
  [
    'when a page from before the joiner lacks the id, then it is read anew',
    afterId(6),
    pageOf(1, 5, 5, TAG, 9),
    ['Read 6 anew', 'seeking'],
  ],
  [
    'when a fresh page lacks the id, then the joiner is told `unknown_id` and goes on with the members',
    afterId(6),
    pageOf(1, 5),
    ['Gap unknown_id', 'Met at 7', 'next 8, at 7'],
  ],
  [
    'when the log has another epoch, then the joiner is told `log_lost`',
    afterId(3, 8),
    pageOf(1, 5),
    ['Gap log_lost', 'Met at 7', 'next 8, at 7'],
  ],
  [
    'when a resume by time needs older messages than the page has, then the page before is read',
    { _tag: 'Since', ms: 2 + OVERLAP_MS } as const,
    new SharedPage(4, { top: positionAt(5), first: 1, entries: [entry(4), entry(5)] }, 10),
    ['Read 3', 'seeking'],
  ],
] as const)
  t.test(`begin: ${title}`, async (t) =>
    t.same(short(begin(seeking(resume), page, positionAt(7))), expected),
  );

const MINUTES = 10 * OVERLAP_MS;
const begunAt = (begunMs: number, top: number): SharedPage => {
  const log = { top: { ...positionAt(top), ms: MINUTES }, first: 1, begunMs };
  return new SharedPage(1, { ...log, entries: top === 0 ? [] : [entry(1)] }, 10);
};

for (const [title, ms, page, expected] of [
  ['the epoch began later', OVERLAP_MS, begunAt(1, 1), ['Epochs', 'seeking']],
  ['it has no message', MINUTES, begunAt(MINUTES - OVERLAP_MS, 0), ['Epochs', 'seeking']],
  ['it began earlier', MINUTES, begunAt(MINUTES - OVERLAP_MS - 1, 0), ['Wait', 'next 1, at 0']],
  ['the time is wrong', 0, begunAt(MINUTES, 0), ['Wait', 'next 1, at 0']],
] as const)
  t.test(
    `begin: when an archive has earlier epochs, and ${title}, then it is asked if needed`,
    async (t) => {
      const cursor: Seeking = { ...seeking({ _tag: 'Since', ms }), isArchived: true };
      t.same(short(begin(cursor, page, positionAt(7))), expected);
      t.same(short(begin({ ...cursor, isArchived: false }, page, positionAt(7))).at(0), 'Wait');
    },
  );

t.test(
  'start: when the epoch of the members has no message, then an archive may have some',
  async (t) => {
    const cursor = seeking({ _tag: 'Since', ms: MINUTES });
    const top = { ...positionAt(0), ms: MINUTES };
    t.match(start(cursor, top), { _tag: 'Met' });
    t.match(start({ ...cursor, isArchived: true }, top), { _tag: 'Read', offset: 0 });
    const old = { ...top, ms: MINUTES - OVERLAP_MS - 1 };
    t.match(start({ ...cursor, isArchived: true }, old), { _tag: 'Met' });
  },
);

t.test(
  'entered: when the present epoch is to be read, then the time is not after its beginning',
  async (t) => {
    const page = begunAt(MINUTES - 5, 1);
    for (const resume of [afterId(3, 8), { _tag: 'Since', ms: 7 }] as const) {
      const [cursor] = entered(seeking(resume), page);
      t.match(cursor, { at: { tag: TAG, offset: 0, ms: MINUTES - 5, id: null }, offset: 1 });
    }
    const { top, first, entries } = page;
    const lost = new SharedPage(1, { top, first, entries, renewedMs: 9 }, 10);
    t.same(short(entered(seeking(afterId(3, 8)), lost)).at(0), 'Gap log_lost');
    t.same(
      short(entered(seeking({ _tag: 'Since', ms: 7 }), lost)).at(0),
      'Wait',
      'it was sent first',
    );
  },
);

for (const [title, cursor, page, expected] of [
  [
    'when the page has the next message, then reading goes on',
    reading(4),
    pageOf(1, 5),
    ['Wait', 'next 4, at 3'],
  ],
  [
    'when the next message is trimmed, then a gap comes before the first one that is left',
    reading(4),
    pageOf(6, 8),
    ['Gap expired', 'Wait', 'next 6, at 5'],
  ],
  [
    'when of a resume by time the overlap alone is trimmed, then there is no gap',
    reading(4, { resume: { _tag: 'Since', ms: 6 + LAG_MS } }),
    pageOf(6, 8),
    ['Wait', 'next 6, at 5'],
  ],
  [
    'when of a resume by time more than the overlap is trimmed, then there is a gap',
    reading(4, { resume: { _tag: 'Since', ms: 4 } }),
    pageOf(6, 8),
    ['Gap expired', 'Wait', 'next 6, at 5'],
  ],
  [
    'when the page has another epoch, then the joiner is told `log_lost`',
    reading(4),
    pageOf(1, 5, 5, 8),
    ['Gap log_lost', 'Met at 7', 'next 8, at 7'],
  ],
  [
    'when the log is behind the members, then it is read again later',
    reading(6),
    pageOf(1, 5),
    ['Retry 6', 'next 6, at 5'],
  ],
  [
    'when the log has lost all entries and is behind the members, then a gap comes before the retry',
    reading(4),
    pageOf(6, 5),
    ['Gap expired', 'Retry 6', 'next 6, at 5'],
  ],
  [
    'when the log ends where the members are, then the cursor goes on to meet them',
    reading(8),
    pageOf(1, 7),
    ['Wait', 'next 8, at 7'],
  ],
] as const)
  t.test(`more: ${title}`, async (t) => t.same(short(more(cursor, page, positionAt(7))), expected));

const sliceOf = (from: number, to: number): Slice => ({
  count: to - from + 1,
  bytes: Buffer.alloc(0),
  last: positionAt(to),
});

for (const [title, cursor, members, tail, expected] of [
  [
    'when the joiner has what the members have, then it has met them',
    reading(8),
    positionAt(7),
    undefined,
    ['Met at 7', 'next 8, at 7'],
  ],
  [
    'when the page has more than one slice, then a slice is sent, and the next in a later turn',
    reading(2, { page: pageOf(1, 9) }),
    positionAt(9),
    undefined,
    ['Send 3 up to 4', 'Yield', 'next 5, at 4'],
  ],
  [
    'when a slice reaches the position of the members, then they are met in the same turn',
    reading(5, { page: pageOf(1, 7) }),
    positionAt(7),
    undefined,
    ['Send 3 up to 7', 'Met at 7', 'next 8, at 7'],
  ],
  [
    'when the log is ahead of the members, then no more is sent than the members have',
    reading(5, { page: pageOf(1, 9) }),
    positionAt(6),
    undefined,
    ['Send 2 up to 6', 'Met at 6', 'next 7, at 6'],
  ],
  [
    'when the page has ended and the tail goes on, then the slice is of the tail',
    reading(6, { page: pageOf(1, 5) }),
    positionAt(7),
    sliceOf(6, 7),
    ['Send 2 up to 7', 'Met at 7', 'next 8, at 7'],
  ],
  [
    "when the page was the log's end and the tail lacks the next message, then it is read anew",
    reading(6, { page: pageOf(1, 5) }),
    positionAt(7),
    undefined,
    ['Read 6 anew', 'next 6, at 5'],
  ],
  [
    'when a page in the middle of the log has ended, then the next one is read',
    reading(6, { page: pageOf(1, 5, 9) }),
    positionAt(9),
    undefined,
    ['Read 6', 'next 6, at 5'],
  ],
  [
    'when the members are in another epoch, then the page is read anew',
    reading(6, { page: pageOf(1, 7) }),
    positionAt(3, 8),
    sliceOf(6, 7),
    ['Read 6 anew', 'next 6, at 5'],
  ],
  [
    'when it has been read anew and the epoch still differs, then the members will be told',
    reading(6, { page: pageOf(1, 7), isReread: true }),
    positionAt(3, 8),
    undefined,
    ['Met at 5', 'next 6, at 5'],
  ],
] as const)
  t.test(`next: ${title}`, async (t) => {
    const most = { messages: 3, bytes: 10_000 };
    t.same(short(next(cursor, members, { from: () => tail }, most)), expected);
  });

t.test('when a page was read for the epoch before, then it is read again, once', async (t) => {
  const [cursor] = next(
    reading(6, { page: pageOf(1, 7) }),
    positionAt(3, 8),
    { from: () => undefined },
    { messages: 3, bytes: 10_000 },
  );
  t.match(cursor, { isReread: true });
  if (cursor._tag === 'Reading')
    t.match(more(cursor, pageOf(1, 7), positionAt(7))[0], { isReread: true });
});

t.test(
  'when the log cannot be read, then a gap is sent at the position of the members',
  async (t) => {
    for (const cursor of [seeking(afterId(3)), reading(4)])
      t.same(short(giveUp(cursor, 'broker_outage', positionAt(7))), [
        'Gap broker_outage',
        'Met at 7',
        'next 8, at 7',
      ]);
  },
);

t.test(
  'when a resume has a time in the future, then no message is left out because of its time',
  async (t) => {
    const msAt = (resume: Resume, brokerMs: number | undefined): Resume =>
      seek(resume, false, 0, brokerMs).resume;
    const since = (ms: number): Resume => ({ _tag: 'Since', ms });
    t.same(msAt(since(5), 10), since(5));
    t.same(msAt(since(11), 10), { ...since(10), untoldMs: 10 }, 'within the overlap: now');
    t.same(msAt(since(11 + OVERLAP_MS), 10), since(0), 'beyond it: from the start of the log');
    t.same(msAt(since(11), undefined), since(11), 'the clock is not known');
    t.same(msAt(afterId(3), 0), afterId(3));
  },
);
