/** The limit of open files of this process (`ulimit -n`), in a report of Node. */
import * as t from 'io-ts';

const Report = t.type({
  userLimits: t.type({ open_files: t.type({ soft: t.union([t.number, t.string]) }) }),
});

/** Undefined: unlimited, or not reported, as on Windows. Node raises the soft limit to the hard one at its start. */
export const openFilesIn = (report: unknown): number | undefined => {
  if (!Report.is(report)) return undefined;
  const { soft } = report.userLimits.open_files;
  const files = Number(soft);
  return Number.isFinite(files) ? files : undefined;
};
