/**
 * What every log promises, wherever it is kept: in the memory of a pod, in Redis, or in the model of Redis.
 * Readers rely on nothing else.
 */
import fc from 'fast-check';
import { type Either, isLeft } from 'fp-ts/lib/Either.js';
import type { Test } from 'tap';
import { type Draft, type DraftFields, draftOf, bodyOf } from '../../lib/protocol/publication.js';
import { presenceData, SERVER } from '../../lib/protocol/payload.js';
import { NO_LOG, type Page, PAGE_BYTES } from '../../lib/history/index.js';
import { GLOBAL, type Room } from '../../lib/protocol/position.js';
import { idOf } from '../support/invariants/frame.js';
import { keyIn } from '../support/keys.js';

/** A log, the messages published into it, and its clock. */
export interface World {
  /** Says all in one go; answers the ids. */
  readonly append: (room: Room, drafts: readonly Draft[]) => Promise<readonly string[]>;
  readonly page: (room: Room, from: number, most: number) => Promise<Either<unknown, Page>>;
  /** Lets so much of the time pass that messages are kept. */
  readonly pass: (share: number) => Promise<void>;
  /** The room's epoch ends, in whatever way it does here. */
  readonly endEpoch: (room: Room) => Promise<void>;
  readonly end: () => Promise<void>;
}

export interface WorldOptions {
  readonly logMessages: number;
  /** Messages get old as time passes; where time is real they do not otherwise, however slow the test is. */
  readonly ages: boolean;
}

export interface LogKind {
  readonly name: string;
  readonly world: (options: WorldOptions) => Promise<World>;
  /** Of a property: many in virtual time, few on a real server. */
  readonly runs: number;
  /** What is beyond the bounds of number and age can still be read. */
  readonly reachesBack?: boolean;
}

const MANY = 1_000;

let drawn = 0;

/** A new message. */
export const draft = (room: Room, over: Partial<DraftFields> = {}): Draft => {
  drawn += 1;
  const made = draftOf({ room, type: 'chat', from: 'a', data: `said ${drawn}`, at: 0, ...over });
  if (isLeft(made)) throw new Error(made.left.text);
  return made.right;
};

const presence = (room: Room): Draft =>
  draft(room, { type: 'presence', from: SERVER, data: presenceData(null, 'c', 'online') });

export const drafts = (count: number, room: Room, bytes = 1): readonly Draft[] =>
  Array.from({ length: count }, () => draft(room, { data: 'x'.repeat(bytes) }));

export const readable = (answer: Either<unknown, Page>): Page => {
  if (isLeft(answer)) throw new Error(JSON.stringify(answer.left));
  return answer.right;
};

export const idsOf = ({ entries }: Page): readonly string[] => entries.map(({ idText }) => idText);

const msOf = (id = ''): number | undefined => idOf(id)?.ms;

/** All that can be read from an offset on, page by page. */
export const readAll = async (
  { page }: Pick<World, 'page'>,
  room: Room,
  from: number,
  most: number,
): Promise<readonly string[]> => {
  const ids: string[] = [];
  for (let at = from; ; ) {
    const some = readable(await page(room, at, most));
    const last = some.entries.at(-1);
    if (last === undefined) return ids;
    ids.push(...idsOf(some));
    at = last.id.offset + 1;
  }
};

/** When the epoch began, if the log knows it. */
const begunOf = ({ begunMs }: Page): Pick<Page, 'begunMs'> =>
  begunMs === undefined ? {} : { begunMs };

/** What is wrong with a page, whatever was asked. */
const flawsIn = (page: Page, from: number, most: number): readonly string[] => {
  const { top, first, entries } = page;
  const start = Math.max(from, first);
  const next = start + entries.length;
  const bytes = entries.reduce((sum, { payload }) => sum + payload.length, 0);
  const rules: Readonly<Record<string, boolean>> = {
    'first is in the log, or right behind it': first >= 1 && first <= top.offset + 1,
    'entries stand in a row, of this epoch': entries.every(
      ({ id }, i) => id.offset === start + i && id.tag === top.tag && !id.outside,
    ),
    'no more than asked': entries.length <= most,
    'no more bytes than a page may have': bytes <= PAGE_BYTES || entries.length === 1,
    'nothing beyond the top': entries.length === 0 || next <= top.offset + 1,
    'nothing left out but for the bounds':
      next > top.offset || entries.length === most || bytes > PAGE_BYTES / 2,
    'the last one is the top':
      entries.length === 0 || next <= top.offset || entries.at(-1)?.idText === top.id,
  };
  return Object.keys(rules).filter((rule) => rules[rule] !== true);
};

export const logContract = (t: Test, { name, world, runs, reachesBack = false }: LogKind): void => {
  /** What can be read of a log that keeps so many of its messages. */
  const readableOf = (ids: readonly string[], kept: number): readonly string[] =>
    reachesBack ? ids : ids.slice(Math.max(0, ids.length - kept));

  const within = (
    title: string,
    options: Partial<WorldOptions>,
    run: (t: Test, world: World) => Promise<void>,
  ): void => {
    t.test(`${name}: ${title}`, async (t) => {
      const made = await world({ logMessages: 1_000, ages: false, ...options });
      try {
        await run(t, made);
      } finally {
        await made.end();
      }
    });
  };

  within('when a log was never used, then reading it makes none', {}, async (t, w) => {
    for (const from of [0, 1, 7]) t.strictSame(readable(await w.page('r', from, MANY)), NO_LOG);
    const [id] = await w.append('r', drafts(1, 'r'));
    t.match(readable(await w.page('r', 0, MANY)), { first: 1, top: { offset: 1, id } });
  });

  within(
    'when a log is read from an offset on, then it has the messages as they were delivered, in order',
    {},
    async (t, w) => {
      const sent = [
        draft('r', { data: { deep: ['ü', '💬', '"\\', null] } }),
        draft('r', { type: 'notification', from: 'api' }),
        draft('r', { type: 'system', data: { event: 'deployed' } }),
        ...drafts(7, 'r'),
      ];
      const ids = [
        ...(await w.append('r', sent.slice(0, 4))),
        ...(await w.append('r', sent.slice(4, 5))),
        ...(await w.append('r', sent.slice(5))),
      ];
      const all = readable(await w.page('r', 1, MANY));
      t.strictSame(flawsIn(all, 1, MANY), []);
      t.strictSame(idsOf(all), ids);
      t.strictSame(
        all.entries.map(({ payload }) => bodyOf(payload)),
        sent.map(({ rest }) => rest),
      );
      t.strictSame(
        all.entries.map(({ type }) => type),
        sent.map(({ type }) => type),
      );
      t.ok(all.entries.every(({ except }) => except === undefined));
      t.match(all, { first: 1, top: { offset: 10, id: ids[9], ms: all.entries[9]?.id.ms } });

      t.strictSame(idsOf(readable(await w.page('r', 0, MANY))), ids, '0 is as 1');
      t.strictSame(idsOf(readable(await w.page('r', 4, 3))), ids.slice(3, 6), '`from` is in it');
      t.strictSame(idsOf(readable(await w.page('r', 10, MANY))), ids.slice(9));
      const begun = begunOf(all);
      t.ok((begun.begunMs ?? 0) <= (msOf(ids[0]) ?? 0), 'the epoch began before its messages');
      for (const from of [11, 12, 2 ** 40 - 1]) {
        const beyond = readable(await w.page('r', from, MANY));
        const nothing = { ...begun, top: all.top, first: 1, entries: [] };
        t.strictSame(beyond, nothing, `from ${from}: nothing`);
      }
      const none = readable(await w.page('r', 1, 0));
      t.strictSame(none, { ...begun, top: all.top, first: 1, entries: [] });
      for (const most of [1, 3, 10]) t.strictSame(await readAll(w, 'r', 1, most), ids);
    },
  );

  within(
    'when messages go to rooms and to everybody, then each room and the global log has its own',
    {},
    async (t, w) => {
      const a = await w.append('a', drafts(2, 'a'));
      const global = await w.append(GLOBAL, drafts(3, GLOBAL));
      t.strictSame(idsOf(readable(await w.page('a', 1, MANY))), a);
      const page = readable(await w.page(GLOBAL, 1, MANY));
      t.strictSame(idsOf(page), global);
      t.ok(page.entries.every(({ id }) => id.global));
      t.equal(readable(await w.page('b', 1, MANY)).top.offset, 0);
    },
  );

  within(
    'when a message is not logged or a duplicate, then it is not in the log',
    {},
    async (t, w) => {
      const once = draft('r', { key: keyIn('k'), data: 1 });
      const [first, , same] = await w.append('r', [once, presence('r'), once]);
      t.equal(same, first);
      const [, last] = await w.append('r', [presence('r'), draft('r'), presence('r'), once]);
      await w.append('r', [once, presence('r')]);
      const page = readable(await w.page('r', 0, MANY));
      t.strictSame(idsOf(page), [first, last]);
      t.match(page.top, { offset: 2, id: last });
    },
  );

  within(
    'when a page would be too large, then it ends, and the next one goes on',
    {},
    async (t, w) => {
      const sent = [
        ...drafts(3, 'r', 100_000),
        ...drafts(40, 'r', 20_000),
        ...drafts(200, 'r', 10),
        ...drafts(2, 'r', 130_000),
        ...drafts(5, 'r', 10),
      ];
      const ids: string[] = [];
      for (let i = 0; i < sent.length; i += 16)
        ids.push(...(await w.append('r', sent.slice(i, i + 16))));
      for (let from = 1; from <= ids.length; from += 9)
        t.strictSame(flawsIn(readable(await w.page('r', from, MANY)), from, MANY), []);
      t.equal(readable(await w.page('r', 1, MANY)).entries.length, 2);
      t.strictSame(await readAll(w, 'r', 1, MANY), ids);
    },
  );

  within(
    'when more messages come than a log keeps, then it keeps the last',
    { logMessages: 5 },
    async (t, w) => {
      const ids: string[] = [];
      for (let i = 0; i < 5; i += 1) {
        ids.push(...(await w.append('r', drafts(1, 'r'))));
        t.match(readable(await w.page('r', 0, MANY)), { first: 1, top: { offset: i + 1 } });
      }
      for (const count of [1, 3, 1, 20, 1]) {
        ids.push(...(await w.append('r', drafts(count, 'r'))));
        const page = readable(await w.page('r', 0, MANY));
        t.strictSame(flawsIn(page, 0, MANY), []);
        const kept = readableOf(ids, 5);
        t.strictSame(idsOf(page), kept, `${count} more`);
        t.equal(page.first, ids.length - kept.length + 1);
        const gone = ids.at(-1 - kept.length);
        t.equal(page.beforeMs, msOf(gone), 'it says when the last one that is gone was said');
        t.strictSame(idsOf(readable(await w.page('r', page.first + 1, 2))), kept.slice(1, 3));
      }
    },
  );

  within(
    'when messages are too old, then they are not read, and the position stays',
    { ages: true },
    async (t, w) => {
      const old = await w.append('r', drafts(3, 'r'));
      await w.pass(0.6);
      const young = await w.append('r', drafts(2, 'r'));
      t.strictSame(idsOf(readable(await w.page('r', 1, MANY))), [...old, ...young]);
      await w.pass(0.6);
      const first = reachesBack ? 1 : 4;
      const page = readable(await w.page('r', 1, MANY));
      t.match(page, { first, beforeMs: reachesBack ? undefined : msOf(old.at(-1)) });
      t.strictSame(idsOf(page), readableOf([...old, ...young], 2));
      await w.pass(0.6);
      const quiet = readable(await w.page('r', 1, MANY));
      if (reachesBack) {
        t.strictSame(idsOf(quiet), [...old, ...young]);
        return;
      }
      const expected = { ...begunOf(page), top: page.top, first: 6, entries: [] };
      t.strictSame(quiet, expected, 'a quiet room is no gap');
      const [next] = await w.append('r', drafts(1, 'r'));
      const after = readable(await w.page('r', 1, MANY));
      t.match(after, { first: 6, top: { tag: page.top.tag, offset: 6, id: next } });
      t.equal(after.beforeMs, msOf(young.at(-1)), 'also when all that is kept was too old');
      t.strictSame(idsOf(after), [next]);
      await w.append('r', drafts(3, 'r'));
      t.equal(readable(await w.page('r', 1, MANY)).beforeMs, msOf(young.at(-1)));
    },
  );

  within('when an epoch ends, then its log ends', {}, async (t, w) => {
    await w.append('r', drafts(7, 'r'));
    const { top } = readable(await w.page('r', 1, MANY));
    await w.endEpoch('r');
    const empty = readable(await w.page('r', 1, MANY));
    t.match(empty, { first: 1, top: { offset: 0, id: null } });
    t.strictSame(empty.entries, []);
    t.not(empty.top.tag, top.tag);
    const ids = await w.append('r', drafts(2, 'r'));
    const page = readable(await w.page('r', 1, MANY));
    t.strictSame(idsOf(page), ids, 'offsets begin again, and nothing of the old one is between');
    t.match(page, { first: 1, top: { offset: 2 } });
    t.not(page.top.tag, top.tag);
  });

  within('when there is no log, then positions go on', { logMessages: 0 }, async (t, w) => {
    t.match(readable(await w.page('r', 0, MANY)), { first: 1, top: { offset: 0 } });
    const ids = await w.append('r', drafts(3, 'r'));
    const page = readable(await w.page('r', 0, MANY));
    t.match(page, { first: reachesBack ? 1 : 4, top: { offset: 3, id: ids[2] } });
    t.strictSame(idsOf(page), readableOf(ids, 0));
  });

  within(
    'when anything is published and read, then a page has what was published',
    { logMessages: 12 },
    async (t, w) => {
      const act = fc.oneof(
        fc.record({ append: fc.array(fc.boolean(), { minLength: 1, maxLength: 16 }) }),
        fc.record({ from: fc.nat(70), most: fc.nat(20) }),
      );
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(act, { maxLength: 12 }), async (acts) => {
          run += 1;
          const room = `p${run}`;
          const ids: string[] = [];
          for (const one of acts) {
            if ('append' in one) {
              const sent = one.append.map((logged) => (logged ? draft(room) : presence(room)));
              const got = await w.append(room, sent);
              ids.push(...got.filter((_, i) => sent[i]?.logged));
            } else {
              const page = readable(await w.page(room, one.from, one.most));
              const oldest = ids.length - readableOf(ids, 12).length + 1;
              const start = Math.max(one.from, oldest) - 1;
              // in a log that reaches back, a page need not say how far
              const isFirst = reachesBack ? page.first <= start + 1 : page.first === oldest;
              if (!isFirst || page.top.offset !== ids.length) return false;
              if (idsOf(page).join() !== ids.slice(start, start + one.most).join()) return false;
            }
          }
          return true;
        }),
        { numRuns: runs },
      );
      t.pass();
    },
  );

  within(
    'when a log is read while others publish, then no page is torn',
    { logMessages: 50 },
    async (t, w) => {
      const ids: string[] = [];
      const speak = async (): Promise<void> => {
        for (let i = 0; i < 40; i += 1)
          ids.push(...(await w.append('r', drafts(1 + (i % 5), 'r'))));
      };
      const flaws: string[] = [];
      const read = async (): Promise<void> => {
        let at = 0;
        for (let i = 0; i < 40; i += 1) {
          const page = readable(await w.page('r', at, 16));
          flaws.push(...flawsIn(page, at, 16));
          at = page.entries.at(-1)?.id.offset ?? page.first;
        }
      };
      await Promise.all([speak(), speak(), read(), read()]);
      t.strictSame(flaws, []);
      t.strictSame(await readAll(w, 'r', 1, MANY), readableOf([...ids].sort(), 50));
    },
  );
};
