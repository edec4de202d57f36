/**
 * What must be true of all that clients were told, whatever happened to pods and Redis: no hole without a `gap`, nothing
 * twice, one order for all, nothing that nobody said, and what was acknowledged is delivered. Pure: recorded ears in,
 * counts and faults out, so that its own spec can plant each fault.
 */
import { GLOBAL, type Id } from '../../lib/position.js';

/** A message as its first hearer got it; who hears it again must get the same text. */
export interface Word {
  readonly idText: string;
  readonly id: Id;
  readonly room: string;
  readonly text: string;
  readonly from: string;
  /** The number of the saying; undefined: presence, or another program's. */
  readonly n: number | undefined;
  readonly type: string;
}

export type Entry =
  | { readonly _tag: 'Word'; readonly word: Word; readonly at: number }
  | { readonly _tag: 'Gap'; readonly reason: string; readonly id: Id; readonly at: number };

/** One client's stay in one room. */
export interface Ear {
  readonly who: string;
  readonly pod: string;
  readonly room: string;
  /** When `joined` came, and the place that its id shows. */
  readonly since: number;
  readonly from: Id;
  until: number | undefined;
  readonly entries: Entry[];
}

export interface Answer {
  readonly idText: string;
  readonly id: Id;
  readonly onPod: boolean;
  readonly isDuplicate: boolean;
  readonly at: number;
}

/** One saying of one client. */
export interface Said {
  readonly n: number;
  readonly room: string;
  readonly pod: string;
  readonly from: string;
  readonly at: number;
  readonly answers: Answer[];
  refused: string | undefined;
}

export interface Verdict {
  readonly sent: number;
  readonly acked: number;
  readonly ackedOnPod: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly delivered: number;
  /** Deliveries that are missing, behind a `gap`. */
  readonly missingTold: number;
  readonly missingUnsaid: number;
  readonly doubled: number;
  /** Messages outside the log whose id shows an earlier place than was reached: a resume from there repeats, it loses nothing. */
  readonly behind: number;
  /** The first few faults of any kind, in words. None: all is well. */
  readonly faults: readonly string[];
  readonly faultCount: number;
}

const MAX_TOLD = 12;

export const judge = (
  said: ReadonlyMap<number, Said>,
  ears: readonly Ear[],
  strangers: ReadonlySet<string>,
): Verdict => {
  const faults: string[] = [];
  let faultCount = 0;
  const fault = (text: string): void => {
    faultCount++;
    if (faults.length < MAX_TOLD) faults.push(text);
  };
  const sayings = [...said.values()];
  const counts = { delivered: 0, missingTold: 0, missingUnsaid: 0, doubled: 0, behind: 0 };

  for (const ear of ears) {
    counts.behind += holes(ear, strangers, fault);
    counts.doubled += repeats(ear, fault);
    counts.delivered += ear.entries.filter(
      (entry) => entry._tag === 'Word' && entry.word.n !== undefined,
    ).length;
  }
  for (const word of wordsOf(ears)) unsaid(word, said, strangers, fault);
  for (const [room, some] of byRoom(ears)) disorder(room, some, fault);
  for (const saying of sayings) answered(saying, fault);

  const heardBy = new Map(
    ears.map((ear) => [
      ear,
      new Set(ear.entries.map((entry) => (entry._tag === 'Word' ? entry.word.n : undefined))),
    ]),
  );
  const earsOf = byRoom(ears);
  for (const saying of sayings) {
    const [answer] = saying.answers;
    if (answer === undefined) continue;
    for (const ear of earsOf.get(saying.room) ?? []) {
      const stayed = ear.since < saying.at && ear.until === undefined;
      if (
        !stayed ||
        (answer.onPod && ear.pod !== saying.pod) ||
        heardBy.get(ear)?.has(saying.n) === true
      )
        continue;
      if (isExcused(ear, saying, answer)) counts.missingTold++;
      else {
        counts.missingUnsaid++;
        fault(`${ear.who} in ${name(ear.room)} was never told of ${say(saying)}`);
      }
    }
  }

  return {
    sent: sayings.length,
    acked: sayings.filter(({ answers }) => answers.length > 0).length,
    ackedOnPod: sayings.filter(({ answers }) => answers[0]?.onPod === true).length,
    refused: sayings.filter(({ refused }) => refused !== undefined).length,
    unanswered: sayings.filter(
      ({ answers, refused }) => answers.length === 0 && refused === undefined,
    ).length,
    ...counts,
    faults,
    faultCount,
  };
};

const name = (room: string): string => (room === GLOBAL ? 'the global log' : room);
const say = ({ n, room, answers: [answer] }: Said): string =>
  `${n} (${name(room)}, ${answer === undefined ? 'not acknowledged' : `${answer.onPod ? 'on the pod' : 'acknowledged'} as ${place(answer.id)}`})`;
const place = ({ tag, offset, outside }: Id): string =>
  `${tag}/${offset}${outside ? ' outside' : ''}`;

type Fault = (text: string) => void;

/** Offsets go up by one within an epoch, or a `gap` was told in between; what is outside the log shows the offset reached. */
const holes = (ear: Ear, strangers: ReadonlySet<string>, fault: Fault): number => {
  let at = ear.from;
  let told = false;
  let behind = 0;
  for (const entry of ear.entries) {
    if (entry._tag === 'Gap') {
      told = true;
      continue;
    }
    const { id, idText } = entry.word;
    // another program's message has no part in the offsets
    if (strangers.has(idText)) continue;
    if (id.outside) {
      if (told) continue;
      if (id.tag !== at.tag || id.offset > at.offset)
        fault(
          `${ear.who} in ${name(ear.room)} at ${place(at)} heard ${place(id)}, a place it has not reached`,
        );
      else if (id.offset < at.offset) behind++;
      continue;
    }
    if (!told && (id.tag !== at.tag || id.offset !== at.offset + 1))
      fault(`${ear.who} in ${name(ear.room)} at ${place(at)} heard ${place(id)} without a gap`);
    told = false;
    at = id;
  }
  return behind;
};

/** Neither the same id twice nor, under two ids, the same saying. */
const repeats = (ear: Ear, fault: Fault): number => {
  const ids = new Set<string>();
  const ns = new Set<number>();
  let doubled = 0;
  for (const entry of ear.entries) {
    if (entry._tag === 'Gap') continue;
    const { idText, n } = entry.word;
    if (ids.has(idText) || (n !== undefined && ns.has(n))) {
      doubled++;
      fault(`${ear.who} in ${name(ear.room)} heard ${n ?? idText} twice`);
    }
    ids.add(idText);
    if (n !== undefined) ns.add(n);
  }
  return doubled;
};

const wordsOf = (ears: readonly Ear[]): ReadonlySet<Word> => {
  const words = new Set<Word>();
  for (const { entries } of ears)
    for (const entry of entries) if (entry._tag === 'Word') words.add(entry.word);
  return words;
};

const byRoom = (ears: readonly Ear[]): ReadonlyMap<string, readonly Ear[]> => {
  const rooms = new Map<string, Ear[]>();
  for (const ear of ears) rooms.set(ear.room, [...(rooms.get(ear.room) ?? []), ear]);
  return rooms;
};

/** Somebody said it, in this room, under this name. Presence is the pods' own. */
const unsaid = (
  { idText, room, from, n, type }: Word,
  said: ReadonlyMap<number, Said>,
  strangers: ReadonlySet<string>,
  fault: Fault,
): void => {
  if (strangers.has(idText) || (type === 'presence' && from === 'server')) return;
  const saying = n === undefined ? undefined : said.get(n);
  if (saying === undefined) fault(`nobody said ${idText} in ${name(room)}`);
  else if (saying.room !== room)
    fault(`${n} was said in ${name(saying.room)} and heard in ${name(room)}`);
  else if (saying.from !== from) fault(`${n} was said by ${saying.from} and heard as by ${from}`);
};

/** One answer a saying, that tells where it is: outside the log when on the pod only, and nowhere else. */
const answered = (saying: Said, fault: Fault): void => {
  const { answers, refused } = saying;
  if (answers.length + (refused === undefined ? 0 : 1) > 1)
    fault(`${say(saying)} got ${answers.length} acks, refused: ${refused ?? 'no'}`);
  for (const { onPod, id } of answers)
    if (onPod !== id.outside) fault(`${say(saying)} has an id of ${place(id)}`);
};

/** Whether one order agrees with what all heard: the graph of who came right before whom has no circle. */
const disorder = (room: string, ears: readonly Ear[], fault: Fault): void => {
  const after = new Map<string, Set<string>>();
  const before = new Map<string, number>();
  for (const { entries } of ears) {
    let last: string | undefined;
    for (const entry of entries) {
      if (entry._tag === 'Gap') continue;
      const { idText } = entry.word;
      if (!before.has(idText)) before.set(idText, 0);
      if (last !== undefined && last !== idText) {
        const next = after.get(last) ?? new Set();
        after.set(last, next);
        if (!next.has(idText)) before.set(idText, (before.get(idText) ?? 0) + 1);
        next.add(idText);
      }
      last = idText;
    }
  }
  const free = [...before].flatMap(([id, count]) => (count === 0 ? [id] : []));
  let seen = 0;
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    seen++;
    for (const next of after.get(id) ?? []) {
      const left = (before.get(next) ?? 0) - 1;
      before.set(next, left);
      if (left === 0) free.push(next);
    }
  }
  if (seen < before.size)
    fault(`${name(room)}: ${before.size - seen} of ${before.size} messages are in no one order`);
};

/** A `gap` stands where the message would have stood. */
const isExcused = ({ entries }: Ear, saying: Said, { id }: Answer): boolean => {
  const isIn = (entry: Entry, holds: (offset: number) => boolean): boolean =>
    entry._tag === 'Word' &&
    !entry.word.id.outside &&
    entry.word.id.tag === id.tag &&
    holds(entry.word.id.offset);
  const from = entries.findLastIndex((entry) => isIn(entry, (offset) => offset <= id.offset));
  const to = entries.findIndex((entry) => isIn(entry, (offset) => offset > id.offset));
  const between = entries.slice(from + 1, to === -1 ? entries.length : to);
  return between.some((entry) => entry._tag === 'Gap' && (to !== -1 || entry.at >= saying.at));
};
