/** `npm run tabs`: ten tabs of Chromium share a connection, and their leader is killed 200 times under load. */
import { killLeaders } from './tabs/leaders.js';

const [killsText = '200', tabsText = '10'] = process.argv.slice(2);
const [kills, tabs] = [Number(killsText), Number(tabsText)];
if (!(kills > 0) || !(tabs > 1)) {
  console.error('usage: npm run tabs -- [kills] [tabs]');
  process.exit(2);
}

const ends: (() => unknown)[] = [];
const report = await killLeaders(
  { teardown: (work) => ends.unshift(work) },
  {
    tabs,
    kills,
    perSecond: Number(process.env['RATE'] ?? 50),
    onKill: (line) => console.error(line),
  },
);
for (const end of ends) await end();

const silences = [...report.silences].sort((one, other) => one - other);
const at = (q: number): number =>
  Math.round(silences[Math.min(silences.length - 1, Math.floor(silences.length * q))] ?? 0);
const row: readonly (readonly [string, string | number])[] = [
  ['tabs', tabs],
  ['closed', report.kills.close],
  ['crashed', report.kills.crash],
  ['frozen', report.kills.freeze],
  ['messages', report.published],
  ['tabs judged', report.judged],
  ['missing', report.missing],
  ['twice', report.twice],
  ['out of order', report.disordered],
  ['gaps', report.gaps],
  ['connections, most', report.connections],
  ['silence after a kill, p50 ms', at(0.5)],
  ['p99 ms', at(0.99)],
  ['most ms', at(1)],
];
for (const cells of [row.map(([name]) => name), row.map(() => '---'), row.map(([, of]) => of)])
  console.log(`| ${cells.join(' | ')} |`);
const faults = row.filter(
  ([name, value]) =>
    (['missing', 'twice', 'out of order', 'gaps'].includes(name) && value !== 0) ||
    (name === 'connections, most' && value !== 1),
);
console.log(
  faults.length === 0
    ? 'verdict: ok'
    : `verdict: FAILED\n${faults.map(([name, value]) => `${name}: ${value}`).join('\n')}`,
);
process.exit(faults.length === 0 ? 0 : 1);
