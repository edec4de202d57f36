/**
 * Compares the rows of the archive with what publishers have sent and what was acknowledged.
 *
 * Two rules judge the order of the rows of a room by (epoch, offset):
 * - `overtaken`: a message that was acknowledged before another one was sent for the first time comes before
 *   that one, whoever has published the two.
 * - `disordered`: the messages of a publisher that were not refused, and not under way when a connection ended,
 *   are in the order of their numbers. The others may have been sent later than messages that were under way
 *   with them, so only the first rule judges them.
 */
import type { Room } from '../../../lib/protocol/position.js';
import { dataOf, idOf, isAcked, type Ledger } from './ledger.js';

/** A row, in the order by (epoch, offset). */
export interface ArchivedRow {
  readonly id: string;
  readonly epoch: number;
  readonly offset: number;
  readonly type: string;
  readonly data: string;
}

/** Numbers of faults, unless it says otherwise. */
export interface Judgement {
  /** No fault. */
  readonly rows: number;
  /** No fault. */
  readonly acknowledged: number;
  /** Sent, never acknowledged. No fault of the archive: the run has ended too early. */
  readonly unacknowledged: number;
  /** Rows whose message was sent and never acknowledged. No fault. */
  readonly storedUnacknowledged: number;
  /** Acks with a `scope`: the archive does not have such messages. */
  readonly podOnly: number;
  /** Acknowledged, and no row. */
  readonly missing: number;
  /** A second row of a message. */
  readonly twice: number;
  /** The row has another id than the ack. */
  readonly otherId: number;
  /** Rows of messages that nobody has sent. */
  readonly foreign: number;
  readonly overtaken: number;
  readonly disordered: number;
  /** Epochs of a room beyond the first one: its log was not lost. */
  readonly epochs: number;
  /** Offsets without a row before the last one. No fault by themselves. */
  readonly holes: number;
  /**
   * Holes of a room beyond its messages without an ack, or with a `scope`, that have no row: Redis may have
   * given each of these one offset.
   */
  readonly unexplained: number;
  /** The first faults, and the first rows that were not acknowledged, in words. */
  readonly notes: readonly string[];
}

type Count = { -readonly [K in keyof Judgement]: Judgement[K] };

export const FAULTS = [
  'unacknowledged',
  'podOnly',
  'missing',
  'twice',
  'otherId',
  'foreign',
  'overtaken',
  'disordered',
  'epochs',
  'unexplained',
] as const satisfies readonly (keyof Judgement)[];

export const faultsOf = (judgement: Judgement): readonly string[] =>
  FAULTS.flatMap((name) =>
    judgement[name] === 0 ? [] : [`${name}: ${judgement[name]}, expected 0`],
  );

/** Of each kind. */
const MAX_NOTES = 5;

interface Known {
  readonly row: ArchivedRow;
  readonly ledger: Ledger;
  readonly n: number;
}

/** `rowsOf` has the rows of a room in their order. */
export const judge = async (
  ledgers: readonly Ledger[],
  rowsOf: (room: Room) => Promise<readonly ArchivedRow[]>,
): Promise<Judgement> => {
  const notes: string[] = [];
  const count: Count = {
    rows: 0,
    acknowledged: 0,
    unacknowledged: 0,
    storedUnacknowledged: 0,
    podOnly: 0,
    missing: 0,
    twice: 0,
    otherId: 0,
    foreign: 0,
    overtaken: 0,
    disordered: 0,
    epochs: 0,
    holes: 0,
    unexplained: 0,
    notes,
  };
  const fault = (name: Exclude<keyof Count, 'notes'>, text: () => string): void => {
    count[name]++;
    if (count[name] <= MAX_NOTES) notes.push(`${name}: ${text()}`);
  };
  const rooms = new Map<Room, Map<number, Ledger>>();
  for (const one of ledgers) {
    const known = rooms.get(one.room) ?? new Map<number, Ledger>();
    rooms.set(one.room, known.set(one.publisher, one));
  }
  for (const [room, publishers] of rooms) {
    const rows = await rowsOf(room);
    const before = excessHoles(count);
    count.rows += rows.length;
    const known = rows.flatMap((row): readonly Known[] => {
      const found = sentAs(publishers, row);
      if (found === undefined) fault('foreign', () => `${room} ${row.id} ${row.data}`);
      return found === undefined ? [] : [found];
    });
    judgeIds(known, publishers, fault);
    judgeOrder(known, fault);
    judgeOffsets(room, rows, fault);
    for (const one of publishers.values()) countAcks(one, count);
    count.unexplained += Math.max(0, excessHoles(count) - before);
  }
  return count;
};

/** Above 0: more holes than messages that may have caused one. */
const excessHoles = (count: Count): number =>
  count.holes + count.storedUnacknowledged - count.podOnly - count.unacknowledged;

type Fault = (name: Exclude<keyof Count, 'notes'>, text: () => string) => void;

const nameOf = ({ room, publisher }: Ledger, n: number): string =>
  `${room}, publisher ${publisher}, number ${n}`;

/** The message of a row; undefined when nobody has sent it. */
const sentAs = (publishers: ReadonlyMap<number, Ledger>, row: ArchivedRow): Known | undefined => {
  const [, publisher, number] = /^\{"publisher":(\d+),"n":(\d+),/.exec(row.data) ?? [];
  const [ledger, n] = [publishers.get(Number(publisher)), Number(number)];
  if (ledger === undefined || row.type !== 'chat' || row.data !== dataOf(ledger, n))
    return undefined;
  return (ledger.sentAt[n] ?? 0) === 0 ? undefined : { row, ledger, n };
};

const judgeIds = (
  known: readonly Known[],
  publishers: ReadonlyMap<number, Ledger>,
  fault: Fault,
): void => {
  const seen = new Map([...publishers].map(([key, { count }]) => [key, new Uint8Array(count + 1)]));
  for (const { row, ledger, n } of known) {
    const own = seen.get(ledger.publisher);
    if (own?.[n] === 1) fault('twice', () => `${nameOf(ledger, n)}, ${row.id}`);
    else if (own !== undefined) own[n] = 1;
    if (!isAcked(ledger, n))
      fault('storedUnacknowledged', () => `${nameOf(ledger, n)}, offset ${row.offset}`);
    else if (row.id.replaceAll('-', '') !== idOf(ledger, n))
      fault('otherId', () => `${nameOf(ledger, n)}, ${row.id}, its ack has ${idOf(ledger, n)}`);
  }
  for (const ledger of publishers.values())
    for (let n = 1; n <= ledger.count; n++)
      if (isAcked(ledger, n) && seen.get(ledger.publisher)?.[n] !== 1)
        fault('missing', () => `${nameOf(ledger, n)}, its ack has ${idOf(ledger, n)}`);
};

const judgeOrder = (known: readonly Known[], fault: Fault): void => {
  /** The earliest ack of the rows that come later. */
  const earliest = { step: Number.POSITIVE_INFINITY, name: '' };
  for (const { ledger, n } of known.toReversed()) {
    const ackedAt = ledger.ackedAt[n] ?? 0;
    if (earliest.step < (ledger.sentAt[n] ?? 0))
      fault('overtaken', () => `${earliest.name} comes after ${nameOf(ledger, n)}`);
    if (ackedAt === 0 || ledger.podOnly[n] === 1 || ackedAt > earliest.step) continue;
    earliest.step = ackedAt;
    earliest.name = nameOf(ledger, n);
  }
  const last = new Map<number, number>();
  for (const { ledger, n } of known) {
    if (ledger.refused[n] === 1 || ledger.podOnly[n] === 1) continue;
    const before = last.get(ledger.publisher) ?? 0;
    if (n < before) fault('disordered', () => `${nameOf(ledger, n)} comes after number ${before}`);
    last.set(ledger.publisher, Math.max(n, before));
  }
};

const judgeOffsets = (room: Room, rows: readonly ArchivedRow[], fault: Fault): void => {
  let before: ArchivedRow | undefined;
  for (const row of rows) {
    const { epoch, offset } = row;
    if (before !== undefined && before.epoch !== epoch)
      fault('epochs', () => `${room}, ${before?.epoch ?? 0} and ${epoch}`);
    const expected = before?.epoch === epoch ? before.offset + 1 : 1;
    for (let hole = expected; hole < offset; hole++)
      fault('holes', () => `${room}, epoch ${epoch}, offset ${hole}`);
    before = row;
  }
};

const countAcks = (ledger: Ledger, count: Count): void => {
  for (let n = 1; n <= ledger.count; n++) {
    if (isAcked(ledger, n)) count.acknowledged++;
    else if (ledger.podOnly[n] === 1) count.podOnly++;
    else count.unacknowledged++;
  }
};
