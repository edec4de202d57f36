/**
 * One client's stay in one room over one connection: its position, and whether a message is the next one, a
 * repeat, after a hole, or of an epoch that has ended. It keeps a few numbers, and what came outside the log.
 */
import type { MessageId, Room } from '../../../lib/protocol/position.js';
import { type Position, positionText, roomText } from './frame.js';
import type { Order } from './order.js';
import type { Findings, Tag } from './violation.js';
import type { SentMessage, ReceivedMessage } from './message.js';

/** Where it resumes: after an id, or after a time. */
export type Resumed =
  | {
      readonly _tag: 'After';
      readonly id: MessageId;
      readonly message: ReceivedMessage | undefined;
    }
  /** Messages trimmed before `dueMs` are no loss: the client had them. */
  | { readonly _tag: 'Since'; readonly ms: number; readonly dueMs: number };

export interface StayDeps {
  readonly client: string;
  readonly pod: string;
  readonly order: Order;
  readonly findings: Findings;
  readonly resumed: Resumed | undefined;
  readonly askedAt: number;
  readonly counts: DeliveryCounts;
  /** How far the client came in each epoch of the room, over all its connections. */
  readonly reached: Map<number, number>;
  readonly isTrimmed: (tag: number, offset: number) => boolean;
  /** Its position when its connection ended, for the global log. */
  readonly left: Position | undefined;
  /**
   * The stay of an application, over many connections. A message of the fallback may come again from another
   * pod, a pod may be behind another, and after a gap an offset may belong to another message.
   */
  readonly overMany?: boolean;
}

/** Counted over all stays. */
export interface DeliveryCounts {
  delivered: number;
  /** Messages that came again after a resume. */
  repeats: number;
  /** Messages of an epoch that has ended, which were on their way. */
  strays: number;
  /**
   * Messages outside the log whose position is earlier than the client's: a resume from there repeats
   * messages and loses none.
   */
  behind: number;
  /** Offsets that are missing after a `gap`. */
  missedWithGap: number;
  recovered: number;
}

export interface Hole {
  readonly tag: number;
  readonly from: number;
  readonly to: number;
}

export interface Stay {
  readonly client: string;
  readonly pod: string;
  readonly room: Room;
  readonly resumed: Resumed | undefined;
  readonly askedAt: number;
  readonly joinedAt: () => number | undefined;
  /** Whether `joined` came with `scope: "pod"`, and no message of the log since. */
  readonly onPod: () => boolean;
  /** The position in `joined`. */
  readonly base: () => Position | undefined;
  readonly position: () => Position | undefined;
  /** Whether a gap came, and no message of the log since. */
  readonly isLoose: () => boolean;
  readonly last: () => ReceivedMessage | undefined;
  readonly gapAt: () => number | undefined;
  readonly received: (message: ReceivedMessage, at: number) => void;
  /** A control message that shows the position. */
  readonly shown: (id: MessageId, at: number) => void;
  /** `id`: the position after the gap; undefined when the frame has a position of another log. */
  readonly gap: (id: MessageId | undefined, reason: string, at: number) => void;
  readonly joined: (
    id: MessageId,
    recovered: number | undefined,
    onPod: boolean,
    at: number,
  ) => void;
  readonly hasReceived: (sent: SentMessage) => boolean;
  /** A message of the fallback on this pod: this stay must get it. */
  readonly owe: (sent: SentMessage, at: number) => void;
  readonly owed: () => ReadonlySet<SentMessage>;
  /** Whether something can still be found at the end. */
  readonly isOpen: () => boolean;
  /** Judges the holes, when all is known. */
  readonly judge: (at: number) => void;
  /**
   * Reports messages that the log has and that this stay should have got. `had`: the last id of the epoch at
   * that time, for an application.
   */
  readonly missing: (hole: Hole, at: number, what: string, had?: string) => void;
}

/** How many messages are recognised by the whole id. */
const RECENT = 256;
/** A hole is searched up to this many offsets. */
const SEARCHED = 4_096;

export const stay = (deps: StayDeps): Stay => {
  const { client, pod, order, findings, resumed, askedAt, counts, reached } = deps;
  const { room } = order;
  const { overMany = false } = deps;
  /** The messages of the fallback that the client got. */
  const outside = new Set<SentMessage>();
  const owed = new Set<SentMessage>();
  /**
   * Positions of other epochs that it got. A resume from a position that never existed gets `gap`, so it
   * loses nothing.
   */
  const others: { readonly id: Position; readonly from: Position; readonly at: number }[] = [];
  const tops = new Map<number, number>();
  /** The numbers of the last messages. */
  const recent = new Set<number>();
  /**
   * Over many connections: the last id of each epoch. A pod that is behind sends messages from before it: the
   * application had them, or got a gap for them.
   */
  const far = new Map<number, string>();
  /** The holes, and how they were noticed. Which messages belong there may be known only later. */
  const holes: Parameters<Stay['missing']>[] = [];
  const after = resumed?._tag === 'After' ? resumed : undefined;
  /** The offset that the client had reached in each epoch before this stay. */
  const cameTo = new Map(reached);
  let position: Position | undefined = after?.id;
  let base: Position | undefined;
  let first: Position | undefined;
  let last: ReceivedMessage | undefined = after?.message;
  /** The last message of any kind, for the order. */
  let before: ReceivedMessage | undefined = after?.message;
  let loose = false;
  let onPod = false;
  let joinedAt: number | undefined;
  let gapAt: number | undefined;
  let replayed = 0;

  const found = (tag: Tag, text: string, at: number): void =>
    findings.add({ tag, client, room, text: `at ${positionOr(position)} ${text}`, at });

  const pass = (hole: Hole, how: string, at: number): void => {
    holes.push([hole, at, `at ${positionOr(position)} ${how}`, far.get(hole.tag) ?? '']);
  };

  const isOver = ({ tag }: Position): boolean =>
    position !== undefined && tag !== position.tag && order.isOlder(tag, position.tag);

  const inLog = (message: ReceivedMessage, at: number): void => {
    const { id, sent } = message;
    const { tag, offset } = id;
    if (isOver(id)) {
      counts.strays++;
      return;
    }
    order.sawTag(tag);
    onPod = false;
    if (joinedAt === undefined) replayed++;
    if (offset <= (reached.get(tag) ?? 0) && order.at(tag, offset) === message) counts.repeats++;
    const top = tops.get(tag);
    let next = false;
    const again = recent.has(message.n);
    recent.add(message.n);
    if (recent.size > RECENT) for (const oldest of recent) if (recent.delete(oldest)) break;
    // messages that waited for a log without an answer are dropped at once, after one gap: Redis may have
    // gone back meanwhile
    const letGo = gapAt === at && !again;
    if (top !== undefined && offset <= top) {
      if (letGo) {
        counts.strays++;
        return;
      }
      const how = again ? 'again' : 'under another id, in the same epoch';
      found('I2', `heard ${positionText(id)} ${how}`, at);
    } else if (position === undefined || loose || letGo) {
      if (position?.tag === tag && top !== undefined) counts.missedWithGap += offset - top - 1;
      next = position?.tag === tag && offset === position.offset + 1 && !loose;
    } else if (tag !== position.tag) {
      found('I1', `heard ${positionText(id)} of another epoch without a gap`, at);
    } else if (offset <= position.offset) {
      // in a handover, the second pod may be behind the first one
      const isEarly = overMany && !(after?.id.tag === tag && offset <= after.id.offset);
      if (!isEarly) found('I2', `heard ${positionText(id)}, which it had passed`, at);
    } else if (offset > position.offset + 1) {
      // earlier messages of the fallback pass without an event
      pass({ tag, from: position.offset + 1, to: offset - 1 }, `heard ${positionText(id)}`, at);
    } else next = true;
    if (!overMany && sent !== undefined && outside.has(sent) && sent.sends === 1)
      found('I2', `heard ${sent.data} twice: outside the log, and as ${positionText(id)}`, at);
    if (last !== undefined && next) order.follows(last, message, true, client, at);
    else if (before !== undefined && !loose) order.follows(before, message, false, client, at);
    if (next && before !== undefined && before !== last)
      order.follows(before, message, false, client, at);
    first ??= id;
    position = { tag, offset };
    loose = false;
    last = message;
    before = message;
    tops.set(tag, Math.max(top ?? 0, offset));
    if (overMany) far.set(tag, message.idText);
    reached.set(tag, Math.max(reached.get(tag) ?? 0, offset));
  };

  const shown = (id: Position, at: number): void => {
    if (position === undefined || loose || gapAt === at || isOver(id)) return;
    if (id.tag !== position.tag) others.push({ id, from: position, at });
    else if (id.offset > position.offset)
      pass(
        { tag: id.tag, from: position.offset + 1, to: id.offset },
        `was shown ${positionText(id)}`,
        at,
      );
    else if (id.offset < position.offset) counts.behind++;
  };

  const isBehind = ({ tag, offset }: Position): boolean =>
    position !== undefined && tag === position.tag && offset < position.offset;

  const onThePod = (message: ReceivedMessage, sent: SentMessage, at: number): void => {
    // when it is sent again on another pod, Redis takes it for another message; the first one may come as a
    // foreign one
    const isResaid = overMany || (message.stray && sent.sends > 1);
    if (outside.has(sent) && !isResaid) found('I2', `heard ${sent.data} twice outside the log`, at);
    if (!overMany && sent.logged !== undefined && sent.logged === last && sent.sends === 1)
      found('I2', `heard ${sent.data} twice: in the log, and outside it`, at);
    outside.add(sent);
    owed.delete(sent);
    // a client that came from a pod that was further already has what the members here get later
    if (isBehind(message.id)) return;
    if (before !== undefined) order.follows(before, message, false, client, at);
    before = message;
  };

  /** Whether a message that was trimmed is one that the client had, or for which it got a gap. */
  const isRepeat = (tag: number, offset: number): boolean =>
    resumed?._tag === 'Since' && offset <= (cameTo.get(tag) ?? 0) && deps.isTrimmed(tag, offset);

  const missing = (
    { tag, from, to }: Hole,
    at: number,
    what: string,
    had = far.get(tag) ?? '',
  ): void => {
    const lost: number[] = [];
    for (let offset = from; offset <= Math.min(to, from + SEARCHED); offset++) {
      const isReceived = order
        .allAt(tag, offset)
        .some(({ idText, sent }) => idText <= had || (sent !== undefined && outside.has(sent)));
      if (!isReceived && !isRepeat(tag, offset)) lost.push(offset);
    }
    if (lost.length === 0) return;
    const text = `${what}: ${lost.length} of ${roomText(room)} are missing from ${tag}/${lost[0]} on, and no gap was told`;
    findings.add({ tag: 'I1', client, room, text, at });
  };

  return {
    client,
    pod,
    room,
    resumed,
    askedAt,
    joinedAt: () => joinedAt,
    onPod: () => onPod,
    base: () => base,
    // after a gap an application learns its position from the next message
    position: () => (overMany && loose ? undefined : position),
    isLoose: () => loose,
    last: () => last,
    gapAt: () => gapAt,
    received: (message, at) => {
      counts.delivered++;
      if (message.isForeign) return;
      if (message.stray) counts.strays++;
      if (!message.id.outside) return inLog(message, at);
      shown(message.id, at);
      if (message.sent !== undefined) onThePod(message, message.sent, at);
    },
    shown,
    gap: (id, reason, at) => {
      if (reason === 'log_lost' && id !== undefined) order.sawTag(id.tag);
      // tags are drawn from 4,094: one may come again, and its offsets then begin at 0
      if (reason === 'log_lost' && id?.offset === 0) tops.delete(id.tag);
      if (overMany) tops.clear();
      gapAt = at;
      loose = true;
      position = id ?? position;
      last = undefined;
      before = undefined;
    },
    joined: (id, recovered, pod, at) => {
      if (joinedAt !== undefined) {
        if (overMany && loose) {
          position = id;
          loose = false;
        }
        shown(id, at);
        onPod = pod && onPod;
        return;
      }
      joinedAt = at;
      onPod = pod;
      if (!pod) order.sawTag(id.tag);
      if (resumed?._tag === 'After' || first !== undefined) shown(id, at);
      if (recovered !== undefined) {
        counts.recovered += recovered;
        if (recovered !== replayed)
          found('I1', `was told that ${recovered} were recovered, and got ${replayed}`, at);
      }
      base = id;
      if (position === undefined || loose || id.tag !== position.tag || id.offset > position.offset)
        position = id;
      loose = false;
    },
    hasReceived: (sent) => outside.has(sent),
    owe: (sent, at) => {
      if (joinedAt === undefined || joinedAt > sent.firstAt || outside.has(sent)) return;
      if (gapAt !== undefined && gapAt >= sent.firstAt && gapAt <= at) return;
      owed.add(sent);
    },
    owed: () => owed,
    isOpen: () => holes.length > 0 || others.length > 0 || resumed?._tag === 'Since',
    judge: (at) => {
      for (const each of holes) missing(...each);
      for (const { id, from, at: when } of others) {
        const shownAt = `at ${positionText(from)} was shown ${positionText(id)}`;
        const text = `${shownAt}, a place of another epoch, without a gap`;
        if (order.isEpoch(id.tag)) findings.add({ tag: 'I1', client, room, text, at: when });
      }
      if (resumed?._tag !== 'Since' || gapAt !== undefined || joinedAt === undefined) return;
      const from = first ?? (base === undefined ? undefined : { ...base, offset: base.offset + 1 });
      if (from === undefined) return;
      if (deps.left?.tag === from.tag && from.offset > deps.left.offset + 1)
        missing(
          { tag: from.tag, from: deps.left.offset + 1, to: from.offset - 1 },
          at,
          `had ${positionText(deps.left)} when it was cut, and goes on behind ${from.offset - 1}`,
        );
      else if (deps.left !== undefined && deps.left.tag !== from.tag) {
        const lost = order.at(deps.left.tag, deps.left.offset + 1);
        const isHad = lost?.sent !== undefined && outside.has(lost.sent);
        if (lost !== undefined && !isHad)
          found(
            'I1',
            `had ${positionText(deps.left)} when it was cut, and goes on in epoch ${from.tag} without a gap`,
            at,
          );
      }
      const left = order.at(from.tag, from.offset - 1);
      const isReceived = left?.sent !== undefined && outside.has(left.sent);
      if (left === undefined || isReceived || left.id.ms <= resumed.ms) return;
      if (left.id.ms > resumed.dueMs || !deps.isTrimmed(left.id.tag, left.id.offset))
        found(
          'I1',
          `asked for what came after ${resumed.ms}, and ` +
            `${positionText(left.id)} of ${left.id.ms} did not come`,
          at,
        );
    },
    missing,
  };
};

const positionOr = (position: Position | undefined): string =>
  position === undefined ? 'no place' : positionText(position);
