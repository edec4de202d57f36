/** Pods and PostgreSQL are killed under load: what is acknowledged is stored, once, and in order. */
import t from 'tap';
import { killArchive, KINDS } from './support/archive-kills.js';
import {
  type ArchivedRow,
  faultsOf,
  judge,
  type Judgement,
} from './support/archive-kills/judge.js';
import { dataOf, type Ledger, ledger, noteId } from './support/archive-kills/ledger.js';

t.setTimeout(180_000);

t.test(
  'when pods and PostgreSQL are killed under load, then the rows are the acknowledged messages',
  async (t) => {
    const result = await killArchive(t, {
      messages: 20_000,
      rooms: 10,
      publishers: 20,
      window: 16,
      perSecond: 800,
      everyMs: 2_000,
      // both, a pod, PostgreSQL, then pods
      seed: 9,
    });
    const { judgement, faults, kills, seconds, refusals } = result;
    t.strictSame(faults, [], judgement.notes.join('\n'));
    t.equal(judgement.rows, judgement.acknowledged);
    t.equal(judgement.acknowledged + judgement.podOnly, 20_000);
    const kinds = new Set(kills.map(({ kind }) => kind));
    t.equal(kinds.size, KINDS.length, `${kills.length} kills in ${Math.round(seconds)} s`);
    t.strictSame(Object.keys(refusals), ['unavailable']);
    t.ok(result.duplicates > 0, 'messages were sent again that the archive had');
  },
);

const ROOM = 'room-0';
const idOf = (offset: number): string =>
  `01900000-0000-7005-8000-${offset.toString(16).padStart(12, '0')}`;

/** Two publishers that have sent three messages each, one at a time, in turns. */
const sent = (): readonly Ledger[] => {
  const both = [ledger(0, ROOM, 3), ledger(1, ROOM, 3)];
  let step = 0;
  for (const n of [1, 2, 3])
    for (const one of both) {
      one.sentAt[n] = ++step;
      one.ackedAt[n] = ++step;
      noteId(one, n, idOf(n * 2 + one.publisher - 1));
    }
  return both;
};

/** Their rows, in order. */
const rows = (): ArchivedRow[] =>
  [1, 2, 3, 4, 5, 6].map((offset) => ({
    id: idOf(offset),
    epoch: 5,
    offset,
    type: 'chat',
    data: dataOf({ publisher: (offset - 1) % 2 }, Math.ceil(offset / 2)),
  }));

const judged = (
  change: (rows: ArchivedRow[], ledgers: readonly Ledger[]) => ArchivedRow[] | undefined,
): Promise<Judgement> => {
  const ledgers = sent();
  const stored = rows();
  const changed = change(stored, ledgers) ?? stored;
  return judge(ledgers, async () => changed);
};

const renumbered = (some: readonly (ArchivedRow | undefined)[]): ArchivedRow[] =>
  some.flatMap((row, i) => (row === undefined ? [] : [{ ...row, offset: i + 1 }]));

t.test('when rows and acks agree, then there is no fault', async (t) => {
  const judgement = await judged(() => undefined);
  t.strictSame(faultsOf(judgement), []);
  t.match(judgement, { rows: 6, acknowledged: 6, notes: [] });
});

const CASES: Readonly<
  Record<string, readonly [expected: Partial<Judgement>, ...Parameters<typeof judged>]>
> = {
  'an acknowledged message has no row': [
    { missing: 1, holes: 1, unexplained: 1 },
    (rows) => rows.filter(({ offset }) => offset !== 3),
  ],
  'the last message has no row': [{ missing: 1, holes: 0 }, (rows) => rows.slice(0, 5)],
  'a message has two rows': [
    { twice: 1, otherId: 1 },
    (rows) => [...rows, { ...rows[5]!, id: idOf(7), offset: 7 }],
  ],
  'a row has another id than the ack': [
    { otherId: 1 },
    (rows) => rows.map((row) => (row.offset === 2 ? { ...row, id: idOf(9) } : row)),
  ],
  'a row has a number that was never sent': [
    { foreign: 1 },
    (rows) => [...rows, { ...rows[5]!, id: idOf(7), offset: 7, data: dataOf({ publisher: 1 }, 4) }],
  ],
  'a row has other data than its message': [
    { foreign: 1, missing: 1 },
    (rows) => rows.map((row) => (row.offset === 2 ? { ...row, data: `${row.data} ` } : row)),
  ],
  'a message comes before one that was acknowledged before it was sent': [
    { overtaken: 1, disordered: 0 },
    (rows) => renumbered([rows[0], rows[2], rows[1], rows[3], rows[4], rows[5]]),
  ],
  'messages of a publisher are not in order': [
    { overtaken: 2, disordered: 1 },
    (rows) => renumbered([rows[2], rows[1], rows[0], rows[3], rows[4], rows[5]]),
  ],
  'messages that were under way together are not in the order of sending': [
    { overtaken: 0, disordered: 1 },
    (rows, [first]) => {
      first!.ackedAt[1] = 20;
      first!.ackedAt[2] = 21;
      return renumbered([rows[1], rows[2], rows[0], rows[3], rows[4], rows[5]]);
    },
  ],
  'an offset has no row, and every message has one': [
    { holes: 1, unexplained: 1, missing: 0 },
    (rows) => rows.map((row) => (row.offset > 3 ? { ...row, offset: row.offset + 1 } : row)),
  ],
  'a room has two epochs': [
    { epochs: 1, holes: 0 },
    (rows) =>
      rows.map((row) => (row.offset > 3 ? { ...row, epoch: 6, offset: row.offset - 3 } : row)),
  ],
  'an ack has a `scope`': [
    { podOnly: 1, missing: 0 },
    (rows, [first]) => {
      first!.podOnly[1] = 1;
      return rows.slice(1);
    },
  ],
  'a message was never acknowledged': [
    { unacknowledged: 1, storedUnacknowledged: 1 },
    (_, [first]) => {
      first!.ackedAt[3] = 0;
      return undefined;
    },
  ],
};

for (const [name, [expected, change]] of Object.entries(CASES))
  t.test(`when ${name}, then it is found`, async (t) => {
    const judgement = await judged(change);
    t.match(judgement, expected);
    t.ok(faultsOf(judgement).length > 0);
    t.ok(judgement.notes.length > 0);
  });

const ALLOWED: Readonly<Record<string, Parameters<typeof judged>>> = {
  'a refused message comes later than others that were under way with it': [
    (rows, [first]) => {
      first!.refused[1] = 1;
      first!.ackedAt[1] = 20;
      return renumbered([rows[1], rows[2], rows[3], rows[0], rows[4], rows[5]]);
    },
  ],
};

for (const [name, [change]] of Object.entries(ALLOWED))
  t.test(`when ${name}, then that is no fault`, async (t) => {
    t.strictSame(faultsOf(await judged(change)), []);
  });
