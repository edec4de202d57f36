// Is anything left? Clients connect, join, chat, leave and break off for minutes; then all are gone, and
// heap, files, handles, rooms, connections and Redis subscriptions must be what they were before.
import { setTimeout as after } from 'node:timers/promises';
import { load } from '../support/load.mjs';
import { figure, machine, note, table, verdict } from '../support/report.mjs';
import { pod, redis, rssKb } from '../support/server.mjs';

const minutes = Number(process.argv[2] ?? 30);
const podCount = Number(process.env.PODS ?? 2);
const crowd = {
  conns: Number(process.env.CROWD ?? 500),
  rate: Number(process.env.DEEDS ?? 1000),
  ramp: 50,
};
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const every = Math.max(5, Math.min(60, (minutes * 60) / 5));
const LINGER = 8000; // rooms outlive their last member by 5 s

machine();
console.log(
  `${figure(crowd.conns)} visitors, ${figure(crowd.rate)} deeds a second, ${minutes} min, ${podCount} pods with Redis, seed ${seed}`,
);
const store = await redis();
const pods = [];
for (let i = 1; i <= podCount; i++)
  pods.push(await pod({ REDIS_URL: store.url, SERVER_ID: `pod-${i}`, LOG_LEVEL: 'error' }));

const samples = [];
const sample = async (label) => {
  const collected = await Promise.all(pods.map(({ memory }) => memory()));
  const metrics = await Promise.all(pods.map(({ metrics }) => metrics()));
  const sum = (name) => metrics.reduce((total, each) => total + (each[name] ?? Number.NaN), 0);
  const found = {
    label,
    heapMb:
      collected.reduce((total, { heapUsed, external }) => total + heapUsed + external, 0) / 2 ** 20,
    metricMb: sum('nodejs_heap_size_used_bytes') / 2 ** 20,
    rssMb: pods.reduce((total, { pid }) => total + rssKb(pid), 0) / 1024,
    files: sum('process_open_fds'),
    handles: sum('nodejs_active_handles_total'),
    connections: sum('realtime_connections_total'),
    rooms: sum('realtime_rooms_total'),
    channels: await store.roomChannels(),
  };
  note(
    `${label}: heap ${figure(found.heapMb, 1)} MB, ${found.connections} connections, ${found.rooms} rooms, ${found.channels} channels`,
  );
  samples.push(found);
  return found;
};

note('warming up');
await load('visitors', pods, {
  ...crowd,
  seconds: Math.min(60, Math.max(15, minutes * 6)),
  seed: seed + 1,
});
await after(LINGER);
const before = await sample('before');
let over = false;
const began = Date.now();
const visit = load('visitors', pods, { ...crowd, seconds: minutes * 60, seed }).finally(
  () => (over = true),
);
const under = [];
for (let next = Date.now() + every * 1000; !over; next += every * 1000) {
  await Promise.race([visit, after(next - Date.now())]);
  if (!over && Date.now() - began < minutes * 60_000)
    under.push(await sample(`${figure((Date.now() - began) / 60_000, 1)} min`));
}
const visited = await visit;
await after(LINGER);
const end = await sample('after');
for (const each of [...pods, store]) await each.stop();

const columns = [
  'heapMb',
  'metricMb',
  'rssMb',
  'files',
  'handles',
  'connections',
  'rooms',
  'channels',
];
table([
  [
    'when',
    'heap+external MB',
    'heap metric MB',
    'RSS MB',
    'files',
    'handles',
    'connections',
    'rooms',
    'room channels',
  ],
  ...samples.map((each) => [
    each.label,
    ...columns.map((name, i) => figure(each[name], i < 3 ? 1 : 0)),
  ]),
]);
console.log(`\nthe crowd: ${JSON.stringify(visited)}`);
console.log(`
Sums over the pods, after a forced collection each time; "before" is after a warm-up crowd has come and gone.
Not shown: what grows slower than ${minutes} minutes can tell, Redis outages, tokens, an archive.`);

const grown = (end.heapMb - before.heapMb) / before.heapMb;
const third = Math.floor(under.length / 3);
const mean = (list) => list.reduce((total, { heapMb }) => total + heapMb, 0) / list.length;
const drift = third >= 3 ? mean(under.slice(-third)) / mean(under.slice(0, third)) - 1 : 0;
const zero = (name) => (end[name] === 0 ? [] : [`${name} after everyone left: ${end[name]}`]);
console.log(
  `heap after against before ${figure(grown * 100, 1)} %, last third of the samples under load against the first ${third >= 3 ? `${figure(drift * 100, 1)} %` : 'not judged, fewer than nine samples'}`,
);
verdict([
  ...zero('connections'),
  ...zero('rooms'),
  ...zero('channels'),
  ...(under.every(({ channels }) => channels > 0)
    ? []
    : ['no room channel in Redis under load: the pods did not use it']),
  ...(grown <= 0.1
    ? []
    : [`heap grew by ${figure(grown * 100, 1)} % from before to after; 10 % is allowed`]),
  ...(drift <= 0.1
    ? []
    : [`heap under load drifted by ${figure(drift * 100, 1)} %; 10 % is allowed`]),
  ...(end.files <= before.files + podCount ? [] : [`open files ${before.files} → ${end.files}`]),
  ...(end.handles <= before.handles + podCount
    ? []
    : [`active handles ${before.handles} → ${end.handles}`]),
  ...(visited.goodbyes_unanswered === 0
    ? []
    : [`${visited.goodbyes_unanswered} goodbyes were not answered within 3 s`]),
]);
