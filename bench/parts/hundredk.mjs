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
const { held } = crowd;
console.log(
  `held ${figure(held.held)} of ${figure(count)}, members of their room ${figure(held.ready)}, hear the global log ${figure(held.hears_global)}`,
);
console.log(
  `after ${figure(held.connect_s, 1)} s (${figure(held.ready / held.connect_s)} a second, ${figure((held.connect_cpu_s / held.ready) * 1e6)} µs of the pods' CPU each)\n`,
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

const said = await crowd.say();
console.log(
  `one global message: ${figure(said.delivered)} of ${figure(said.open)} got it, ${said.repeats} twice`,
);
console.log(
  `first after ${figure(said.first_ms, 1)} ms, half by ${figure(said.p50_ms, 1)}, 99 % by ${figure(said.p99_ms, 1)}, last ${figure(said.last_ms, 1)} ms; ${figure(said.server_cpu_s, 2)} s of the pods' CPU`,
);
const over = await crowd.end();
for (const each of [...pods, store]) await each.stop();

console.log(`
"kB a connection" is against the pod as it started, without a collection. Not shown: a network, TLS, talk in the rooms.
All ${podCount + processes + 1} processes share this machine's cores: pods that have one each are faster than these times.`);
verdict([
  ...(held.held === count && held.ready === count
    ? []
    : [`${held.held} held, ${held.ready} members, of ${count}`]),
  ...(held.hears_global === count
    ? []
    : [`${held.hears_global} were told that they hear the global log`]),
  ...(said.delivered === count && said.repeats === 0
    ? []
    : [`${said.delivered} got the message, ${said.repeats} twice`]),
  ...(over.errors === 0 &&
  over.refused === 0 &&
  over.failed === 0 &&
  Object.keys(over.closes).length === 0
    ? []
    : [`errors, refusals or closes: ${JSON.stringify(over)}`]),
]);
