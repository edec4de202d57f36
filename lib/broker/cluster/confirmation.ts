/**
 * Which of the messages that wait are confirmed. Any program that may publish on a channel can write any
 * offset into an id. So an offset is confirmed when the log has the same id at this offset, or when the
 * script of a publish answered with this id. One confirmed id also confirms all messages before it, when
 * one message was received for each offset: Redis pushes in order, so all of the script's messages before a
 * confirmed one were received. So when only one message was received with an offset, it is the script's.
 *
 *   known   received                       the log says     confirmed
 *     5     6 7 8                          8, that id       6 7 8
 *     5     6 7 9                          9, that id       –       8 was not received: the page is read
 *     5     6 7 7' 8                       8, that id       –       the page shows which 7 is the right one
 *     5     6 7                            8               –       8 is on its way
 *     5     6                              5               –       6 is not the log's: another program's
 *
 * When the channel was unsubscribed for a while, each offset needs the confirmation of its own id. The
 * script's message may have been pushed in that time, and the message that was received with its offset may
 * be another program's.
 */
import type { Publication } from '../../protocol/publication.js';
import type { MessageId, LogPosition } from '../../protocol/position.js';
import type { ConfirmedIds } from './confirmed-ids.js';

interface Queue {
  readonly queue: readonly Publication[];
  readonly known: LogPosition;
  readonly isGlobal: boolean;
}

interface Weighed extends Queue {
  readonly sure: ConfirmedIds['byOffset'];
}

export interface Received extends Weighed {
  /** Everything that was pushed after the channel's position was received. */
  readonly isComplete: boolean;
}

/** Whether an id claims to be of this log and this epoch. */
export const isOfLog = (id: MessageId, tag: number, isGlobal: boolean): boolean =>
  id.tag === tag && !id.outside && id.global === isGlobal;

/** The messages beyond the channel's position, by offset. */
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

/** The same push, received twice. */
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

/** The confirmed messages in order, from the offset after the channel's position on, without a hole. */
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
 * What is missing up to the log's position. `Nothing`: no message is missing. `Waiting`: all messages were
 * received, and some wait behind a message in doubt. `Coming`: the missing message may be on its way, as
 * answers overtake pushes. `Lost`: a message after the missing one was received, or two messages with its
 * offset, so the log must be read.
 */
export type Missing = 'Nothing' | 'Waiting' | 'Coming' | 'Lost';

/** To be called when all confirmed messages are delivered. */
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
 * The messages with consecutive offsets up to the log's last message, when one message was received for each
 * offset. After a gap the channel goes on with them. When the channel was unsubscribed for a while, only the
 * last message counts.
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
 * The log has lost what it had: it has another epoch, or went back. `then`: the last position that was known
 * of it when it was asked.
 */
export const hasChanged = (top: LogPosition, then: LogPosition): boolean =>
  top.tag !== then.tag || isBehind(top, then);

export const isBehind = (top: LogPosition, then: LogPosition): boolean =>
  top.tag === then.tag &&
  (top.offset < then.offset ||
    (top.offset === then.offset && then.id !== null && top.id !== then.id));
