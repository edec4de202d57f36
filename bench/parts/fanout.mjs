// Deliveries in a second of the server's CPU, beside ws and socket.io in one run. The machine is never quiet,
// so the servers take turns, REPEATS times, and medians are compared: the ratio is the result, the absolute
// numbers are only its background.
import { load } from '../support/load.mjs';
import { figure, machine, median, note, table } from '../support/report.mjs';
import { LOADS as loads } from '../support/loads.mjs';
import { contenders } from '../support/server.mjs';

const repeats = Number(process.env.REPEATS ?? 5);
const seconds = Number(process.env.SECONDS_EACH ?? 4);
const names = (process.env.CONTENDERS ?? Object.keys(contenders).join()).split(',');

machine('ws', 'socket.io');
console.log(
  `128 bytes a message, ${seconds} s after 2 s of warm-up, ${repeats} turns of each, medians (lowest–highest)`,
);

const results = new Map(
  loads.map(({ title }) => [title, new Map(names.map((name) => [name, []]))]),
);
for (let turn = 1; turn <= repeats; turn++) {
  for (const name of names) {
    note(`turn ${turn} of ${repeats}: ${name}`);
    for (const { title, ...options } of loads) {
      const server = await contenders[name](); // a fresh one: an overload must not affect the next load
      results
        .get(title)
        .get(name)
        .push(await load('fanout', [server], { ...options, seconds }));
      await server.stop();
    }
  }
}

for (const [title, byName] of results) {
  const of = (name, field) => byName.get(name).map((result) => result[field]);
  const efficiency = (name) => median(of(name, 'deliveries_per_cpu_s'));
  const beside = (name, other) =>
    byName.has(other) ? `× ${figure(efficiency(name) / efficiency(other), 2)}` : '–';
  console.log(`\n${title}`);
  table([
    [
      'server',
      'per CPU-second',
      'lowest–highest',
      'beside ws',
      'beside socket.io',
      'deliveries/s',
      'delivered',
      'CPU',
      'p50 ms',
      'p99 ms',
      'wrong',
    ],
    ...names.map((name) => {
      const perCpu = of(name, 'deliveries_per_cpu_s');
      const share = median(byName.get(name).map(({ delivered, expected }) => delivered / expected));
      const wrong = byName
        .get(name)
        .reduce(
          (sum, { holes, repeats: twice, errors, gone }) => sum + holes + twice + errors + gone,
          0,
        );
      return [
        name,
        figure(median(perCpu)),
        `${figure(Math.min(...perCpu))}–${figure(Math.max(...perCpu))}`,
        beside(name, 'ws'),
        beside(name, 'socket.io'),
        figure(median(of(name, 'deliveries_per_s'))),
        `${figure(Math.floor(share * 1000) / 10, 1)} %`,
        figure(median(of(name, 'server_cpu')), 2),
        figure(median(of(name, 'p50_ms')), 1),
        figure(median(of(name, 'p99_ms')), 1),
        wrong,
      ];
    }),
  ]);
  const busiest = Math.max(...names.flatMap((name) => of(name, 'client_cpu')));
  console.log(`the client used up to ${figure(busiest, 2)} of a core`);
}

console.log(`
"delivered" is of what was published in the window and had come 5 s after it; below 100 % the server was drowning and its p99
is only how long it was watched. "wrong" counts holes and repeats in a publisher's numbers, errors said, connections gone.
Not shown: a network (this is loopback, client and server share the machine's cores), TLS, compression, Redis, other sizes,
and what the service does for a message that the peers do not: envelope, id, order, log, limits, history. The ws loop and
socket.io neither keep nor number anything here. A server that gathers what waits sends more in a write when others take its
cores: with a p50 above some 30 ms its ratio is better than on a quiet machine.`);
