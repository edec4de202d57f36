/**
 * Stores messages. The calls of a turn are one batch; while a batch is being stored, later calls gather in the
 * next one. One batch at a time: so the messages of a room, of this process, become readable in their order.
 *
 *   store ─▶ queue ─▶ batch ─▶ INSERT ─┬─▶ stored
 *                                      ├─▶ a bad row: the halves of the batch, one after the other
 *                                      ├─▶ no partition: it is made, and the batch is sent again; one that
 *                                      │   cannot be made is a failure for the breaker
 *                                      └─▶ no connection: once more, then the breaker opens
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { Observable } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Room } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';
import type { Circuit } from './circuit.js';
import { errorOf, type Failure } from './failure.js';
import type { Archive, ArchiveError, ArchiveEvent, Outcome } from './port.js';
import { type ArchiveRow, rowOf } from './row.js';
import { type Item, type Job, type Size, StoreQueue } from './store-queue.js';

/** A message that cannot be stored. */
export interface Poisoned {
  readonly item: Item;
  readonly detail: string;
}

/** What the writer needs of PostgreSQL. These promises never reject. */
export interface WriterPort {
  readonly insert: (rows: readonly ArchiveRow[]) => Promise<Failure | undefined>;
  /** Makes the partitions of these rows. */
  readonly makeRoom: (rows: readonly ArchiveRow[]) => Promise<Failure | undefined>;
  readonly setAside: (poisoned: readonly Poisoned[]) => Promise<Failure | undefined>;
}

export interface WriterDeps extends WriterPort {
  readonly clock: Pick<Clock, 'turn' | 'scheduler'>;
  readonly circuit: Pick<Circuit, 'refusal' | 'failed' | 'succeeded'>;
  readonly report: (event: ArchiveEvent) => void;
  readonly bound?: Size;
  readonly batch?: Size;
}

export interface Writer extends Pick<Archive, 'store'> {
  /** Answers all that waits; the batch that was sent is answered when it ends. */
  readonly interrupt: (cause: ArchiveError) => void;
  readonly size: () => Size;
  /** Calls are not taken any more. Completes when nothing waits. */
  readonly drained: () => Observable<void>;
}

/** As much as may wait for an answer of Redis (`broker/cluster/publisher.ts`). */
const BOUND: Size = { messages: 32_768, bytes: 67_108_864 };
const BATCH: Size = { messages: 1_000, bytes: 1_048_576 };
/** How often rows are sent again after a deadlock, or after a lock that was not free. */
const CONFLICTS = 3;
/**
 * How often rows are sent again after a connection broke. The breaker sets no bound: a page that is read
 * meanwhile sets its count of failures back.
 */
const BREAKS = 1;

const STORED: Outcome = { _tag: 'Stored' };
const FULL: ArchiveError = { _tag: 'Unavailable', detail: 'too many messages wait to be stored' };
const CLOSED: ArchiveError = { _tag: 'Unavailable', detail: 'the archive is closed' };

export const writer = ({
  clock,
  circuit,
  report,
  insert,
  makeRoom,
  setAside,
  bound = BOUND,
  batch = BATCH,
}: WriterDeps): Writer => {
  const queue = new StoreQueue(bound, batch);
  const current = { isBusy: false, isClosed: false, idle: (): void => undefined };

  /** Sends rows, again where this may help. A connection that broke may have been an old one. */
  const tried = async (
    rows: readonly ArchiveRow[],
    tries = { conflicts: CONFLICTS, breaks: BREAKS },
  ): Promise<Failure | undefined> => {
    const failure = await insert(rows);
    if (failure === undefined) {
      circuit.succeeded();
      return undefined;
    }
    if (failure.kind === 'BadRow' || failure.kind === 'NoPartition') return failure;
    if (failure.kind === 'Conflict')
      return tries.conflicts === 0
        ? failure
        : tried(rows, { ...tries, conflicts: tries.conflicts - 1 });
    circuit.failed(failure);
    if (tries.breaks === 0 || circuit.refusal() !== undefined) return failure;
    const again = await tried(rows, { ...tries, breaks: tries.breaks - 1 });
    // the first try may have stored what the second one did not
    return again === undefined || !failure.mayHaveRun ? again : { ...again, mayHaveRun: true };
  };

  /** The rows that cannot be stored, each with its reason. */
  const storedExcept = async (
    items: readonly (readonly [Item, ArchiveRow])[],
    hasRoom = false,
  ): Promise<Either<Failure, readonly Poisoned[]>> => {
    if (items.length === 0) return right([]);
    const rows = items.map(([, row]) => row);
    const failure = await tried(rows);
    if (failure === undefined) return right([]);
    if (failure.kind === 'NoPartition' && !hasRoom) {
      const refused = await makeRoom(rows);
      if (refused === undefined) return storedExcept(items, true);
      circuit.failed(refused);
      return left(refused);
    }
    if (failure.kind !== 'BadRow' && failure.kind !== 'NoPartition') return left(failure);
    const [only] = items;
    if (items.length === 1 && only !== undefined)
      return right([{ item: only[0], detail: failure.detail }]);
    const half = Math.ceil(items.length / 2);
    const first = await storedExcept(items.slice(0, half), hasRoom);
    if (isLeft(first)) return left({ ...first.left, mayHaveRun: true });
    const second = await storedExcept(items.slice(half), hasRoom);
    if (isLeft(second)) return left({ ...second.left, mayHaveRun: true });
    return right([...first.right, ...second.right]);
  };

  const run = async (jobs: readonly Job[]): Promise<void> => {
    const began = clock.scheduler.now();
    const items = jobs.flatMap((job) => job.items);
    const rows = items.flatMap((item) =>
      isLeft(item.row) ? [] : [[item, item.row.right] as const],
    );
    const formless = items.flatMap((item) =>
      isLeft(item.row) ? [{ item, detail: item.row.left }] : [],
    );
    const refused = await storedExcept(rows);
    if (isLeft(refused)) {
      answered(jobs, left(errorOf(refused.left)));
      return;
    }
    const poisoned = [...formless, ...refused.right];
    const lost = poisoned.length === 0 ? undefined : await setAside(poisoned);
    if (lost !== undefined) {
      // some messages are nowhere: the callers get `Unsure`, and may store them again
      circuit.failed(lost);
      answered(jobs, left(errorOf({ ...lost, mayHaveRun: true })));
      return;
    }
    for (const { item, detail } of poisoned) report({ _tag: 'PoisonFound', id: item.id, detail });
    const seconds = (clock.scheduler.now() - began) / 1_000;
    report({ _tag: 'BatchStored', messages: items.length - poisoned.length, seconds });
    answered(jobs, right(new Map(poisoned.map(({ item, detail }) => [item, detail]))));
  };

  const answered = (
    jobs: readonly Job[],
    poisoned: Either<ArchiveError, ReadonlyMap<Item, string>>,
  ): void => {
    for (const { items, answer } of jobs)
      answer(isLeft(poisoned) ? poisoned : right(outcomesOf(items, poisoned.right)));
  };

  const next = (): void => {
    const jobs = queue.take();
    if (jobs.length === 0) {
      current.isBusy = false;
      return current.idle();
    }
    void run(jobs).then(() => {
      queue.done();
      next();
    });
  };

  const add = (job: Job): void => {
    const refusal = current.isClosed ? CLOSED : circuit.refusal();
    if (refusal !== undefined) return job.answer(left(refusal));
    if (!queue.push(job)) return job.answer(left(FULL));
    if (current.isBusy) return;
    current.isBusy = true;
    clock.turn(next);
  };

  return {
    store: (room, publications) =>
      new Observable((out) => {
        const items = publications.map((publication) => itemOf(room, publication));
        add({
          items,
          bytes: items.reduce((sum, { payload }) => sum + payload.length, 0),
          answer: (answer) => {
            out.next(answer);
            out.complete();
          },
        });
      }),
    interrupt: (cause) => {
      for (const { answer } of queue.clear()) answer(left(cause));
    },
    size: () => queue.size,
    drained: () =>
      new Observable((out) => {
        current.isClosed = true;
        current.idle = () => out.complete();
        if (!current.isBusy) out.complete();
      }),
  };
};

const itemOf = (room: Room, publication: Publication): Item => ({
  id: publication.idText,
  room,
  payload: publication.payload,
  row: rowOf(room, publication),
});

const outcomesOf = (
  items: readonly Item[],
  poisoned: ReadonlyMap<Item, string>,
): readonly Outcome[] =>
  items.map((item) => {
    const detail = poisoned.get(item);
    return detail === undefined ? STORED : { _tag: 'Poison', detail };
  });
