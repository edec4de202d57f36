// Five hundred readers stop in a busy room, and connect again whenever they are cut. The bytes that wait for
// all of them stay within OUTBOX_TOTAL_BYTES, and the other readers notice little: their p99 is compared with
// that of before, pair by pair, medians of five.
import { setTimeout as after } from 'node:timers/promises';
import { load } from '../support/load.mjs';
import { figure, machine, median, note, table, verdict } from '../support/report.mjs';
import { pod } from '../support/server.mjs';

const STALLED = Number(process.argv[2] ?? 500);
const REPEATS = Number(process.env.REPEATS ?? 5);
const TOTAL = 32 * 1024 * 1024;
const MiB = 1024 * 1024;
const members = { conns: 200, rooms: 1, publishers: 10, rate: 300, size: 1000 };
const seconds = 6;

machine();
console.log(
  `${members.conns} members read ${members.rate} messages of ${members.size} bytes a second; ${STALLED} stop reading, ` +
    `OUTBOX_TOTAL_BYTES ${TOTAL}; ${REPEATS} pairs`,
);

const rows = [];
for (let turn = 1; turn <= REPEATS; turn++) {
  note(`pair ${turn} of ${REPEATS}`);
  const server = await pod({ OUTBOX_TOTAL_BYTES: String(TOTAL) });
  const before = await load('fanout', [server], { ...members, seconds });
  let watching = true;
  let most = 0;
  const watch = (async () => {
    while (watching) {
      most = Math.max(most, (await server.metrics()).realtime_send_buffer_bytes);
      await after(100);
    }
  })();
  const crowd = load('stalled', [server], {
    conns: STALLED,
    rooms: 1,
    window: 4096,
    patience: 4,
    seconds: seconds + 8,
  });
  await after(2000);
  const beside = await load('fanout', [server], { ...members, seconds });
  const { most: open, stalls } = await crowd;
  watching = false;
  await watch;
  const cut = (await server.metrics())['realtime_closes{code="1013"}'] ?? 0;
  rows.push({ before, beside, most, open, stalls, cut });
  await server.stop();
}

table([
  [
    'pair',
    'p99 before, ms',
    'p99 beside them, ms',
    'most that waited, MiB',
    'stalled at once',
    'stalls',
    'cut',
    'gone, wrong',
  ],
  ...rows.map(({ before, beside, most, open, stalls, cut }, i) => [
    i + 1,
    figure(before.p99_ms, 2),
    figure(beside.p99_ms, 2),
    figure(most / MiB, 1),
    open,
    stalls,
    cut,
    beside.gone + beside.holes + beside.repeats + before.gone + before.holes + before.repeats,
  ]),
]);
const was = median(rows.map(({ before }) => before.p99_ms));
const is = median(rows.map(({ beside }) => beside.p99_ms));
console.log(`p99 of those who read: ${figure(was, 2)} ms before, ${figure(is, 2)} ms beside them`);

const failures = [];
if (is > was * 1.5 && is > was + 5)
  failures.push(`p99 ${figure(is, 2)} ms, expected at most 1.5 × ${figure(was, 2)} or 5 ms more`);
for (const [i, { most, open, cut, beside }] of rows.entries()) {
  const fault = (text) => failures.push(`pair ${i + 1}: ${text}`);
  if (most > TOTAL) fault(`${most} bytes waited, expected at most ${TOTAL}`);
  if (open < STALLED) fault(`${open} stalled at once, expected ${STALLED}`);
  if (cut === 0) fault('nobody was cut: the load was too light to show anything');
  if (beside.gone + beside.holes + beside.repeats > 0) fault('a member that read was hurt');
  if (beside.delivered < beside.expected) fault('a member that read missed messages');
}
verdict(failures);
