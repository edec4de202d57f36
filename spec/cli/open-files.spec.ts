/** The limit of open files, in the report of Node. */
import t from 'tap';
import { openFilesIn } from '../../lib/cli/open-files.js';

t.test('when the report has a limit, then it is that number; else there is none', async (t) => {
  const reportOf = (soft: unknown): object => ({ userLimits: { open_files: { soft, hard: 9 } } });
  t.equal(openFilesIn(reportOf(1024)), 1024);
  t.equal(openFilesIn(reportOf('1024')), 1024);
  t.equal(openFilesIn(reportOf('unlimited')), undefined);
  t.equal(openFilesIn({}), undefined);
  t.ok((openFilesIn(process.report.getReport()) ?? Infinity) > 0, 'this process');
});
