/** Where in a log a resume begins, by what a page of it shows. */
import t from 'tap';
import { type ResumePoint, resumePointIn } from '../../lib/history/resume-point.js';
import { publicationOf, draftOf, type Publication } from '../../lib/protocol/publication.js';
import { TIME_OF_OTHER_LOG, formatId, type MessageId } from '../../lib/protocol/position.js';
import { LAG_MS, OVERLAP_MS, resumeAfter, type Resume } from '../../lib/protocol/resume.js';

const entry = (offset: number, ms = offset, nonce = 0): Publication => {
  const draft = draftOf({ room: 'r', type: 'chat', from: 'a', data: 1, at: 1 });
  if (draft._tag === 'Left') throw new Error(draft.left.text);
  return publicationOf(draft.right, { tag: 9, offset, ms, global: false, outside: false, nonce });
};
const idAt = (id: Partial<MessageId>): Resume => {
  const whole = { tag: 9, offset: 1, ms: 1, global: false, outside: false, nonce: 0, ...id };
  return resumeAfter(formatId(whole)) ?? { _tag: 'Since', ms: 0 };
};
const page = (first: number, last: number, top = last) => ({
  top: { tag: 9, offset: top, ms: top, id: top === 0 ? null : entry(top).idText },
  first,
  entries: Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => entry(first + i)),
});
const from = (offset: number, gap?: 'expired'): ResumePoint => ({ _tag: 'From', offset, gap });
const lost = (gap: 'log_lost' | 'unknown_id'): ResumePoint => ({ _tag: 'Lost', gap });

const outcomeOf = (point: ResumePoint): string => {
  switch (point._tag) {
    case 'From':
      return `reading begins at ${point.offset}${point.gap === undefined ? '' : `, behind a gap: ${point.gap}`}`;
    case 'Lost':
      return `it is lost: ${point.gap}`;
    case 'Earlier':
      return `the page of ${point.offset} is read`;
  }
};

for (const [what, resume, of, expected] of [
  ['after an entry', idAt({ offset: 3, ms: 3 }), page(1, 5), from(4)],
  ['another epoch', idAt({ tag: 8, offset: 3, ms: 3 }), page(1, 5), lost('log_lost')],
  ['of the other log', idAt({ offset: 3, ms: 3, global: true }), page(1, 5), lost('unknown_id')],
  ['beyond the top', idAt({ offset: 6, ms: 6 }), page(1, 5), lost('unknown_id')],
  ['another message there', idAt({ offset: 3, ms: 3, nonce: 1 }), page(1, 5), lost('unknown_id')],
  [
    'outside, of that place',
    idAt({ offset: 3, ms: 3, outside: true, nonce: 7 }),
    page(1, 5),
    from(4),
  ],
  [
    'outside, older than the entry',
    idAt({ offset: 3, ms: 2, outside: true }),
    page(1, 5),
    lost('unknown_id'),
  ],
  [
    'outside, with the time of the other log, which was behind',
    idAt({ offset: 3, ms: 2, outside: true, nonce: TIME_OF_OTHER_LOG }),
    page(1, 5),
    from(4),
  ],
  ['its entry is trimmed', idAt({ offset: 2, ms: 2 }), page(3, 5), from(3, 'expired')],
  ['before the first message', idAt({ offset: 0, ms: 0, outside: true }), page(1, 5), from(1)],
  [
    'before the first message, which is trimmed',
    idAt({ offset: 0, ms: 0 }),
    page(2, 5),
    from(2, 'expired'),
  ],
  ['in an empty log', idAt({ offset: 0, ms: 0 }), page(1, 0), from(1)],
  ['a quiet room whose messages are gone', idAt({ offset: 5, ms: 5 }), page(6, 5), from(6)],
  [
    'the same, another message',
    idAt({ offset: 5, ms: 5, nonce: 3 }),
    page(6, 5),
    lost('unknown_id'),
  ],
  [
    'the same, from outside the log, and somebody came or went since',
    idAt({ offset: 5, ms: 6, outside: true, nonce: 3 }),
    { ...page(6, 5), top: { ...page(6, 5).top, ms: 9 } },
    from(6),
  ],
  [
    'by time, all of older is gone, and somebody came or went since',
    { _tag: 'Since', ms: 6 + LAG_MS },
    { ...page(6, 5), top: { ...page(6, 5).top, ms: 9 } },
    from(6),
  ],
  ['by time, in the page', { _tag: 'Since', ms: 3 + OVERLAP_MS }, page(1, 5), from(3)],
  ['by time, nothing that young', { _tag: 'Since', ms: 6 + OVERLAP_MS }, page(1, 5), from(6)],
  [
    'by time, of the overlap some is trimmed',
    { _tag: 'Since', ms: 3 + LAG_MS },
    page(3, 5),
    from(3),
  ],
  ['by time, more is trimmed', { _tag: 'Since', ms: 2 + LAG_MS }, page(3, 5), from(3, 'expired')],
  [
    'by time, and what is trimmed was said before it',
    { _tag: 'Since', ms: 2 + LAG_MS },
    { ...page(3, 5), beforeMs: 1 },
    from(3),
  ],
  [
    'by time, and what is trimmed was said after it',
    { _tag: 'Since', ms: 2 + LAG_MS },
    { ...page(3, 5), beforeMs: 2 },
    from(3, 'expired'),
  ],
  ['by time, all of a whole log', { _tag: 'Since', ms: 0 }, page(1, 5), from(1)],
  ['by time, all of a trimmed log', { _tag: 'Since', ms: 2 }, page(3, 5), from(3, 'expired')],
  ['by time, and all is gone', { _tag: 'Since', ms: 2 }, page(6, 5), from(6, 'expired')],
  ['by time, and all of older is gone', { _tag: 'Since', ms: 6 + LAG_MS }, page(6, 5), from(6)],
] as const) {
  t.test(`when a resume is: ${what}, then ${outcomeOf(expected)}`, async (t) =>
    t.same(resumePointIn(resume, of, false), expected),
  );
}
