// A hundred thousand connections on six pods that share one Redis, then one global message, counted at every one of them.
import { hold } from '../support/load.mjs';
import { figure, machine, note, table, verdict } from '../support/report.mjs';
import { pod, redis, rssKb } from '../support/server.mjs';

const count = Number(process.argv[2] ?? 100_000);
const podCount = Number(process.env.PODS ?? 6);
const rooms = Number(process.env.ROOMS ?? Math.max(1, Math.round(count / 10)));
const processes = Math.max(podCount, Math.ceil(count / 18_000)); // a process may open 20,000 files

machine();
console.log(
  `${figure(count)} connections in ${figure(rooms)} rooms, ${podCount} pods, one Redis, ${processes} client processes, all on this machine`,
);
const store = await redis();
const pods = [];
for (let i = 1; i <= podCount; i++) {
  pods.push(
    await pod({
      REDIS_URL: store.url,
      SERVER_ID: `pod-${i}`,
      MAX_CONNECTIONS: String(Math.ceil(count / podCount) + 1000),
    }),
  );
}
const freshKb = pods.map(({ pid }) => rssKb(pid));
note('connecting');
const crowd = await hold(pods, {
  conns: count,
  rooms,
  processes,
  ramp: 240,
  settle: 5,
  patience: 30,
});
const { connected } = crowd;
console.log(
  `held ${figure(connected.held)} of ${figure(count)}, members of their room ${figure(connected.ready)}, hear the global log ${figure(connected.hears_global)}`,
);
console.log(
  `after ${figure(connected.connect_s, 1)} s (${figure(connected.ready / connected.connect_s)} a second, ${figure((connected.connect_cpu_s / connected.ready) * 1e6)} µs of the pods' CPU each)\n`,
);

const metrics = await Promise.all(pods.map(({ metrics }) => metrics()));
table([
  ['pod', 'connections', 'rooms', 'RSS MB', 'kB a connection', 'broker up'],
  ...pods.map(({ pid }, i) => {
    const {
      realtime_connections_total: connections,
      realtime_rooms_total: inRooms,
      realtime_broker_up: up,
    } = metrics[i];
    const kb = rssKb(pid);
    return [
      `pod-${i + 1}`,
      figure(connections),
      figure(inRooms),
      figure(kb / 1024),
      figure((kb - freshKb[i]) / connections, 1),
      up,
    ];
  }),
]);
console.log(
  `redis: ${figure(rssKb(store.pid) / 1024)} MB, ${figure(await store.roomChannels())} room channels\n`,
);

const published = await crowd.publish();
console.log(
  `one global message: ${figure(published.delivered)} of ${figure(published.open)} got it, ${published.repeats} twice`,
);
console.log(
  `first after ${figure(published.first_ms, 1)} ms, half by ${figure(published.p50_ms, 1)}, 99 % by ${figure(published.p99_ms, 1)}, last ${figure(published.last_ms, 1)} ms; ${figure(published.server_cpu_s, 2)} s of the pods' CPU`,
);
const over = await crowd.end();
for (const each of [...pods, store]) await each.stop();

console.log(`
"kB a connection" is against the pod as it started, without a collection. Not shown: a network, TLS, talk in the rooms.
All ${podCount + processes + 1} processes share this machine's cores: pods that have one each are faster than these times.`);
verdict([
  ...(connected.held === count && connected.ready === count
    ? []
    : [`${connected.held} held, ${connected.ready} members, of ${count}`]),
  ...(connected.hears_global === count
    ? []
    : [`${connected.hears_global} were told that they hear the global log`]),
  ...(published.delivered === count && published.repeats === 0
    ? []
    : [`${published.delivered} got the message, ${published.repeats} twice`]),
  ...(over.errors === 0 &&
  over.refused === 0 &&
  over.failed === 0 &&
  Object.keys(over.closes).length === 0
    ? []
    : [`errors, refusals or closes: ${JSON.stringify(over)}`]),
]);
