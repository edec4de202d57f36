// Numbers for people.
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';

export const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** 12,345; small numbers with `digits` decimals. */
export const figure = (value, digits = 0) =>
  Number.isFinite(value)
    ? value.toLocaleString('en-US', {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      })
    : '–';

/** Rows of text, the first the heading; numbers to the right. */
export const table = (rows) => {
  const widths = rows[0].map((_, column) =>
    Math.max(...rows.map((row) => String(row[column]).length)),
  );
  const line = (row) =>
    row
      .map((cell, i) =>
        i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]),
      )
      .join('  ');
  console.log(
    [
      line(rows[0]),
      widths.map((width) => '-'.repeat(width)).join('  '),
      ...rows.slice(1).map(line),
    ].join('\n'),
  );
};

const versionOf = (name) =>
  JSON.parse(
    readFileSync(new URL(`../peers/node_modules/${name}/package.json`, import.meta.url), 'utf8'),
  ).version;

export const machine = (...packages) => {
  const processors = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const versions = packages.map((name) => `, ${name} ${versionOf(name)}`).join('');
  console.log(
    `${processors.length} × ${processors[0]?.model ?? arch()}, ${gigabytes} GiB, ${platform()} ${release()}, node ${process.version}${versions}; load when started ${figure(loadavg()[0], 1)}`,
  );
};

/** One line that a person or a script can look for; the exit code follows it. */
export const verdict = (failures) => {
  console.log(
    failures.length === 0
      ? '\nverdict: ok'
      : `\nverdict: FAILED\n${failures.map((each) => `  - ${each}`).join('\n')}`,
  );
  process.exitCode = failures.length === 0 ? 0 : 1;
};

export const note = (text) => process.stderr.write(`${text}\n`);
