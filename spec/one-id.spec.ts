/**
 * The client that keeps one id, that of the last message of any kind. It is cut at any frame, comes back to
 * any pod with that id alone, and still gets every message of its room and of the global log, or a `gap` that
 * is due. `ONE_ID_SEEDS=5000` runs more seeds, `ONE_ID_FIRST=1001` others.
 */
import t from 'tap';
import { runOneId } from './support/one-id.js';

const SEEDS = Number(process.env['ONE_ID_SEEDS'] ?? 10);
const FIRST = Number(process.env['ONE_ID_FIRST'] ?? 1);

for (const ids of ['one', 'two'] as const)
  t.test(
    `when a client of ${ids} is cut at any frame, then no message is missing without a gap`,
    async (t) => {
      let cuts = 0;
      const bad: string[] = [];
      for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
        const outcome = runOneId({ seed, ids });
        cuts += outcome.cuts;
        if (outcome.faults.length > 0)
          bad.push(`seed ${seed}: ${outcome.faults.slice(0, 3).join('; ')}`);
      }
      t.comment(`${cuts} cuts`);
      t.equal(bad.length, 0, `${bad.length} of ${SEEDS} seeds`);
      for (const each of bad.slice(0, 10)) t.comment(each);
    },
  );
