/** The history of a room with an archive, for any epochs, trims and bounds. */
import fc from 'fast-check';
import t from 'tap';
import type { Publication } from '../../lib/protocol/publication.js';
import { NOON, published } from '../support/archive.js';
import {
  archivedRoom,
  byId,
  idsOf,
  neverGiven,
  type Query,
  type RoomOptions,
} from './archive-world.js';

interface Epoch {
  /** From the end of the epoch before; negative: the clock went back. */
  readonly gap: number;
  /** The ms from each message to the next. */
  readonly steps: readonly number[];
}

/** The last epoch begins after all others when the log has it (`archive-history.ts` says why). */
const epochsOf = (
  shapes: readonly Epoch[],
  hasLog: boolean,
): readonly (readonly Publication[])[] => {
  const epochs: Publication[][] = [];
  let ms = NOON;
  let latest = NOON;
  for (const [i, { gap, steps }] of shapes.entries()) {
    ms = hasLog && i === shapes.length - 1 ? latest + 1 : ms + gap;
    const epoch: Publication[] = [];
    for (const [j, step] of steps.entries()) {
      ms += step;
      epoch.push(published('r', { tag: 90 - i, offset: j + 1, ms }));
    }
    latest = Math.max(latest, ms);
    epochs.push(epoch);
  }
  return epochs;
};

interface World {
  readonly room: RoomOptions;
  /** What was published, and what of it can be read, in order. */
  readonly all: readonly string[];
  readonly readable: readonly string[];
}

/** A part of a list whose length is not known yet. */
const share = fc.double({ min: 0, max: 1, noNaN: true });
const partOf = (whole: number, part: number): number => Math.round(whole * part);

const MOST = 25;

const world: fc.Arbitrary<World> = fc
  .record({
    shapes: fc.array(
      fc.record({
        gap: fc.integer({ min: -20, max: 5 }),
        steps: fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: MOST }),
      }),
      { maxLength: 5 },
    ),
    hasLog: fc.boolean(),
    /** Where the log begins. */
    trimmed: share,
    /** What the archive has of each message of the epoch of the log. */
    stored: fc.array(fc.constantFrom('yes', 'yes', 'yes', 'not yet', 'never'), {
      minLength: MOST,
      maxLength: MOST,
    }),
    /** The part of all messages that the archive has removed. */
    removed: share,
    pageSize: fc.integer({ min: 1, max: 9 }),
    isReal: fc.boolean(),
  })
  .map(({ shapes, hasLog, trimmed, stored, removed, pageSize, isReal }) => {
    const epochs = epochsOf(shapes, hasLog);
    const epoch = (hasLog ? epochs.at(-1) : undefined) ?? [];
    const first = 1 + partOf(epoch.length, trimmed);
    const inLog = new Set(epoch.filter(({ id }) => id.offset >= first));
    const is = (state: string) => (entry: Publication) => stored[entry.id.offset - 1] === state;
    const before = epoch.filter(({ id }) => id.offset < first);
    const isLate = new Set(isReal ? [] : before.filter(is('not yet')));
    const isMissing = new Set(epoch.filter((entry) => !is('yes')(entry)));
    const all = byId(epochs.flat());
    const archived = all
      .slice(partOf(all.length, removed))
      .filter((entry) => !isMissing.has(entry));
    return {
      room: { archived, epoch, first, late: [...isLate], pageSize, isReal },
      all: idsOf(all),
      readable: idsOf(byId([...new Set([...archived, ...isLate, ...inLog])])),
    };
  });

/** The id of a message, the id of a control message after it, or an id of no epoch of the room. */
const KINDS = [{}, { outside: true }, { tag: 1 }, { tag: 1_000 }];

const point = fc.tuple(share, fc.constantFrom(...KINDS));

const idAt = (
  { all }: World,
  [part, kind]: readonly [number, (typeof KINDS)[number]],
): string | undefined => {
  const id = all[Math.min(all.length - 1, partOf(all.length, part))];
  return id === undefined ? undefined : neverGiven(id, kind);
};

const limit = fc.integer({ min: 1, max: 40 }).map(String);

/** Whether the answers, from a query on, have the messages that are due: each once, in order. */
const isWalked = async (
  { room, readable }: World,
  query: Query,
  isDue: (id: string) => boolean,
): Promise<boolean> => {
  const isUpward = (query['after'] ?? query['at']) !== undefined;
  const answers = await archivedRoom(room).walk(query, isUpward ? 'after' : 'before');
  const inOrder = isUpward ? answers : answers.toReversed();
  return (
    answers.every(({ ids }) => ids.length <= Number(query['limit'])) &&
    answers.slice(0, -1).every(({ ids }) => ids.length > 0) &&
    inOrder.flatMap(({ ids }) => ids).join() === readable.filter(isDue).join()
  );
};

const RUNS = { numRuns: 1_000 };

const property = (
  title: string,
  queryOf: (
    made: World,
    one: string,
    other: string,
  ) => readonly [query: Query, isDue: (id: string) => boolean],
): void => {
  t.test(title, async (t) => {
    await fc.assert(
      fc.asyncProperty(world, point, point, limit, async (made, one, other, limit) => {
        const [query, isDue] = queryOf(made, idAt(made, one) ?? NO_ID, idAt(made, other) ?? NO_ID);
        return isWalked(made, { ...query, limit }, isDue);
      }),
      RUNS,
    );
    t.pass();
  });
};

const NO_ID = '01890a5d-ac96-774b-8ccc-b302099a8057';
/** The first 48 bits of an id are its time. */
const timeIn = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

property('when next leads upward from any id, then each later message comes once', (_, after) => [
  { after },
  (id) => id > after,
]);

property(
  'when next leads downward from any id, then each earlier message comes once',
  (_, before) => [{ before }, (id) => id < before],
);

property('when next leads downward from the end, then each message comes once', () => [
  {},
  () => true,
]);

property(
  'when next leads upward from any time, then each message of it and later comes once',
  (_, id) => [{ at: `${timeIn(id)}` }, (one) => timeIn(one) >= timeIn(id)],
);

property(
  'when both bounds are any ids, then each message between them comes once',
  (_, after, before) => [{ after, before }, (id) => id > after && id < before],
);
