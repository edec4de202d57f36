/** Readers of a log with an archive, walking upward: each message once, in order, or a gap that is due. */
import fc from 'fast-check';
import { isLeft } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import t from 'tap';
import { pageCache } from '../../../lib/history/page-cache.js';
import type { Publication } from '../../../lib/protocol/publication.js';
import {
  type ArchivedWorld,
  archivedWorld,
  ROOM,
  TAG,
  YOUNG_MS,
} from '../../support/archived-world.js';
import { messages } from '../../support/archive.js';
import { has } from '../../support/memory-archive.js';
import { virtualClock } from '../../support/virtual-clock.js';

type Act =
  /** `lateMs`: when they are stored; `Infinity`: never. */
  | { readonly _tag: 'publish'; readonly count: number; readonly lateMs: number }
  | { readonly _tag: 'wait'; readonly ms: number }
  | { readonly _tag: 'outage'; readonly isOn: boolean }
  | { readonly _tag: 'read'; readonly most: number }
  | { readonly _tag: 'shared' };

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      _tag: fc.constant('publish' as const),
      count: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 60 })),
      lateMs: fc.oneof(
        { weight: 3, arbitrary: fc.constant(0) },
        { weight: 3, arbitrary: fc.nat(2 * YOUNG_MS) },
        { weight: 1, arbitrary: fc.constant(Number.POSITIVE_INFINITY) },
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      _tag: fc.constant('wait' as const),
      ms: fc.oneof(fc.nat(5), fc.nat(1_000), fc.nat(2 * YOUNG_MS)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ _tag: fc.constant('outage' as const), isOn: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      _tag: fc.constant('read' as const),
      most: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ _tag: fc.constant('shared' as const) }) },
);

const valueOf = <T>(answer$: Observable<T>): T => {
  const values: T[] = [];
  answer$.subscribe((value) => values.push(value));
  const [value] = values;
  if (values.length !== 1 || value === undefined) throw new Error(`${values.length} answers`);
  return value;
};

const fail = (text: string): never => {
  throw new Error(text);
};

/** A reader: what it got, and the next offset that it asks for. */
interface Reader {
  next: number;
  got: number;
  gone: number;
}

/** The messages of a run, with the time when each was stored. */
class Run {
  readonly storedMs = new Map<string, number>();

  constructor(readonly w: ArchivedWorld) {}

  publish(count: number, lateMs: number): void {
    const some = [...this.w.publish(count)];
    if (lateMs === 0) this.store(some);
    else if (lateMs !== Number.POSITIVE_INFINITY)
      this.w.clock.scheduler.schedule(() => this.store(some), lateMs);
  }

  private store(some: readonly Publication[]): void {
    if (this.w.archive.refused !== undefined) {
      this.w.clock.scheduler.schedule(() => this.store(some), 100);
      return;
    }
    this.w.store(some);
    for (const { idText } of some) this.storedMs.set(idText, this.w.clock.wall());
  }

  /** Whether the log or the archive has a message now. */
  has(offset: number): boolean {
    const one = this.w.all[offset - 1] ?? fail(`no message ${offset}`);
    const page = valueOf(this.w.log.page(ROOM, offset, 1));
    if (isLeft(page)) throw new Error('expected a page');
    return page.right.first <= offset || has(this.w.table, ROOM, one);
  }

  take(reader: Reader, entries: readonly Publication[]): void {
    for (const { idText } of entries) {
      if (idText !== this.w.all[reader.next - 1]?.idText) fail(`${idText} is not ${reader.next}`);
      reader.next += 1;
      reader.got += 1;
    }
  }

  /** A gap is due: 10 s after the last of the messages was published, none of them was stored. */
  skip(reader: Reader, first: number): void {
    const last = this.w.all[first - 2] ?? fail(`a gap up to ${first}`);
    const due = last.id.ms + YOUNG_MS;
    if (this.w.clock.wall() < due) fail(`a gap up to ${first} that is not due`);
    for (; reader.next < first; reader.next += 1) {
      const { idText } = this.w.all[reader.next - 1] ?? fail('a gap beyond the end');
      const stored = this.storedMs.get(idText);
      if (stored !== undefined && stored < due) fail(`${reader.next} is missing`);
      reader.gone += 1;
    }
  }
}

const readPage = (run: Run, reader: Reader, most: number): void => {
  const { w } = run;
  const from = reader.next;
  const answer = valueOf(w.both.page(ROOM, from, most));
  if (isLeft(answer)) {
    if (w.archive.refused === undefined && run.has(from)) fail(`${from} can be read`);
    return;
  }
  const { first, entries } = answer.right;
  for (let gone = from; gone < first; gone += 1) if (run.has(gone)) fail(`${gone} is not gone`);
  if (first > from) run.skip(reader, first);
  run.take(reader, entries);
  if (from <= w.all.length && reader.next === from) fail(`no progress at ${from}`);
};

/** As a recovery reads. */
const readShared = (run: Run, reader: Reader, pages: ReturnType<typeof pageCache>): void => {
  const from = reader.next;
  const answer = valueOf(pages.at(from));
  if (isLeft(answer)) return;
  const page = answer.right;
  if (page.first > from) run.skip(reader, page.first);
  if (page.top.offset < reader.next) return pages.drop(page);
  const skipped = page.entries.findIndex(({ id }) => id.offset === reader.next);
  if (skipped === -1) fail(`no progress at ${reader.next}`);
  run.take(reader, page.entries.slice(skipped));
};

/** An epoch of before with the same tag, which had more messages than most. */
const EARLIER = messages(ROOM, 200, { tag: TAG, ms: virtualClock().wall() - 86_400_000 });

const play = (acts: readonly Act[], logMessages: number, isMixed: boolean): Run => {
  const w = archivedWorld(logMessages, { logTtlMs: 5 * YOUNG_MS });
  const run = new Run(w);
  const pages = pageCache(w.both, ROOM, w.clock);
  const reader: Reader = { next: 1, got: 0, gone: 0 };
  const shared: Reader = { next: 1, got: 0, gone: 0 };
  if (isMixed) w.store(EARLIER);
  // else nothing in the archive shows when this epoch began
  run.publish(1, 0);
  for (const one of acts) {
    if (one._tag === 'publish') run.publish(one.count, one.lateMs);
    else if (one._tag === 'wait') w.clock.advance(one.ms);
    else if (one._tag === 'read') readPage(run, reader, one.most);
    else if (one._tag === 'shared') readShared(run, shared, pages);
    else w.archive.refused = one.isOn ? { _tag: 'Unavailable', detail: 'down' } : undefined;
  }
  w.archive.refused = undefined;
  w.clock.advance(3 * YOUNG_MS);
  const end = w.all.length + 1;
  for (let reads = 0; reader.next < end; reads += 1) {
    if (reads > end) fail('no end');
    readPage(run, reader, 100);
  }
  for (let reads = 0; shared.next < end; reads += 1) {
    if (reads > 2 * end) fail('no end');
    readShared(run, shared, pages);
  }
  for (const { got, gone } of [reader, shared])
    if (got + gone !== w.all.length) fail(`${got} and ${gone} are not ${w.all.length}`);
  return run;
};

t.test(
  'when messages are stored late or never, then readers get each one once, in order, or a gap that is due',
  { timeout: 200_000 },
  async (t) => {
    fc.assert(
      fc.property(
        fc.array(act, { minLength: 3, maxLength: 60 }),
        fc.constantFrom(0, 1, 10, 40),
        fc.boolean(),
        (acts, logMessages, isMixed) => {
          play(acts, logMessages, isMixed);
        },
      ),
      { numRuns: 300 },
    );
    t.pass();
  },
);
