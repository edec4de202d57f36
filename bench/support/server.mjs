// Starts and stops what is measured: a pod of the service, a peer, Redis. All on 127.0.0.1, each stopped by its own process id,
// also when the bench fails or is interrupted.
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setTimeout as after } from 'node:timers/promises';

const root = fileURLToPath(new URL('../..', import.meta.url));
const collector = join(root, 'bench/support/gc-on-signal.mjs');
const scratch = mkdtempSync(join(tmpdir(), 'bench-'));
const running = new Set();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

// Below the ports that the kernel gives to clients: the bench is about to use a hundred thousand of these.
let nextPort = Number(process.env.BENCH_PORT ?? 18_000 + (process.pid % 200) * 50);
const freePort = async () => {
  for (;;) {
    const port = nextPort++;
    const free = await new Promise((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
};

/** Resolves with the first value that is not undefined; fails with the text `what`. */
export const until = async (what, seconds, ask) => {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await after(50)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`waited ${seconds} s in vain: ${what}`);
};

const start = (name, command, args, env) => {
  const logFile = join(scratch, `${name}.log`);
  const log = openSync(logFile, 'a');
  const { PATH, HOME } = process.env; // nothing else, such as a REDIS_URL of the shell
  const child = spawn(command, args, {
    cwd: root,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', log, log],
  });
  const server = { name, pid: child.pid, ended: false, logFile };
  running.add(child);
  const end = new Promise((resolve) => {
    child.once('error', resolve);
    child.once('exit', resolve);
  }).then(() => {
    server.ended = true;
    running.delete(child);
  });
  server.stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await end;
    clearTimeout(late);
  };
  return server;
};

const answers = async (server, ask) => {
  await until(`${server.name} answers`, 20, async () => {
    if (server.ended)
      throw new Error(
        `${server.name} ended:\n${readFileSync(server.logFile, 'utf8').slice(-2000)}`,
      );
    return (await ask().catch(() => false)) ? true : undefined;
  });
  return server;
};

const accepts = (port) =>
  new Promise((resolve) => {
    const probe = connect(port, '127.0.0.1', () => resolve(true));
    probe.once('error', () => resolve(false));
    probe.once('connect', () => probe.destroy());
  });

const http = (url) =>
  fetch(url, { signal: AbortSignal.timeout(5000), headers: { connection: 'close' } });

// Collects garbage in the server; resolves with the remaining bytes.
const memory = (server, report) => async () => {
  rmSync(report, { force: true });
  process.kill(server.pid, 'SIGUSR2');
  return until(`${server.name} collects garbage`, 20, () =>
    existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined,
  );
};

const nodeServer = async (name, file, env, node = process.execPath) => {
  const port = await freePort();
  const report = join(scratch, `${name}-${port}.memory.json`);
  const own = { NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(port), GC_REPORT: report };
  const server = start(`${name}-${port}`, node, ['--expose-gc', '--import', collector, file], {
    ...own,
    ...env,
  });
  return Object.assign(server, {
    port,
    url: `http://127.0.0.1:${port}`,
    memory: memory(server, report),
  });
};

const UNLIMITED = {
  RATE_LIMIT_PER_SECOND: '1000000',
  RATE_LIMIT_BURST: '1000000',
  RATE_LIMIT_BYTES: '1000000000',
};

/**
 * A pod of the service, ready. Publishing is not limited; all other settings are the defaults unless `env`
 * has others. `directory` has the `dist/` of another version; `node` is the program of another Node.
 */
export const pod = async (env = {}, directory = root, node = process.execPath) => {
  const all = { LOG_LEVEL: 'warn', ...UNLIMITED, ...env };
  const server = await nodeServer('pod', join(directory, 'dist/main.js'), all, node);
  server.dialect = 'chat';
  server.metrics = async () => {
    const text = await (await http(`${server.url}/metrics`)).text();
    return Object.fromEntries(
      [...text.matchAll(/^([a-z_]+(?:\{[^}]*\})?) (\S+)$/gm)].map(([, name, value]) => [
        name,
        Number(value),
      ]),
    );
  };
  return answers(
    server,
    async () => (await http(`${server.url}/health`)).ok && (await http(`${server.url}/ready`)).ok,
  );
};

const peer = (name, file) => async () => {
  const server = await nodeServer(name, `bench/peers/${file}`, {});
  server.dialect = name;
  return answers(server, () => accepts(server.port));
};

/** The servers that are compared: name → how to start it. */
export const contenders = {
  'chat-api': pod,
  ws: peer('ws', 'ws.mjs'),
  'socket.io': peer('socket.io', 'socket-io.mjs'),
};

const run = promisify(execFile);

/** A Redis of its own that writes nothing to disk. */
export const redis = async () => {
  const port = await freePort();
  const settings = {
    port,
    bind: '127.0.0.1',
    save: '',
    appendonly: 'no',
    dir: scratch,
    'tcp-backlog': 4096,
  };
  const server = start(
    `redis-${port}`,
    'redis-server',
    Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]),
    {},
  );
  const cli = async (...args) =>
    (await run('redis-cli', ['-p', String(port), ...args], { maxBuffer: 1 << 26 })).stdout.trim();
  Object.assign(server, {
    url: `redis://127.0.0.1:${port}`,
    cli,
    roomChannels: async () =>
      (await cli('PUBSUB', 'CHANNELS', 'realtime:room:*')).split('\n').filter(Boolean).length,
  });
  return answers(server, async () => (await cli('PING')) === 'PONG');
};

export const rssKb = (pid) =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
