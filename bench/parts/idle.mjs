// What an idle connection takes of resident memory. A fresh process grows for other reasons (compiled code,
// heap that is kept), so each server first serves 500 connections that leave again, and is compared with
// itself after that.
import { setTimeout as after } from 'node:timers/promises';
import { hold } from '../support/load.mjs';
import { figure, machine, note, table } from '../support/report.mjs';
import { contenders, rssKb } from '../support/server.mjs';

const count = Number(process.argv[2] ?? 10_000);
const names = (process.env.CONTENDERS ?? Object.keys(contenders).join()).split(',');
const rooms = Math.max(1, Math.round(count / 100));
const LINGER = 7000; // a room outlives its last member by 5 s

machine('ws', 'socket.io');
console.log(`${figure(count)} idle connections in ${figure(rooms)} rooms, one process`);

const rows = [];
for (const name of names) {
  note(name);
  const server = await contenders[name](
    name === 'chat-api' ? { MAX_CONNECTIONS: String(count + 1000) } : {},
  );
  const fresh = rssKb(server.pid);
  await (await hold([server], { conns: 500, rooms: 5 })).end();
  await after(LINGER);
  const heapBefore = await server.memory();
  const before = rssKb(server.pid);

  const crowd = await hold([server], { conns: count, rooms, settle: 3 });
  const raw = rssKb(server.pid);
  const heapAfter = await server.memory();
  await after(1000);
  const loaded = rssKb(server.pid);
  const over = await crowd.end();
  await after(LINGER);
  await server.memory();
  const left = rssKb(server.pid);
  await server.stop();

  const inHeap = ({ heapUsed, external }) => (heapUsed + external) / 1024;
  rows.push([
    name,
    figure((loaded - before) / count, 2),
    figure((inHeap(heapAfter) - inHeap(heapBefore)) / count, 2),
    figure((raw - fresh) / count, 2),
    ...[fresh, before, raw, loaded, left].map((kb) => figure(kb / 1024, 1)),
    `${crowd.connected.ready}/${count}`,
    crowd.connected.gone + over.refused + over.failed,
  ]);
}
table([
  [
    'server',
    'kB each',
    'of it heap',
    'kB each, raw',
    'fresh MB',
    'warmed',
    'raw',
    'collected',
    'all gone',
    'held',
    'lost',
  ],
  ...rows,
]);

console.log(`
"kB each" = (resident with ${figure(count)} held, after a forced collection − resident after 500 came and went, after one too) / ${figure(count)}.
"of it heap" is the same of heapUsed + external. "raw" = 3 s after the last came, no collection, against the process as it started:
garbage of ${figure(count)} handshakes, compiled code and all. "all gone": after they left, a collection, ${LINGER / 1000} s.
Not shown: the kernel's memory for the sockets, TLS, connections that talk, other rooms than ${figure(count / rooms)} members each.`);
