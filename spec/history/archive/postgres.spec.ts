/** The archive in a real PostgreSQL: the contract of all archives, and what only PostgreSQL shows. */
import { filter, firstValueFrom } from 'rxjs';
import t from 'tap';
import { systemClock } from '../../../lib/clock.js';
import type { Archive } from '../../../lib/history/archive/port.js';
import {
  postgresArchive,
  type PostgresArchiveOptions,
} from '../../../lib/history/archive/postgres.js';
import { startPostgres } from '../../support/postgres.js';
import { archiveContract } from './contract.js';

t.setTimeout(200_000);
const server = await startPostgres();
t.teardown(server.stop);

const opened = async (over: Partial<PostgresArchiveOptions> = {}): Promise<Archive> => {
  const archive = postgresArchive({
    url: server.url,
    clock: systemClock,
    timeoutMs: 10_000,
    ...over,
  });
  await firstValueFrom(archive.event$.pipe(filter(({ _tag }) => _tag === 'Restored')));
  return archive;
};

// pods that start together migrate one after the other
const pods = await Promise.all([opened(), opened()]);
t.teardown(async () => {
  for (const pod of pods) await firstValueFrom(pod.close(), { defaultValue: undefined });
});

t.test('contract', async (t) => archiveContract(t, { pods, open: opened }));
