/**
 * `npm run archive -- million [messages] [seconds between kills]`: are the rows of PostgreSQL the acknowledged
 * messages, each once and in order, when pods and PostgreSQL are killed again and again?
 */
import { type ArchiveKills, killArchive, KINDS } from '../../spec/support/archive-kills.js';
import { FAULTS } from '../../spec/support/archive-kills/judge.js';

const ROOMS = 50;
const PUBLISHERS = 100;
const WINDOW = 16;

const [messagesText = '1000000', everyText = '5'] = process.argv.slice(3);
const [messages, every] = [Number(messagesText), Number(everyText)];
const { BROKER_TIMEOUT_MS } = process.env;
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
if (!(messages > 0) || !(every > 0)) {
  console.error('usage: npm run archive -- million [messages] [seconds between kills]');
  process.exit(2);
}

const NAMES = {
  unacknowledged: 'never acknowledged',
  podOnly: 'acks with `scope`: reached one pod only',
  missing: 'acknowledged, no row',
  twice: 'two rows of one message',
  otherId: 'the row has another id than the ack',
  foreign: 'never sent',
  overtaken: 'before a message that was acknowledged earlier than it was sent',
  disordered: 'not refused or cut off, and not in the order of sending',
  epochs: 'epochs beyond the first one of a room',
  unexplained: 'offsets without a row that no message explains',
} as const;

const beganAt = performance.now();
const log = (line: string): void =>
  console.error(`${((performance.now() - beganAt) / 1_000).toFixed(1).padStart(7)} ${line}`);
const endings: (() => unknown)[] = [];

console.log(
  `${messages} messages, ${PUBLISHERS} publishers in ${ROOMS} rooms with ${WINDOW} messages under way each, three pods; seed ${seed}`,
);
const run = async (): Promise<ArchiveKills> => {
  const test = { teardown: (work: () => unknown) => void endings.unshift(work) };
  try {
    return await killArchive(test, {
      messages,
      rooms: ROOMS,
      publishers: PUBLISHERS,
      window: WINDOW,
      everyMs: every * 1_000,
      seed,
      env: BROKER_TIMEOUT_MS === undefined ? {} : { BROKER_TIMEOUT_MS },
      log,
    });
  } finally {
    for (const end of endings) await end();
  }
};
const result = await run();
const { judgement, faults, seconds, ackMs, kills } = result;
const quantile = (q: number): string =>
  (ackMs[Math.min(ackMs.length - 1, Math.floor(ackMs.length * q))] ?? Number.NaN).toFixed(0);

const rows: readonly (readonly [string, string | number])[] = [
  ['rows in PostgreSQL', judgement.rows],
  ['acknowledged', judgement.acknowledged],
  ...FAULTS.map((name) => [NAMES[name], judgement[name]] as const),
  ['stored, no ack (allowed)', judgement.storedUnacknowledged],
  ['offsets without a row (allowed)', judgement.holes],
  ['seconds', seconds.toFixed(0)],
  ['messages a second', Math.round(judgement.acknowledged / seconds)],
  ['ack, p50 ms', quantile(0.5)],
  ['ack, p99 ms', quantile(0.99)],
  ['ack, most ms', quantile(1)],
  ['longest time without any ack, ms', Math.round(result.silenceMs)],
  ['messages sent again', result.repeated],
  ['acks with `duplicate`', result.duplicates],
  ...Object.entries(result.refusals).map(([code, times]) => [`refused: ${code}`, times] as const),
  ['connections', result.connections],
  ...KINDS.map((kind) => {
    const some = kills.filter((kill) => kill.kind === kind).map(({ backMs }) => backMs);
    const most = (Math.max(0, ...some) / 1_000).toFixed(1);
    return [`killed: ${kind}`, `${some.length}, back after at most ${most} s`] as const;
  }),
];
console.log('| | |\n|---|---|');
for (const [name, value] of rows) console.log(`| ${name} | ${value} |`);
for (const note of judgement.notes) console.log(note);
console.log(
  '\nNot shown: a power cut (what the kernel has is not lost with a process), a PostgreSQL that loses ' +
    'transactions, a Redis that fails, what members get, a network.',
);
const all = kills.length > 0 ? faults : [...faults, 'nothing was killed'];
console.log(all.length === 0 ? 'verdict: ok' : `verdict: FAILED\n${all.join('\n')}`);
process.exit(all.length === 0 ? 0 : 1);
