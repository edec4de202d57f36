// How many connections a second of the server's CPU gives: connect, join a room, close in order.
import { load } from '../support/load.mjs';
import { figure, machine, median, note, table } from '../support/report.mjs';
import { contenders } from '../support/server.mjs';

const repeats = Number(process.env.REPEATS ?? 5);
const seconds = Number(process.env.SECONDS_EACH ?? 4);
const names = (process.env.CONTENDERS ?? Object.keys(contenders).join()).split(',');

machine('ws', 'socket.io');
console.log(
  `50 at a time in 50 rooms, as fast as they are let in, ${seconds} s after 2 s of warm-up, medians of ${repeats} turns of each`,
);
const results = new Map(names.map((name) => [name, []]));
for (let turn = 1; turn <= repeats; turn++) {
  for (const name of names) {
    note(`turn ${turn} of ${repeats}: ${name}`);
    const server = await contenders[name]();
    results.get(name).push(await load('churn', [server], { conns: 50, rooms: 50, seconds }));
    await server.stop();
  }
}

const of = (name, field) => median(results.get(name).map((result) => result[field]));
const beside = (name, other) =>
  results.has(other)
    ? `× ${figure(of(name, 'cycles_per_cpu_s') / of(other, 'cycles_per_cpu_s'), 2)}`
    : '–';
table([
  [
    'server',
    'per CPU-second',
    'beside ws',
    'beside socket.io',
    'per second',
    'CPU',
    'member p50 ms',
    'p99 ms',
    'refused, failed',
  ],
  ...names.map((name) => [
    name,
    figure(of(name, 'cycles_per_cpu_s')),
    beside(name, 'ws'),
    beside(name, 'socket.io'),
    figure(of(name, 'cycles_per_s')),
    figure(of(name, 'server_cpu'), 2),
    figure(of(name, 'ready_p50_ms'), 1),
    figure(of(name, 'ready_p99_ms'), 1),
    results.get(name).reduce((sum, { refused, failed }) => sum + refused + failed, 0),
  ]),
]);
console.log(`
"member" is from the first packet to the word that one is in the room (ws: to the upgrade, it has no such word).
Not shown: TLS, tokens, a network, rooms that many others share.`);
