/**
 * Which of the messages that wait are believed. Whoever may publish on a channel can write any place into
 * an id, so a place is believed when the log, or an answer of the script that gave it, says the same id.
 * One such word is enough for all that lies before: Redis pushes in order, so behind a message that the log
 * has, every place was heard; a place that was heard once was heard from the script, as the script was
 * heard too.
 *
 *   known   heard                          the log says     believed
 *     5     6 7 8                          8, that id       6 7 8
 *     5     6 7 9                          9, that id       6 7     8 was not heard: the page of the log is read
 *     5     6 7 7' 8                       8, that id       6       which of the two 7 it is, the page says
 *     5     6 7                            8               –       8 is on its way
 *     5     6                              5               –       6 is not the log's: another program's
 *
 * Not so where hearing was interrupted: the message of a place may have been pushed meanwhile, and what was
 * heard there may be anybody's. There each place is believed by its own id alone.
 */
import type { Publication } from '../../protocol/publication.js';
import type { MessageId, LogPosition } from '../../protocol/position.js';

/** Ids by offset, of the epoch that we are in: what the log has there. */
export type ConfirmedIds = ReadonlyMap<number, string>;

interface Queue {
  readonly queue: readonly Publication[];
  readonly known: LogPosition;
  readonly isGlobal: boolean;
}

interface Weighed extends Queue {
  readonly sure: ConfirmedIds;
}

export interface Received extends Weighed {
  /** All that was pushed behind our place was heard. */
  readonly isComplete: boolean;
}

/** Whether an id is a place of this log in this epoch, as far as it says so itself. */
export const isOfLog = (id: MessageId, tag: number, isGlobal: boolean): boolean =>
  id.tag === tag && !id.outside && id.global === isGlobal;

/** By offset, what was heard beyond our place. */
const byOffset = ({ queue, known, isGlobal }: Queue): Map<number, Publication[]> => {
  const byOffsets = new Map<number, Publication[]>();
  for (const publication of queue) {
    const { id } = publication;
    if (!isOfLog(id, known.tag, isGlobal) || id.offset <= known.offset) continue;
    const others = byOffsets.get(id.offset);
    if (others === undefined) byOffsets.set(id.offset, [publication]);
    else if (!others.some((other) => isSame(other, publication))) others.push(publication);
  }
  return byOffsets;
};

/** A push that came twice. */
const isSame = (one: Publication, other: Publication): boolean =>
  one.idText === other.idText && one.payload.equals(other.payload);

const pick = (
  received: readonly Publication[] | undefined,
  id: string | undefined,
): Publication | undefined => {
  if (received === undefined) return undefined;
  const fitting = id === undefined ? received : received.filter(({ idText }) => idText === id);
  return fitting.length === 1 ? fitting[0] : undefined;
};

/** What is believed, from the place behind ours on, without a hole. */
export const confirmedOf = (received: Received): readonly Publication[] => {
  const { queue, known, sure, isGlobal, isComplete } = received;
  if (queue.length === 0 || sure.size === 0) return [];
  const [only] = queue;
  if (queue.length === 1 && only !== undefined) {
    const { id } = only;
    return isOfLog(id, known.tag, isGlobal) &&
      id.offset === known.offset + 1 &&
      sure.get(id.offset) === only.idText
      ? queue
      : [];
  }
  const byOffsets = byOffset(received);
  const run: Publication[] = [];
  let certain = 0;
  for (let offset = known.offset + 1; ; offset++) {
    const id = sure.get(offset);
    const next = isComplete || id !== undefined ? pick(byOffsets.get(offset), id) : undefined;
    if (next === undefined) return run.slice(0, certain);
    run.push(next);
    if (id !== undefined) certain = run.length;
  }
};

/**
 * What is missing up to the log's top. `Nothing`; `Waiting`: all was received, and some of it waits behind a
 * message in doubt; `Coming`: it may be on its way, as answers overtake what is pushed; `Lost`: something
 * behind it was heard, or two were heard at its place, so only the log can tell.
 */
export type Missing = 'Nothing' | 'Waiting' | 'Coming' | 'Lost';

/** After all that is believed was said. */
export const missing = (received: Weighed, top: LogPosition): Missing => {
  const { known } = received;
  if (top.offset <= known.offset) return 'Nothing';
  const byOffsets = byOffset(received);
  const next = known.offset + 1;
  let end = next;
  while (pick(byOffsets.get(end), received.sure.get(end)) !== undefined) end++;
  if ((byOffsets.get(end)?.length ?? 0) > 1) return 'Lost';
  if (end > top.offset) return 'Waiting';
  for (const offset of byOffsets.keys()) if (offset > end && offset <= top.offset) return 'Lost';
  return 'Coming';
};

/**
 * Messages in a row that end with the log's top, each heard once: what to begin with where no place is
 * known yet. Where hearing was interrupted it is the top's own message.
 */
export const endingAt = (
  queue: readonly Publication[],
  top: LogPosition,
  isGlobal: boolean,
  isComplete: boolean,
): readonly Publication[] => {
  const known: LogPosition = { tag: top.tag, offset: 0, ms: 0, id: null };
  const byOffsets = byOffset({ queue, known, isGlobal });
  const run: Publication[] = [];
  for (let offset = top.offset; offset > 0; offset--) {
    const id = offset === top.offset ? (top.id ?? undefined) : undefined;
    const at = pick(byOffsets.get(offset), id);
    if (at === undefined) break;
    run.unshift(at);
    if (!isComplete) break;
  }
  return run;
};

/**
 * The log does not hold what it held: it is another epoch, or has gone back. `then` is where we stood when
 * it was asked.
 */
export const hasChanged = (top: LogPosition, then: LogPosition): boolean =>
  top.tag !== then.tag || isBehind(top, then);

export const isBehind = (top: LogPosition, then: LogPosition): boolean =>
  top.tag === then.tag &&
  (top.offset < then.offset ||
    (top.offset === then.offset && then.id !== null && top.id !== then.id));
