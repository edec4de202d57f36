/**
 * An archive in memory, for specs of its readers: it passes the contract suite of archives. Pods that share a
 * table have the same messages.
 */
import { isLeft, left, right } from 'fp-ts/lib/Either.js';
import { defer, EMPTY, NEVER, of } from 'rxjs';
import type {
  Archive,
  ArchiveError,
  ArchivePage,
  Bound,
  Outcome,
  PageQuery,
} from '../../lib/history/archive/port.js';
import { publicationIn, rowOf } from '../../lib/history/archive/row.js';
import { PAGE_BYTES } from '../../lib/history/page.js';
import { formatId, type Room } from '../../lib/protocol/position.js';
import type { Publication } from '../../lib/protocol/publication.js';

/** The messages of a room in the orders that pages have; an order is made when a page needs it. */
interface Shelf {
  readonly rows: Map<string, Stored>;
  readonly orders: Map<string, readonly Stored[]>;
}

interface Stored {
  readonly publication: Publication;
  readonly bytes: number;
}

export type ArchiveTable = Map<Room, Shelf>;

export const archiveTable = (): ArchiveTable => new Map();

export interface MemoryArchive extends Archive {
  /** While set, every call is answered with it. */
  refused: ArchiveError | undefined;
  /** The pages that were asked for. */
  readonly pages: PageQuery[];
}

const DAY = 86_400_000;
const CLOSED: ArchiveError = { _tag: 'Unavailable', detail: 'the archive is closed' };
const STORED: Outcome = { _tag: 'Stored' };

export const memoryArchive = (table: ArchiveTable): MemoryArchive => {
  const self: MemoryArchive = {
    refused: undefined,
    pages: [],
    event$: NEVER,
    refusal: () => self.refused,
    store: (room, publications) =>
      defer(() =>
        of(
          self.refused === undefined
            ? right(publications.map((one) => put(table, room, one)))
            : left(self.refused),
        ),
      ),
    page: (query) =>
      defer(() => {
        self.pages.push(query);
        return of(self.refused === undefined ? right(pageOf(table, query)) : left(self.refused));
      }),
    prune: (beforeMs) => defer(() => of(right(prune(table, beforeMs)))),
    gauges: () => ({ messages: 0, bytes: 0, pages: 0 }),
    close: () =>
      defer(() => {
        self.refused = CLOSED;
        return EMPTY;
      }),
  };
  return self;
};

export const put = (table: ArchiveTable, room: Room, publication: Publication): Outcome => {
  const row = rowOf(room, publication);
  if (isLeft(row)) return { _tag: 'Poison', detail: row.left };
  if (row.right.from.includes('\u0000')) return { _tag: 'Poison', detail: 'from: a NUL' };
  const read = publicationIn(row.right);
  if (read === undefined) throw new Error('expected the id of a message');
  const shelf = table.get(room) ?? { rows: new Map(), orders: new Map() };
  table.set(room, shelf);
  if (!shelf.rows.has(row.right.id)) {
    const bytes = Buffer.byteLength(row.right.json);
    shelf.rows.set(row.right.id, { publication: read, bytes });
    shelf.orders.clear();
  }
  return STORED;
};

/** Removes whole days; returns how many. */
const prune = (table: ArchiveTable, beforeMs: number): number => {
  const days = new Set<number>();
  for (const { rows, orders } of table.values())
    for (const [id, { publication }] of rows) {
      const day = Math.floor(publication.id.ms / DAY);
      if ((day + 1) * DAY > beforeMs) continue;
      days.add(day);
      rows.delete(id);
      orders.clear();
    }
  return days.size;
};

const byId = (a: Stored, b: Stored): number =>
  a.publication.idText < b.publication.idText ? -1 : 1;
const byOffset = (a: Stored, b: Stored): number =>
  a.publication.id.offset - b.publication.id.offset;

/** The messages that pages of such a bound have, in their order. */
const orderOf = ({ rows, orders }: Shelf, bound: Bound): readonly Stored[] => {
  const name = bound._tag === 'Position' ? `${bound.tag} ${bound.sinceMs ?? 0}` : 'ids';
  const known = orders.get(name);
  if (known !== undefined) return known;
  const all = [...rows.values()];
  const order = bound._tag === 'Position' ? ofEpoch(all, bound) : all.sort(byId);
  orders.set(name, order);
  return order;
};

const ofEpoch = (
  all: readonly Stored[],
  { tag, sinceMs = 0 }: Extract<Bound, { readonly _tag: 'Position' }>,
): readonly Stored[] => {
  const some = all.filter(({ publication: { id } }) => id.tag === tag && id.ms >= sinceMs);
  return some.sort(byOffset);
};

/** Whether a message is before the bound, at it, or after it: below 0, 0, above 0. */
const sideOf = ({ id, idText }: Publication, bound: Bound): number => {
  switch (bound._tag) {
    case 'Position':
      return id.offset - bound.offset;
    case 'Time':
      return id.ms < bound.ms ? -1 : 1;
    case 'Id': {
      const text = formatId(bound.id);
      return idText < text ? -1 : idText > text ? 1 : 0;
    }
  }
};

export const pageOf = (
  table: ArchiveTable,
  { room, direction, bound, limit }: PageQuery,
): ArchivePage => {
  const shelf = table.get(room);
  const order = shelf === undefined ? [] : orderOf(shelf, bound);
  const isAfter = direction === 'After';
  const there = order.filter(({ publication }) =>
    isAfter ? sideOf(publication, bound) > 0 : sideOf(publication, bound) < 0,
  );
  if (!isAfter) there.reverse();
  let bytes = 0;
  let count = 0;
  for (const one of there.slice(0, limit)) {
    bytes += one.bytes;
    if (bytes > PAGE_BYTES && count > 0) break;
    count += 1;
  }
  const entries = there.slice(0, count).map(({ publication }) => publication);
  return { entries: isAfter ? entries : entries.reverse(), more: there.length > count };
};

/** Whether the archive has this message. */
export const has = (table: ArchiveTable, room: Room, { idText }: Publication): boolean =>
  table.get(room)?.rows.has(idText) === true;
