/** The results of a campaign, as tables. */
import type { Report, Suffered } from './campaign.js';
import type { Measure } from './fault.js';

const seconds = (ms: number): string => (ms === Infinity ? 'never' : (ms / 1_000).toFixed(2));

const table = (rows: readonly (readonly (string | number)[])[]): string => {
  const [head = [], ...rest] = rows;
  return [head, head.map(() => '---'), ...rest]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
};

/** Whether it took longer than its bound, with no other fault at the same time. */
export const isLate = ({ ms, barMs, alone }: Measure & { readonly alone: boolean }): boolean =>
  alone && ms > barMs;

const measured = ({ measures }: Suffered): readonly (readonly string[])[] => {
  const whats = [...new Set(measures.map(({ what }) => what))];
  return whats.map((what) => {
    const same = measures.filter((each) => each.what === what);
    const worst = (alone: boolean): string => {
      const some = same.filter((each) => each.alone === alone).map(({ ms }) => ms);
      return some.length === 0 ? '–' : seconds(Math.max(...some));
    };
    const late = same.filter(isLate).length;
    return [
      what,
      seconds(same[0]?.barMs ?? 0),
      worst(true),
      worst(false),
      late === 0 ? '' : `${late} over`,
    ];
  });
};

const faultTable = ({ suffered }: Report): string =>
  table([
    [
      'fault',
      'alone',
      'in pairs',
      'what',
      'bar, s',
      'worst alone, s',
      'worst in pairs, s',
      '',
      'counts (most)',
    ],
    ...suffered.flatMap((row) => {
      const { fault, alone, inPairs, counts } = row;
      const lines = measured(row);
      const countsText = Object.entries(counts)
        .map(([what, count]) => `${what}: ${Math.round(count)}`)
        .join(', ');
      const first = [`${fault.row} ${fault.what}`, alone, inPairs];
      if (lines.length === 0) return [[...first, '–', '', '', '', '', countsText]];
      return lines.map((line, i) =>
        i === 0 ? [...first, ...line, countsText] : ['', '', '', ...line, ''],
      );
    }),
  ]);

/** Missing deliveries without a gap: violations of I1, I3, I4 and I9. */
const unsaid = ({ verdict }: Report): number =>
  verdict.violations.filter(({ tag }) => ['I1', 'I3', 'I4', 'I9'].includes(tag)).length;

const doubled = ({ verdict }: Report): number =>
  verdict.violations.filter(({ tag }) => tag === 'I2' || tag === 'I7').length;

/** The numbers of all acts. */
export const totals = (reports: readonly Report[]): string =>
  table([
    ['', ...reports.map(({ name }) => name)],
    ...(
      [
        ['said', (each) => each.verdict.counts.sent],
        ['said again', (each) => each.counts.resent],
        ['known already', (each) => each.counts.duplicates],
        ['acked', (each) => each.verdict.counts.acked],
        ['of these on one pod only', (each) => each.verdict.counts.ackedOnPod],
        ['refused', (each) => each.verdict.counts.refused],
        ['unanswered', (each) => each.verdict.counts.unanswered],
        ['delivered', (each) => each.verdict.counts.delivered],
        ['replayed', (each) => each.verdict.counts.recovered],
        ['missed, told', (each) => each.verdict.counts.missedWithGap],
        ['lost or unsaid (I1 I3 I4 I9)', unsaid],
        ['doubled (I2 I7)', doubled],
        ['again after a reconnect that asked', (each) => each.verdict.counts.repeats],
        ['violations', (each) => each.verdict.found],
        ['other wrongs', (each) => each.wrongs.length],
        ['connections', (each) => each.verdict.counts.connections],
        ['sockets closed unexpectedly', (each) => each.unexpected],
        [
          'gaps told',
          ({ verdict }) =>
            Object.entries(verdict.counts.gaps)
              .map(([reason, count]) => `${count} ${reason}`)
              .join(', ') || '0',
        ],
        [
          'closes',
          ({ closes }) =>
            Object.entries(closes)
              .map(([why, count]) => `${count} × ${why}`)
              .join('; ') || '0',
        ],
      ] as readonly (readonly [string, (report: Report) => string | number])[]
    ).map(([what, of]) => [what, ...reports.map(of)]),
  ]);

/** One act, with the texts of the first violations. */
export const textOf = (report: Report): string => {
  const { verdict, wrongs } = report;
  const found = verdict.violations
    .slice(0, 30)
    .map(
      ({ tag, client, room, text, at }) =>
        `  ${tag} ${at.toFixed(0)} ${client ?? ''} ${room ?? ''}: ${text}`,
    );
  return [
    `\n## ${report.name}\n`,
    faultTable(report),
    ...(found.length > 0 ? [`\n${verdict.found} violations, the first:`, ...found] : []),
    ...(wrongs.length > 0
      ? [`\n${wrongs.length} wrongs:`, ...wrongs.slice(0, 30).map((text) => `  ${text}`)]
      : []),
  ].join('\n');
};

/** Why a run failed; empty: it did not. */
export const failures = (reports: readonly Report[], times: number): readonly string[] =>
  reports.flatMap(({ name, verdict, wrongs, suffered, unexpected }) => {
    const late = suffered.flatMap(({ fault, measures }) =>
      measures.filter(isLate).map(({ what, ms }) => `${fault.row} ${what} ${seconds(ms)} s`),
    );
    const rare = suffered.filter(({ alone, inPairs }) => alone + inPairs < times);
    return [
      ...(verdict.found > 0 ? [`${name}: ${verdict.found} violations`] : []),
      ...(wrongs.length > 0 ? [`${name}: ${wrongs.length} wrongs`] : []),
      ...(unexpected > 0 ? [`${name}: ${unexpected} sockets closed unexpectedly`] : []),
      ...(late.length > 0 ? [`${name}: over the bar: ${late.join(', ')}`] : []),
      ...(rare.length > 0
        ? [`${name}: less than ${times} times: ${rare.map(({ fault }) => fault.row).join(' ')}`]
        : []),
    ];
  });
