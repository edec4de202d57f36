/** The archive in memory that specs use: the contract of all archives. */
import t from 'tap';
import { archiveContract } from './contract.js';
import { archiveTable, memoryArchive } from '../../support/memory-archive.js';

const table = archiveTable();

t.test('contract', async (t) =>
  archiveContract(t, {
    pods: [memoryArchive(table), memoryArchive(table)],
    open: async () => memoryArchive(table),
  }),
);
