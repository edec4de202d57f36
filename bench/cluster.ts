/**
 * `npm run cluster`: three pods behind nginx with `deploy/nginx.conf`, and Redis, to try things out. With `--postgres`
 * there is a PostgreSQL too, and the pods archive. One Ctrl-C stops all. Everything runs in a session of its own (`cluster/stage.ts`), so that the terminal's Ctrl-C reaches this process
 * alone: pods drain before nginx and Redis end.
 */
import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';

export type Order = 'stop' | 'hurry' | 'restart';

/** One Ctrl-C comes twice: from the terminal and from npm. */
const ONCE_MS = 500;

const [flag, ...more] = process.argv.slice(2);
if ((flag !== undefined && flag !== '--postgres') || more.length > 0) {
  console.error('usage: npm run cluster [-- --postgres]');
  process.exit(2);
}

const args = flag === undefined ? [] : [flag];
const stage = fork(new URL('./cluster/stage.ts', import.meta.url), args, {
  execArgv: ['--import', 'tsx'],
  detached: true,
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
});
stage.once('exit', (code) => process.exit(code ?? 1));
const order = (what: Order): void => {
  if (stage.connected) stage.send(what);
};

let stoppedAt: number | undefined;
const stop = (): void => {
  const now = performance.now();
  if (stoppedAt === undefined) {
    stoppedAt = now;
    order('stop');
  } else if (now - stoppedAt > ONCE_MS) order('hurry');
};
process.on('SIGINT', stop).on('SIGTERM', stop);

if (process.stdin.isTTY)
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line.trim() === 'r') order('restart');
  });
