/** The log of a pod without Redis: the contract of all logs, through the embedded broker, and the bounds of its memory. */
import fc from 'fast-check';
import { type Either, isLeft } from 'fp-ts/lib/Either.js';
import { firstValueFrom, type Observable } from 'rxjs';
import t from 'tap';
import { localBroker } from '../../../lib/broker/local.js';
import { publicationOf } from '../../../lib/protocol/publication.js';
import { buddyAllocator } from '../../../lib/history/memory/buddy-allocator.js';
import { MAX_LOG_BYTES } from '../../../lib/history/memory/chunks.js';
import { type MemoryLog, memoryLog } from '../../../lib/history/memory/log.js';
import type { LogPosition } from '../../../lib/protocol/position.js';
import { virtualClock } from '../../support/virtual-clock.js';
import { draft, logContract } from '../contract.js';

const HOUR = 3_600_000;

const got = async <A>(answer$: Observable<Either<unknown, A>>): Promise<A> => {
  const answer = await firstValueFrom(answer$);
  if (isLeft(answer)) throw new Error(JSON.stringify(answer.left));
  return answer.right;
};

logContract(t, {
  name: 'in memory',
  runs: 300,
  world: async ({ logMessages }) => {
    const clock = virtualClock();
    const broker = localBroker({ clock, positionTtlMs: 24 * HOUR, logMessages, logTtlMs: HOUR });
    return {
      append: async (_room, some) => {
        const ids: string[] = [];
        for (const one of some) ids.push((await got(broker.publish(one))).id);
        return ids;
      },
      page: (room, from, most) => firstValueFrom(broker.log.page(room, from, most)),
      pass: async (share) => clock.advance(share * HOUR),
      endEpoch: async () => clock.advance(25 * HOUR),
      end: async () => undefined,
    };
  },
});

/** A log by itself, and a function that publishes messages of this many bytes into a room. */
const bench = (messages = 1_000) => {
  const clock = virtualClock();
  const log = memoryLog({ wall: clock.wall, messages, ttlMs: HOUR });
  const tops = new Map<string, LogPosition>();
  const topOf = (room: string): LogPosition =>
    tops.get(room) ?? { tag: 1, offset: 0, ms: 0, id: null };
  const append = (room: string, bytes = 200): void => {
    const before = topOf(room);
    const { offset, ms } = before;
    const at = { tag: 1, offset: offset + 1, ms: Math.max(ms, clock.wall()) };
    const one = draft(room, { data: 'x'.repeat(Math.max(0, bytes - 150)) });
    const publication = publicationOf(one, { ...at, global: false, outside: false, nonce: 0 });
    tops.set(room, { ...at, id: publication.idText });
    log.append(room, publication, before);
  };
  return { clock, log, append, topOf };
};

const offsets = (log: MemoryLog, room: string, top: LogPosition): readonly number[] =>
  log.page(room, top, 1, 10_000).entries.map(({ id }) => id.offset);

t.test('when a room has few messages, then its log takes little memory', async (t) => {
  const { log, append } = bench();
  append('quiet');
  t.ok(log.size() <= 2_048, `one message: ${log.size()} bytes`);
  for (let i = 0; i < 5_000; i += 1) append('busy', 300);
  t.ok(log.size() < 2_048 + 1_000 * 300 * 1.5, `1,000 messages of 300 bytes: ${log.size()} bytes`);
});

t.test('when all logs exceed their bound, then the oldest messages are dropped', async (t) => {
  const { clock, log, append, topOf } = bench();
  append('first');
  const rooms = Array.from({ length: 40 }, (_, i) => `r${i}`);
  let largest = 0;
  for (let i = 0; i < 40; i += 1) {
    for (const room of rooms) append(room, 60_000);
    clock.advance(1);
    largest = Math.max(largest, log.size());
  }
  t.ok(largest <= MAX_LOG_BYTES && largest > MAX_LOG_BYTES * 0.95, `${largest} bytes`);
  t.strictSame(offsets(log, 'first', topOf('first')), [], 'the oldest is gone');
  t.equal(log.page('first', topOf('first'), 1, 1).first, 2);
  for (const room of rooms) {
    const { first } = log.page(room, topOf(room), 1, 1);
    t.ok(first > 10 && first < 17, `${room} begins at ${first}`);
    const last = log.page(room, topOf(room), 38, 10);
    t.strictSame(
      last.entries.map(({ id }) => id.offset),
      [38, 39, 40],
    );
  }
});

t.test('when messages become too old, then they are dropped one by one', async (t) => {
  const { clock, log, append, topOf } = bench();
  for (let i = 0; i < 5; i += 1) {
    append('r');
    clock.advance(1_000);
  }
  clock.advance(HOUR - 5_000);
  for (let i = 1; i <= 5; i += 1) {
    const { first, entries } = log.page('r', topOf('r'), 1, 10);
    t.strictSame([first, entries.length], [i, 6 - i]);
    clock.advance(1_000);
  }
});

t.test('when an epoch ends, then its log is dropped, however young it is', async (t) => {
  const clock = virtualClock();
  const broker = localBroker({ clock, positionTtlMs: 10, logTtlMs: HOUR });
  for (let i = 0; i < 3; i += 1) await got(broker.publish(draft('r')));
  clock.advance(20);
  const { top, first, entries } = await got(broker.log.page('r', 1, 10));
  t.strictSame([top.offset, first, entries.length], [0, 1, 0]);
  t.equal(broker.logBytes?.(), 0);
});

t.test(
  'when messages are too old, then their memory is freed, also in rooms that nobody uses',
  async (t) => {
    const { clock, log, append } = bench();
    for (let room = 0; room < 1_000; room += 1) {
      append(`r${room}`);
      clock.advance(1_000);
    }
    const full = log.size();
    clock.advance(HOUR / 2);
    t.equal(log.size(), full, 'not before its time');
    clock.advance(HOUR);
    t.equal(log.size(), 0);
    append('r1');
    t.ok(log.size() > 0);
  },
);

t.test('when messages come after a page was read, then the page does not change', async (t) => {
  const { log, append, topOf } = bench(4);
  for (let i = 0; i < 4; i += 1) append('r', 20_000);
  const page = log.page('r', topOf('r'), 1, 4);
  const before = page.entries.map(({ payload }) => payload.toString());
  for (let i = 0; i < 100; i += 1) append('r', 20_000);
  t.strictSame(
    page.entries.map(({ payload }) => payload.toString()),
    before,
  );
  t.strictSame(offsets(log, 'r', topOf('r')), [101, 102, 103, 104]);
});

t.test('when the clock goes back and forth, then no young message is dropped', async (t) => {
  const { clock, log, append, topOf } = bench();
  append('r');
  clock.jump(-HOUR / 2);
  append('other');
  t.strictSame(offsets(log, 'r', topOf('r')), [1]);
  clock.jump(HOUR);
  t.strictSame(offsets(log, 'r', topOf('r')), [1]);
  t.strictSame(offsets(log, 'other', topOf('other')), [1]);
  clock.jump(2 * HOUR);
  t.strictSame(offsets(log, 'r', topOf('r')), []);
});

t.test(
  'when blocks are taken and given back, then they never overlap, and all memory is free again',
  async (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 40_000 }), fc.constant(-1)), {
          maxLength: 200,
        }),
        (asked) => {
          const memory = buddyAllocator(262_144);
          const taken: Buffer[] = [];
          for (const [i, length] of asked.entries()) {
            if (length === -1) {
              const [block] = taken.splice(i % Math.max(1, taken.length), 1);
              if (block !== undefined) memory.giveBack(block);
              continue;
            }
            const block = memory.allocate(length);
            if (block === undefined) continue;
            if (block.length < length) throw new Error(`${block.length} for ${length}`);
            for (const other of taken) {
              const apart =
                block.byteOffset + block.length <= other.byteOffset ||
                other.byteOffset + other.length <= block.byteOffset;
              if (!apart) throw new Error('they overlap');
            }
            taken.push(block);
          }
          for (const block of taken) memory.giveBack(block);
          if (memory.allocate(262_144) === undefined) throw new Error('some of it is lost');
        },
      ),
    );
    t.pass('for any order');
  },
);
