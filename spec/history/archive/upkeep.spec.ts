/** The partitions that an archive makes and drops each hour, while the clock of its pod is wrong. */
import { filter, firstValueFrom, timeout } from 'rxjs';
import t from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArchiveEvent } from '../../../lib/history/archive/port.js';
import { DAY_MS } from '../../../lib/history/archive/partitions.js';
import { postgresArchive } from '../../../lib/history/archive/postgres.js';
import { messages } from '../../support/archive.js';
import { startPostgres } from '../../support/postgres.js';
import { virtualClock } from '../../support/virtual-clock.js';

t.setTimeout(100_000);
const server = await startPostgres();
t.teardown(server.stop);

const HOUR_MS = 3_600_000;
const nameOf = (ms: number): string =>
  `messages_p${new Date(ms).toISOString().slice(0, 10).replaceAll('-', '')}`;

for (const aheadDays of [30, -30])
  t.test(
    `when the clock of a pod is ${aheadDays} days ahead, then the clock of PostgreSQL decides`,
    async (t) => {
      const clock = virtualClock();
      clock.jump(Date.now() - clock.wall() + aheadDays * DAY_MS);
      const schema = `ahead_${aheadDays + 30}`;
      const archive = postgresArchive({ url: server.url, clock, schema, retentionDays: 7 });
      t.teardown(() => firstValueFrom(archive.close(), { defaultValue: undefined }));
      const events: ArchiveEvent[] = [];
      archive.event$.subscribe((event) => events.push(event));
      const next = (tag: ArchiveEvent['_tag']): Promise<unknown> =>
        firstValueFrom(
          archive.event$.pipe(
            filter(({ _tag }) => _tag === tag),
            timeout(30_000),
          ),
        );
      const partitions = async (): Promise<readonly unknown[]> =>
        (
          await server.query(
            `SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'
             AND relname ~ '^messages_p' ORDER BY 1`,
            [schema],
          )
        ).map(({ relname }) => relname);
      await next('Restored');
      const now = Date.now();
      const made = [0, 1, 2].map((days) => nameOf(now + days * DAY_MS));
      t.strictSame(await partitions(), made);

      const stored: unknown[] = [];
      for (const days of [10, 6, 0])
        archive
          .store('r', messages('r', 1, { ms: now - days * DAY_MS, from: 100 - days }))
          .subscribe((answer) => stored.push(answer));
      clock.advance(0);
      while (stored.length < 3) await sleep(5);
      t.equal((await partitions()).length, 5);
      // as if the archive had stored the oldest one on its day
      await server.query(`COMMENT ON TABLE ${schema}.${nameOf(now - 10 * DAY_MS)} IS NULL`);
      await server.query(`DROP TABLE ${schema}.${nameOf(now + 2 * DAY_MS)}`);

      const pruned = next('Pruned');
      clock.advance(HOUR_MS);
      await pruned;
      t.match(events.at(-1), { _tag: 'Pruned', days: 1 });
      t.strictSame(await partitions(), [nameOf(now - 6 * DAY_MS), ...made]);
    },
  );
