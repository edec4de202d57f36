/**
 * `npm run archive -- store [seconds]`: how many messages a second the archive stores in PostgreSQL, in batches and
 * one by one, and for how long a message waits. The loads take turns, `REPEATS` times, and medians are
 * compared. `FSYNC=off` leaves the disk out. PostgreSQL and this process share the machine.
 */
import { filter, firstValueFrom } from 'rxjs';
import pg from 'pg';
import { systemClock } from '../../lib/clock.js';
import type { Archive } from '../../lib/history/archive/port.js';
import { postgresArchive } from '../../lib/history/archive/postgres.js';
import { type ArchiveRow, rowOf } from '../../lib/history/archive/row.js';
import { insertOf } from '../../lib/history/archive/statements.js';
import type { Publication } from '../../lib/protocol/publication.js';
import { messages, published, right } from '../../spec/support/archive.js';
import { startPostgres } from '../../spec/support/postgres.js';
import { isRight } from 'fp-ts/lib/Either.js';

const [secondsText = '3'] = process.argv.slice(3);
const seconds = Number(secondsText);
const { REPEATS = '5', FSYNC = 'on' } = process.env;
if (!(seconds > 0)) {
  console.error('usage: npm run archive -- store [seconds]');
  process.exit(2);
}

/** As the load of `npm run bench`. */
const DATA = { text: 'x'.repeat(128) };
const SCHEMA = 'chat_api';
const BATCH = 1_000;

interface Result {
  readonly rows: number;
  readonly ms: readonly number[];
}

const server = await startPostgres({ fsync: FSYNC === 'on', config: { shared_buffers: '256MB' } });
const archive: Archive = postgresArchive({
  url: server.url,
  clock: systemClock,
  timeoutMs: 30_000,
});
await firstValueFrom(archive.event$.pipe(filter(({ _tag }) => _tag === 'Restored')));
const client = new pg.Client({ connectionString: server.url });
await client.connect();

const counters = new Map<string, number>();
const next = (room: string, count = 1): readonly Publication[] => {
  const from = (counters.get(room) ?? 0) + 1;
  counters.set(room, from + count - 1);
  const ms = Date.now();
  return Array.from({ length: count }, (_, i) =>
    published(room, { tag: 5, offset: from + i, ms }, { data: DATA }),
  );
};

const rowsOf = (room: string, some: readonly Publication[]): readonly ArchiveRow[] =>
  some.flatMap((one) => {
    const row = rowOf(room, one);
    return isRight(row) ? [row.right] : [];
  });

/** Runs `once` again and again in so many loops. */
const measured = async (
  loops: number,
  once: (loop: number) => Promise<number>,
): Promise<Result> => {
  const end = performance.now() + seconds * 1_000;
  const ms: number[] = [];
  let rows = 0;
  const run = async (loop: number): Promise<void> => {
    while (performance.now() < end) {
      const began = performance.now();
      const stored = await once(loop);
      // after the await: other loops count meanwhile
      rows += stored;
      ms.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: loops }, (_, loop) => run(loop)));
  return { rows, ms: ms.sort((a, b) => a - b) };
};

const insert = async (room: string, some: readonly Publication[]): Promise<number> => {
  const { text, values } = insertOf(SCHEMA, rowsOf(room, some));
  await client.query(text, [...values]);
  return some.length;
};

const storedIn = async (room: string, count: number): Promise<number> => {
  const outcomes = await right(archive.store(room, next(room, count)));
  return outcomes.filter(({ _tag }) => _tag === 'Stored').length;
};

const LOADS: Readonly<Record<string, () => Promise<Result>>> = {
  'one by one': () => measured(1, () => insert('single', next('single'))),
  'batches of 1,000, by hand': () => measured(1, () => insert('hand', next('hand', BATCH))),
  'store: 1 publisher': () => measured(1, () => storedIn('publisher', 1)),
  'store: 100 publishers': () => measured(100, (loop) => storedIn(`room-${loop}`, 1)),
  'store: 2,000 publishers': () => measured(2_000, (loop) => storedIn(`room-${loop}`, 1)),
  'store: 32 rooms, calls of 64': () => measured(32, (loop) => storedIn(`busy-${loop}`, 64)),
};

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
const median = (some: readonly number[]): number =>
  quantile(
    [...some].sort((a, b) => a - b),
    0.5,
  );

console.log(
  `${String((await server.query('SHOW server_version'))[0]?.['server_version'])}, fsync ${FSYNC}, ${REPEATS} times ${seconds} s\n`,
);
for (const room of ['single', 'hand']) await insert(room, next(room, 10));
const results = new Map<string, Result[]>();
for (let i = 0; i < Number(REPEATS); i += 1)
  for (const [name, run] of Object.entries(LOADS))
    results.set(name, [...(results.get(name) ?? []), await run()]);

const speedOf = (name: string): number =>
  median((results.get(name) ?? []).map(({ rows }) => rows / seconds));
const single = speedOf('one by one');
console.log('| load | rows/s | ratio | p50 ms | p99 ms |\n|---|---|---|---|---|');
for (const [name, runs] of results) {
  const speed = speedOf(name);
  const [p50, p99] = [0.5, 0.99].map((q) =>
    median(runs.map(({ ms }) => quantile(ms, q))).toFixed(1),
  );
  console.log(
    `| ${name} | ${Math.round(speed)} | ${(speed / single).toFixed(1)} | ${p50} | ${p99} |`,
  );
}

/** The rows of a bulk load, with the index by position and without. */
const bulk = async (): Promise<number> => {
  const { rows } = await measured(1, () => insert('bulk', next('bulk', BATCH)));
  return rows / seconds;
};
const [withIndex, without]: number[][] = [[], []];
for (let i = 0; i < Number(REPEATS); i += 1) {
  withIndex!.push(await bulk());
  await client.query(`DROP INDEX ${SCHEMA}.messages_position`);
  without!.push(await bulk());
  await client.query(
    `CREATE INDEX messages_position ON ${SCHEMA}.messages (room, epoch, log_offset)`,
  );
}
console.log(
  `\nindex by position: ${Math.round(median(withIndex!))} rows/s with it, ${Math.round(median(without!))} without`,
);

const long = 'long';
for (let from = 1; from <= 50_000; from += BATCH)
  await insert(long, messages(long, BATCH, { from, ms: Date.now() }, { data: DATA }));
const began = performance.now();
let read = 0;
for (let offset = 0, more = true; more; ) {
  const bound = { _tag: 'Position', tag: 5, offset } as const;
  const page = await right(archive.page({ room: long, direction: 'After', bound, limit: 128 }));
  read += page.entries.length;
  offset = page.entries.at(-1)?.id.offset ?? offset;
  more = page.more;
}
console.log(
  `50,000 messages in pages of 128: ${Math.round((read / (performance.now() - began)) * 1_000)} rows/s`,
);

await firstValueFrom(archive.close(), { defaultValue: undefined });
await client.end();
await server.stop();
console.log('\nNot shown: a network between the two, replicas, a disk that others use.');
