/** What every archive promises, wherever it keeps the messages. Readers rely on nothing else. */
import fc from 'fast-check';
import { firstValueFrom } from 'rxjs';
import type { Test } from 'tap';
import type { Archive, Bound } from '../../../lib/history/archive/port.js';
import { PAGE_BYTES } from '../../../lib/history/page.js';
import { GLOBAL } from '../../../lib/protocol/position.js';
import type { Publication } from '../../../lib/protocol/publication.js';
import {
  idsOf,
  left,
  messages,
  NOON,
  published,
  readAll,
  right,
  startOf,
  store,
} from '../../support/archive.js';

/** Two pods on one archive. */
export interface ArchiveWorld {
  readonly pods: readonly [Archive, Archive];
  /** One more pod, which the spec closes. */
  readonly open: () => Promise<Archive>;
}

const DAY = 86_400_000;
const MANY = 1_000;

export const archiveContract = (t: Test, { pods, open }: ArchiveWorld): void => {
  const [a, b] = pods;
  let rooms = 0;
  const newRoom = (): string => `room-${(rooms += 1)}`;

  t.test('when a room was never used, then its pages are empty', async (t) => {
    const bounds: readonly Bound[] = [
      startOf(5),
      { _tag: 'Time', ms: 0 },
      { _tag: 'Time', ms: NOON },
    ];
    for (const bound of bounds)
      for (const direction of ['After', 'Before'] as const)
        t.strictSame(await right(a.page({ room: 'never', direction, bound, limit: 10 })), {
          entries: [],
          more: false,
        });
  });

  t.test('when messages are stored, then the other pod reads the same bytes', async (t) => {
    const room = newRoom();
    const at = (offset: number) => ({ tag: 4_094, offset, ms: NOON + offset });
    const sent = [
      published(room, at(1), { data: { deep: ['ü', '💬', '"\\', null, 1e300, '\u2028'] } }),
      published(room, at(2), { type: 'notification', from: 'Zoë "the \\ quoted"' }),
      published(room, at(3), { type: 'system', data: { event: 'deployed' } }),
      published(room, at(4), { data: ',"timestamp":"2026-01-15T10:30:00.123Z"}' }),
      published(room, at(5), { data: null, at: 0 }),
      published(room, at(6), { data: 'x'.repeat(65_000), at: 1_700_000_000_123 }),
    ];
    t.strictSame(
      await store(a, room, sent),
      sent.map(() => ({ _tag: 'Stored' })),
    );
    const { entries, more } = await right(
      b.page({ room, direction: 'After', bound: startOf(4_094), limit: MANY }),
    );
    t.strictSame(
      entries.map(({ payload }) => payload.toString()),
      sent.map(({ payload }) => payload.toString()),
    );
    t.ok(entries.every(({ frame }, i) => frame.equals(sent[i]!.frame)));
    t.strictSame(
      entries.map(({ id, type }) => ({ id, type })),
      sent.map(({ id, type }) => ({ id, type })),
    );
    t.notOk(more);
  });

  t.test('when a message goes to everybody, then it is read from the global log', async (t) => {
    const sent = messages(GLOBAL, 3, { tag: 9 });
    await store(a, GLOBAL, sent);
    const read = await readAll(b, {
      room: GLOBAL,
      direction: 'After',
      bound: startOf(9),
      limit: 2,
    });
    t.strictSame(
      read.map(({ payload }) => payload.toString()),
      sent.map(({ payload }) => payload.toString()),
    );
  });

  t.test('when messages are stored again, by any pod, then each is read once', async (t) => {
    const room = newRoom();
    const sent = messages(room, 20);
    const outcomes = await Promise.all([
      store(a, room, sent.slice(0, 15)),
      store(b, room, sent.slice(5)),
      store(a, room, [...sent.slice(3, 9), ...sent.slice(3, 9)]),
    ]);
    outcomes.push(await store(b, room, sent));
    t.ok(outcomes.flat().every(({ _tag }) => _tag === 'Stored'));
    const read = await readAll(a, { room, direction: 'After', bound: startOf(5), limit: 7 });
    t.strictSame(idsOf(read), idsOf(sent));
  });

  t.test('when a page is limited, then it says whether there are more messages', async (t) => {
    const room = newRoom();
    const sent = messages(room, 10);
    await store(a, room, sent);
    const page = async (direction: 'After' | 'Before', offset: number, limit: number) => {
      const bound = { _tag: 'Position', tag: 5, offset } as const;
      const { entries, more } = await right(a.page({ room, direction, bound, limit }));
      return [entries.map(({ id }) => id.offset), more];
    };
    t.strictSame(await page('After', 0, 10), [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false]);
    t.strictSame(await page('After', 0, 9), [[1, 2, 3, 4, 5, 6, 7, 8, 9], true]);
    t.strictSame(await page('After', 8, 5), [[9, 10], false]);
    t.strictSame(await page('After', 10, 5), [[], false]);
    t.strictSame(await page('Before', 11, 3), [[8, 9, 10], true]);
    t.strictSame(await page('Before', 4, 3), [[1, 2, 3], false]);
    t.strictSame(await page('Before', 1, 3), [[], false]);
  });

  t.test(
    'when messages are large, then a page has 256 KiB of them, and at least one',
    async (t) => {
      const room = newRoom();
      const sent = messages(room, 9, {}, { data: 'x'.repeat(100_000) });
      await store(a, room, sent);
      for (const direction of ['After', 'Before'] as const) {
        const bound = { _tag: 'Time', ms: direction === 'After' ? 0 : NOON + DAY } as const;
        const { entries, more } = await right(a.page({ room, direction, bound, limit: MANY }));
        t.equal(entries.length, Math.floor(PAGE_BYTES / 100_000));
        t.ok(more);
        t.strictSame(idsOf(await readAll(a, { room, direction, bound, limit: 2 })), idsOf(sent));
      }
    },
  );

  t.test(
    'when a page is asked for by time, then it begins or ends at that millisecond',
    async (t) => {
      const room = newRoom();
      // two epochs, and a message of the second one before midnight
      const old = messages(room, 4, { tag: 3, ms: NOON - DAY });
      const young = messages(room, 4, { tag: 2, ms: NOON + DAY / 2 - 2 });
      await store(a, room, young);
      await store(b, room, old);
      const page = async (direction: 'After' | 'Before', ms: number) =>
        idsOf(await readAll(a, { room, direction, bound: { _tag: 'Time', ms }, limit: 3 }));
      const all = idsOf([...old, ...young]);
      t.strictSame(await page('After', 0), all);
      t.strictSame(await page('Before', NOON + 9 * DAY), all);
      t.strictSame(await page('After', NOON - DAY + 2), all.slice(2));
      t.strictSame(await page('Before', NOON - DAY + 2), all.slice(0, 2));
      t.strictSame(await page('After', NOON + DAY / 2), all.slice(6), 'midnight');
      t.strictSame(await page('Before', NOON + DAY / 2), all.slice(0, 6), 'midnight');
      const first = await readAll(a, { room, direction: 'After', bound: startOf(3), limit: 2 });
      t.strictSame(idsOf(first), idsOf(old), 'by position: of one epoch only');
    },
  );

  t.test('when a position has a time, then its page has no message of before', async (t) => {
    const room = newRoom();
    // two epochs with one tag
    const old = messages(room, 6, { ms: NOON - DAY });
    const young = messages(room, 3, { from: 7 });
    await store(a, room, [...young, ...old]);
    for (const direction of ['After', 'Before'] as const)
      for (const limit of [1, 2, MANY]) {
        const read = async (sinceMs: number) => {
          const offset = direction === 'After' ? 0 : 10;
          const bound = { _tag: 'Position', tag: 5, offset, sinceMs } as const;
          return idsOf(await readAll(a, { room, direction, bound, limit }));
        };
        const all = idsOf([...old, ...young]);
        t.strictSame(await read(NOON - DAY), all, 'that millisecond is in it');
        t.strictSame(await read(NOON - DAY + 1), all.slice(1));
        t.strictSame(await read(NOON), all.slice(6));
        t.strictSame(await read(NOON + 3), []);
      }
  });

  t.test('when a message cannot be stored, then the others of its batch are stored', async (t) => {
    const room = newRoom();
    const sent = messages(room, 40);
    const bad = new Map<number, Publication>([
      [3, published(room, { tag: 5, offset: 4, ms: NOON + 3 }, { from: 'nul\u0000nul' })],
      [4, published(room, { tag: 5, offset: 5, ms: NOON + 4 }, { from: 'half \ud800' })],
      [39, published(room, { tag: 5, offset: 40, ms: NOON + 39 }, { from: '\u0000' })],
    ]);
    const beside = newRoom();
    const [outcomes, others] = await Promise.all([
      store(
        a,
        room,
        sent.map((one, i) => bad.get(i) ?? one),
      ),
      store(a, beside, messages(beside, 5)),
    ]);
    t.strictSame(
      outcomes.map(({ _tag }) => _tag),
      sent.map((_, i) => (bad.has(i) ? 'Poison' : 'Stored')),
    );
    t.ok(others.every(({ _tag }) => _tag === 'Stored'));
    const read = await readAll(a, { room, direction: 'After', bound: startOf(5), limit: 9 });
    t.strictSame(idsOf(read), idsOf(sent.filter((_, i) => !bad.has(i))));
  });

  t.test(
    'when old days are removed, then only whole days are, and no message returns',
    async (t) => {
      const room = newRoom();
      const days = [10, 9, 8].map((ago) =>
        messages(room, 3, { from: 1 + 3 * (10 - ago), ms: NOON - ago * DAY }),
      );
      for (const day of days) await store(a, room, day);
      const all = { room, direction: 'After', bound: startOf(5), limit: 2 } as const;
      t.strictSame(idsOf(await readAll(b, all)), idsOf(days.flat()));
      t.equal(await right(a.prune(NOON - 9 * DAY)), 1);
      t.strictSame(idsOf(await readAll(b, all)), idsOf(days.slice(1).flat()));
      t.equal(await right(b.prune(NOON - 9 * DAY)), 0);
      t.equal(await right(b.prune(NOON - 7.5 * DAY)), 2);
      t.strictSame(await readAll(a, all), []);
      await store(a, room, days[0]!);
      t.strictSame(idsOf(await readAll(b, all)), idsOf(days[0]!), 'a day can be stored again');
    },
  );

  t.test('when it is closed, then what waits is stored, and later calls are refused', async (t) => {
    const pod = await open();
    const room = newRoom();
    const sent = messages(room, 30);
    const stored = sent.map((one) => store(pod, room, [one]));
    await firstValueFrom(pod.close(), { defaultValue: undefined });
    t.ok((await Promise.all(stored)).every(([outcome]) => outcome?._tag === 'Stored'));
    t.equal((await left(pod.store(room, sent)))._tag, 'Unavailable');
    const bound = startOf(5);
    t.equal(
      (await left(pod.page({ room, direction: 'After', bound, limit: 1 })))._tag,
      'Unavailable',
    );
    t.match(pod.gauges(), { messages: 0, bytes: 0, pages: 0 });
    t.strictSame(
      idsOf(await readAll(a, { room, direction: 'After', bound, limit: MANY })),
      idsOf(sent),
    );
  });

  /** Messages of some epochs of a room: ids ascend, as the broker gives them. */
  const arbitraryRoom = fc.array(
    fc.record({
      count: fc.integer({ min: 1, max: 30 }),
      stepMs: fc.constantFrom(0, 1, 1_000, DAY / 4),
    }),
    { minLength: 1, maxLength: 3 },
  );
  const historyOf = (room: string, epochs: readonly { count: number; stepMs: number }[]) => {
    let ms = NOON + 30 * DAY;
    return epochs.flatMap(({ count, stepMs }, i) => {
      ms += 1;
      return Array.from({ length: count }, (_, n) =>
        published(room, { tag: 4_000 - i, offset: n + 1, ms: (ms += stepMs) }),
      );
    });
  };

  t.test(
    'when pods store in batches of any size, in any order, some twice, then pages of any limit have all, in order, once',
    { timeout: 100_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          arbitraryRoom,
          fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.boolean(), fc.boolean()), {
            minLength: 1,
            maxLength: 20,
          }),
          fc.integer({ min: 1, max: 40 }),
          fc.constantFrom('After', 'Before'),
          async (epochs, cuts, limit, direction) => {
            const room = newRoom();
            const history = historyOf(room, epochs);
            const calls: Promise<unknown>[] = [];
            for (let from = 0, i = 0; from < history.length; i += 1) {
              const [size, isSecond, isTwice] = cuts[i % cuts.length]!;
              const some = history.slice(from, from + size);
              calls.push(store(isSecond ? b : a, room, some));
              if (isTwice) calls.unshift(store(isSecond ? a : b, room, some.toReversed()));
              from += size;
            }
            await Promise.all(calls);
            const bound = { _tag: 'Time', ms: direction === 'After' ? 0 : 2 ** 47 } as const;
            const read = await readAll(a, { room, direction, bound, limit });
            same(idsOf(read), idsOf(history));
            for (const tag of new Set(history.map(({ id }) => id.tag))) {
              const edge = direction === 'After' ? 0 : 2 ** 39;
              const query = {
                room,
                direction,
                limit,
                bound: { _tag: 'Position', tag, offset: edge },
              } as const;
              same(
                idsOf(await readAll(b, query)),
                idsOf(history.filter(({ id }) => id.tag === tag)),
              );
            }
          },
        ),
        { numRuns: 40 },
      );
    },
  );

  t.test(
    'when a page ends at any message, then the pages before and after it meet there',
    { timeout: 100_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          arbitraryRoom,
          fc.nat(),
          fc.constantFrom('Id', 'Position', 'Time'),
          async (epochs, pick, how) => {
            const room = newRoom();
            const history = historyOf(room, epochs);
            await store(a, room, history);
            const at = history[pick % history.length]!;
            const { tag, offset, ms } = at.id;
            const bound: Bound =
              how === 'Id'
                ? { _tag: how, id: at.id }
                : how === 'Time'
                  ? { _tag: how, ms }
                  : { _tag: how, tag, offset };
            const [before, after] = await Promise.all(
              (['Before', 'After'] as const).map((direction) =>
                readAll(a, { room, direction, bound, limit: 1 + (pick % 7) }),
              ),
            );
            const whole = how === 'Position' ? history.filter(({ id }) => id.tag === tag) : history;
            // a message at a time is after it; of an id or a position, it is in neither page
            const joined = how === 'Time' ? [...before!, ...after!] : [...before!, at, ...after!];
            same(idsOf(joined), idsOf(whole));
            if (how === 'Time' && before!.some(({ id }) => id.ms >= ms))
              throw new Error('too late');
          },
        ),
        { numRuns: 40 },
      );
    },
  );
};

const same = (got: readonly string[], wanted: readonly string[]): void => {
  if (got.join() !== wanted.join())
    throw new Error(`expected\n${wanted.join('\n')}\ngot\n${got.join('\n')}`);
};
