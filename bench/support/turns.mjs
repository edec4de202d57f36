// Kinds of one server take turns under the same loads, and medians are compared with those of the first kind.
import { load } from './load.mjs';
import { figure, median, note, table } from './report.mjs';

const repeats = Number(process.env.REPEATS ?? 5);
const seconds = Number(process.env.SECONDS_EACH ?? 4);

/**
 * `loads`: a title and the options of the load. `kinds`: by name, starts the server. A server has its port and
 * the process ids whose CPU counts.
 */
export const turns = async (loads, kinds) => {
  const names = Object.keys(kinds);
  console.log(
    `128 bytes a message, ${seconds} s after 6 s of warm-up, ${repeats} turns of each, medians`,
  );
  for (const { title, ...options } of loads) {
    const results = new Map(names.map((name) => [name, []]));
    for (let turn = 1; turn <= repeats; turn++)
      for (const name of names) {
        note(`${title}: turn ${turn} of ${repeats}: ${name}`);
        const server = await kinds[name]();
        const pids = (server.pids ?? [server.pid]).join();
        results
          .get(name)
          .push(await load('fanout', [server], { ...options, seconds, warmup: 6, pids }));
        await server.stop();
      }
    const of = (name, field) => median(results.get(name).map((result) => result[field]));
    const wrong = (name) =>
      results
        .get(name)
        .reduce(
          (sum, { holes, repeats: twice, errors, gone }) => sum + holes + twice + errors + gone,
          0,
        );
    const [first] = names;
    console.log(`\n${title}`);
    table([
      [
        'server',
        'per CPU-second',
        `to ${first}`,
        'deliveries/s',
        'CPU',
        'p50 ms',
        'p99 ms',
        'wrong',
      ],
      ...names.map((name) => [
        name,
        figure(of(name, 'deliveries_per_cpu_s')),
        figure(of(name, 'deliveries_per_cpu_s') / of(first, 'deliveries_per_cpu_s'), 3),
        figure(of(name, 'deliveries_per_s')),
        figure(of(name, 'server_cpu'), 2),
        figure(of(name, 'p50_ms'), 1),
        figure(of(name, 'p99_ms'), 1),
        wrong(name),
      ]),
    ]);
  }
};
