/** What `npm run cluster` runs: Redis, three pods, nginx. Its orders come from `bench/cluster.ts`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { envExample } from '../../lib/config/index.js';
import { startNginxPods } from '../../spec/support/nginx-pods.js';
import { BASE } from '../../spec/support/pod.js';
import {
  isPostgresInstalled,
  type PostgresServer,
  startPostgres,
} from '../../spec/support/postgres.js';
import type { Order } from '../cluster.js';
import { type Look, lookAt, table } from './view.js';

const PORT = Number(process.env['PORT'] ?? 8_000);
/** What the cluster itself sets; the line `listening` of a pod's log is read. */
const OWN = new Set([
  ...['PORT', 'HOST', 'SERVER_ID', 'REDIS_URL', 'TRUSTED_PROXIES'],
  ...['LOG_LEVEL', 'LOG_FORMAT'],
]);
const PODS = [1, 2, 3];
const EVERY_MS = 1_000;
/** Without a terminal. */
const PRINTED_EVERY_MS = 10_000;

const isTerminal = process.stdout.isTTY;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** The variables of the service that this shell has. */
const given = Object.fromEntries(
  [...envExample().matchAll(/^#?([A-Z_]+)=/gm)].flatMap(([, name = '']) => {
    const value = process.env[name];
    return value === undefined || OWN.has(name) ? [] : [[name, value]];
  }),
);

let orders: Order[] = [];
process.on('message', (order: Order) => {
  orders.push(order);
});
// the terminal is gone
process.once('disconnect', () => orders.push('stop'));

/** A PostgreSQL that ends with this process; its messages are gone then. */
const postgresWanted = async (): Promise<PostgresServer | undefined> => {
  if (!process.argv.includes('--postgres')) return undefined;
  if (!isPostgresInstalled()) {
    print('--postgres needs PostgreSQL; on Debian and Ubuntu: sudo apt-get install postgresql');
    process.exit(1);
  }
  return startPostgres({ fsync: true });
};
const postgres = await postgresWanted();

print('starting Redis, three pods and nginx …');
const { redis, pods, stop } = await startNginxPods({
  env: postgres === undefined ? given : { ...given, DATABASE_URL: postgres.url },
  podPorts: PODS.map((pod) => PORT + pod),
  redisPort: PORT + 4,
  nginx: { ports: [PORT], workers: 2, perSecond: 1_000, burst: 10_000 },
}).catch((error: unknown) => {
  print(`${String(error)}\nPORT=9000 npm run cluster takes other ports: 9000 to 9004`);
  process.exit(1);
});
for (const line of [
  '',
  `  nginx      http://127.0.0.1:${PORT}   ws://127.0.0.1:${PORT}${BASE}/ws/general`,
  `  Redis      ${redis.url}   redis-cli -p ${redis.port} psubscribe 'realtime:*'`,
  ...(postgres === undefined ? [] : [`  PostgreSQL ${postgres.url}   psql ${postgres.url}`]),
  `  load test  npm run k6 -- -e BASE_URL=http://127.0.0.1:${PORT} deploy/k6/rooms.js`,
  '',
  `Ctrl-C stops all.${isTerminal ? ' r and Enter: restart the pods one after the other.' : ''}`,
  '',
])
  print(line);

let before: readonly Look[] = [];
let shown = 0;
let printedAt = -PRINTED_EVERY_MS;
const show = async (): Promise<void> => {
  const looks = await Promise.all(pods.map(lookAt));
  const now = performance.now();
  const lines = table(looks, before);
  before = looks;
  if (isTerminal) {
    // over the table before
    process.stdout.write(`${shown > 0 ? `\x1b[${shown}A` : ''}${lines.join('\x1b[K\n')}\x1b[K\n`);
    shown = lines.length;
  } else if (now - printedAt >= PRINTED_EVERY_MS) {
    printedAt = now;
    print(lines.join('\n'));
  }
};

/** One after the other, as a deployment does it. */
const restartAll = async (): Promise<void> => {
  for (const pod of pods) {
    const how = await pod.drain();
    if (how !== 0) print(`${pod.name} ended with ${how}`);
    await pod.start();
  }
};

let restarting: Promise<void> | undefined;
const isOrdered = (what: Order): boolean => orders.includes(what);
while (!isOrdered('stop') && !isOrdered('hurry')) {
  if (isOrdered('restart'))
    restarting ??= restartAll()
      .catch((error: unknown) => print(String(error)))
      .finally(() => (restarting = undefined));
  orders = orders.filter((order) => order !== 'restart');
  await show();
  await sleep(EVERY_MS);
}

print('stopping: the pods drain (once more Ctrl-C ends them at once) …');
const hurry = setInterval(() => {
  if (!isOrdered('hurry')) return;
  for (const { running } of pods) running().signal('SIGKILL');
}, 100);
await restarting;
await stop();
await postgres?.stop();
clearInterval(hurry);
print('stopped');
process.exit(0);
