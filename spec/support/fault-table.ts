/** What was measured of each fault, as a table. */
import { type Latest, type Row } from './faults.js';

const HEAD = [
  'fault',
  'degraded told',
  'restored told',
  'gaps told',
  'sent',
  'acked',
  'ack p50, p99, most',
  'on pod',
  'refused',
  'delivered',
  'missed, told',
  'missed, unsaid',
  'doubled',
  'early place',
  'closed',
] as const;

/** The rows as a table of Markdown. */
export const tableOf = (rows: readonly Row[]): string => {
  const seconds = ({ clients, ms }: Latest, of: number): string =>
    ms === undefined ? '–' : `${clients}/${of}, ${(ms / 1000).toFixed(2)} s`;
  const lines = rows.map(({ name, clients, degraded, restored, gaps, verdict, ackMs, closed }) => [
    name,
    seconds(degraded, clients),
    seconds(restored, clients),
    Object.entries(gaps)
      .map(([reason, count]) => `${count} ${reason}`)
      .join(', ') || '–',
    verdict.sent,
    verdict.acked,
    `${ackMs.map((ms) => ms.toFixed(0)).join(', ')} ms`,
    verdict.ackedOnPod,
    verdict.refused + verdict.unanswered,
    verdict.delivered,
    verdict.missingWithGap,
    verdict.missingWithoutGap,
    verdict.doubled,
    verdict.behind,
    closed,
  ]);
  return [HEAD, HEAD.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
};
