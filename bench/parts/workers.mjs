// What `WORKERS=2` costs: deliveries in a second of CPU of all its processes, beside those of one worker.
import { readdirSync, readFileSync } from 'node:fs';
import { machine } from '../support/report.mjs';
import { pod, redis } from '../support/server.mjs';
import { turns } from '../support/turns.mjs';

const parentOf = (pid) => {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[1]);
  } catch {
    return undefined;
  }
};
const withChildren = (server) => ({
  ...server,
  pids: [
    server.pid,
    ...readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === server.pid),
  ],
});

const two = async (env = {}) => withChildren(await pod({ WORKERS: '2', ...env }));

machine();
await turns(
  (process.env.RATES ?? '400,2000').split(',').map((rate) => ({
    title: `20 rooms of 50, ${rate} messages/s`,
    conns: 1000,
    rooms: 20,
    publishers: 20,
    rate: Number(rate),
  })),
  {
    'one worker': () => pod(),
    'two workers': () => two(),
    'two workers on Redis': async () => {
      const shared = await redis();
      const server = await two({ REDIS_URL: shared.url });
      return { ...server, stop: () => server.stop().then(() => shared.stop()) };
    },
  },
);
console.log(
  '\nThe CPU of Redis does not count. Not shown: more than two workers, a network, TLS, tokens.',
);
