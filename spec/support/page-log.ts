/** The log of one room, as pages of a spec: its answers can fail, be given later, or change. */
import { left, right } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import type { Log, LogError } from '../../lib/history/index.js';
import type { Page } from '../../lib/history/page.js';
import type { LogPosition } from '../../lib/protocol/position.js';
import { type Resume, resumeAfter } from '../../lib/protocol/resume.js';
import { at } from './channel-world.js';

export interface PageLog extends Log {
  top: LogPosition;
  /** The oldest offset that can be read. */
  first: number;
  /** A page ends after this many messages, as with large messages. */
  most: number;
  /** The answer of a read; by default the page, at once. */
  answer: (page: Page) => ReturnType<Log['page']>;
  /** The offsets that were asked for. */
  readonly reads: number[];
}

const entriesFrom = (log: PageLog, from: number, most: number): Page['entries'] => {
  const { tag, offset } = log.top;
  const begin = Math.max(from, log.first);
  const length = Math.max(0, Math.min(offset + 1 - begin, most, log.most));
  return Array.from({ length }, (_, i) => at(tag, begin + i));
};

export const pageLog = (top: LogPosition, first = 1): PageLog => {
  const self: PageLog = {
    top,
    first,
    most: Number.POSITIVE_INFINITY,
    answer: (page) => of(right(page)),
    reads: [],
    page: (_room, from, most) => {
      self.reads.push(from);
      const entries = entriesFrom(self, from, most);
      return self.answer({ top: self.top, first: self.first, entries });
    },
  };
  return self;
};

/** A joiner that has the messages of room `r` up to this offset. */
export const after = (offset: number, tag = 1): Resume => {
  const resume = resumeAfter(at(tag, offset).idText);
  if (resume === undefined) throw new Error('expected an id of a log');
  return resume;
};

/** The answer of a log that cannot be read. */
export const failing = (_tag: LogError['_tag']) => (): ReturnType<Log['page']> =>
  of(left({ _tag, detail: 'refused' }));
