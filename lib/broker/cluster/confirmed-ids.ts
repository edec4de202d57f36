/**
 * The ids that the log is known to have after the channel's position, by offset. The messages are still on
 * their way, or have to be read. When the answer to a later question does not have them, the log went back:
 * Redis was restarted, or a replica took its place. The same is true of the ids of publishes that were acked
 * because the messages came on the channel. But these do not confirm a message: the log has to.
 */
import type { Page } from '../../history/page.js';
import type { LogPosition } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';

export interface ConfirmedIds {
  readonly byOffset: ReadonlyMap<number, string>;
  put(offset: number, id: string): void;
  /** The log should have this id, but has not answered with it. */
  expect(offset: number, id: string): void;
  /** The channel has reached this offset. */
  delete(offset: number): void;
  clear(): void;
  /** The last position of the log that is known: the channel's, or that of one of these ids. */
  furthest(known: LogPosition): LogPosition;
  /** The page of this epoch has another message at the offset of one of these ids. */
  readonly contradicts: (page: Page) => boolean;
}

/** How many are kept until they are received. One more drops all before it: the log can be asked. */
const MAX = 1_024;

export const confirmedIds = (): ConfirmedIds => {
  const ids = new Map<number, string>();
  const expected = new Map<number, string>();
  let offset = 0;
  let last: string | null = null;

  const set = (to: Map<number, string>, at: number, id: string): void => {
    if (to.size >= MAX) to.clear();
    to.set(at, id);
    if (at >= offset) [offset, last] = [at, id];
  };
  const isAt = (of: ReadonlyMap<number, string>, { id, idText }: Publication): boolean =>
    (of.get(id.offset) ?? idText) === idText;

  return {
    byOffset: ids,
    put: (at, id) => set(ids, at, id),
    expect: (at, id) => set(expected, at, id),
    delete: (at) => {
      ids.delete(at);
      expected.delete(at);
    },
    clear: () => {
      ids.clear();
      expected.clear();
      [offset, last] = [0, null];
    },
    furthest: (known) => (offset > known.offset ? { ...known, offset, id: last } : known),
    contradicts: ({ entries }) =>
      ids.size + expected.size > 0 &&
      entries.some((one) => !isAt(ids, one) || !isAt(expected, one)),
  };
};
