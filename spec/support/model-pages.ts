/** Reading a log of the model of Redis: what it still has, page by page. */
import { isLeft } from 'fp-ts/lib/Either.js';
import { type Page, PAGE_BYTES } from '../../lib/history/index.js';
import { decodePublication } from '../../lib/protocol/channel-payload.js';
import { payloadOf } from '../../lib/protocol/payload.js';
import type { LogPosition, Room } from '../../lib/protocol/position.js';
import type { Publication } from '../../lib/protocol/publication.js';
import type { Entry, Log, Witnessed } from './model-redis-port.js';

interface PagesOptions {
  readonly trimmed: Witnessed['trimmed'] | undefined;
  readonly now: () => number;
  readonly logMessages: number;
  readonly logTtlMs: number;
}

export const topOf = ({ tag, offset, ms, id }: Log): LogPosition => ({ tag, offset, ms, id });

export const modelPages = ({ now, logMessages, logTtlMs, trimmed }: PagesOptions) => {
  const publications = new Map<string, Publication>();

  /** The entries that readers get: within the bounds of number and age. */
  const kept = (room: Room, { tag, offset, entries }: Log): readonly Entry[] => {
    const oldest = now() - logTtlMs;
    const some = entries.filter(
      (entry) => entry.offset > offset - logMessages && entry.ms >= oldest,
    );
    const first = some[0]?.offset ?? offset + 1;
    if (first > 1) trimmed?.(room, tag, first);
    return some;
  };

  const publicationOf = (room: Room, { id, rest }: Entry): Publication => {
    const known = publications.get(id);
    if (known !== undefined) return known;
    const read = decodePublication(Buffer.from(payloadOf(id, rest)), room);
    if (isLeft(read)) throw new Error(read.left);
    publications.set(id, read.right);
    return read.right;
  };

  const pageOf = (room: Room, log: Log, from: number, most: number): Page => {
    const all = kept(room, log);
    const entries: Publication[] = [];
    let bytes = 0;
    for (const entry of all) {
      if (entry.offset < from) continue;
      if (entries.length >= most) break;
      const publication = publicationOf(room, entry);
      bytes += payloadOf(entry.id, entry.rest).length;
      if (bytes > PAGE_BYTES && entries.length > 0) break;
      entries.push(publication);
    }
    const first = all[0]?.offset ?? log.offset + 1;
    const beforeMs = log.entries.find(({ offset }) => offset === first - 1)?.ms;
    const { begunMs, renewedMs } = log;
    const times = renewedMs === undefined ? { begunMs } : { begunMs, renewedMs };
    const page = { top: topOf(log), first, entries, ...times };
    return first > log.offset || beforeMs === undefined ? page : { ...page, beforeMs };
  };

  return { kept, pageOf };
};
