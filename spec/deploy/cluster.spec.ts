/** `npm run cluster`: everything starts, and one Ctrl-C ends everything. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import t from 'tap';
import { http } from '../support/pod.js';
import { freePort, HOST, until } from '../support/redis.js';
import { ROOT } from '../support/root.js';

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, HOST, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** The first of five free ports. */
const freePorts = async (): Promise<number> => {
  for (;;) {
    const first = await freePort();
    const open = await Promise.all([1, 2, 3, 4].map((more) => isOpen(first + more)));
    if (!open.some(Boolean)) return first;
  }
};

t.test('when the cluster gets one Ctrl-C, then all of it ends in order', async (t) => {
  const first = await freePorts();
  const ports = [0, 1, 2, 3, 4].map((more) => first + more);
  const { NODE_OPTIONS: _, ...own } = process.env;
  const child = spawn(process.execPath, ['--import', 'tsx', 'bench/cluster.ts'], {
    cwd: ROOT,
    env: { ...own, PORT: String(first), MAX_CONNECTIONS: '7' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGTERM'));
  let output = '';
  let code: number | null | undefined;
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.once('close', (status) => (code = status));

  await until('the table', () => /pod-3 +http/.test(output) || code !== undefined, 60_000);
  t.match(output, `nginx      http://127.0.0.1:${first}`);
  t.match(output, /pod-1 +http:\S+ +\d+ +ready +0 +0/);
  t.equal((await http(first, '/ready')).status, 200);
  t.strictSame(await Promise.all(ports.map(isOpen)), [true, true, true, true, true]);

  // from the terminal and from npm
  child.kill('SIGINT');
  child.kill('SIGINT');
  await until(`it ends\n${output}`, () => code !== undefined, 30_000);
  t.equal(code, 0);
  t.match(output, /stopping[^]*stopped\n$/);
  t.strictSame(await Promise.all(ports.map(isOpen)), [false, false, false, false, false]);
});
