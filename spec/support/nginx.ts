/**
 * Debian's nginx with `deploy/nginx.conf`, byte for byte, in front of pods on ports of 127.0.0.1. The files that
 * differ from place to place (`deploy/nginx/`) are written here. It ends with this process.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, HOST, until } from './redis.js';
import { ROOT } from './root.js';

const CONFIG = join(ROOT, 'deploy/nginx.conf');

export interface NginxOptions {
  /** The ports of the pods. */
  readonly pods: readonly number[];
  /** Its own ports; absent: one that is free. One port has some 28,000 connections from one address. */
  readonly ports?: readonly number[];
  /** The ports of servers of another kind, behind a port of their own. */
  readonly peers?: readonly number[];
  /** New sockets a second: what comes faster waits. */
  readonly perSecond?: number;
  /** How many may wait; the next one is refused with 503. */
  readonly burst?: number;
  /** Each may have 20,000 open files: two a socket. */
  readonly workers?: number;
}

export interface Nginx {
  readonly ports: readonly number[];
  /** The first of them. */
  readonly port: number;
  readonly peerPort: number;
  /** The lines of the access log, and everything that it reported. */
  readonly accessLog: () => readonly string[];
  readonly errorLog: () => string;
  readonly workers: () => readonly number[];
  /** `nginx -s reload`: resolves when new workers accept. The old ones stay until their sockets end. */
  readonly reload: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

interface Ports {
  readonly own: readonly number[];
  readonly peer: number;
}

const serverLines = (ports: readonly number[]): string =>
  ports.map((port) => `server ${HOST}:${port} max_fails=0;\n`).join('');

const peerServer = (peers: readonly number[], port: number): string =>
  peers.length === 0
    ? ''
    : `
upstream peers { least_conn; ${serverLines(peers)} }
server {
  listen ${HOST}:${port} backlog=4096;
  location / { proxy_pass http://peers; }
}`;

/** The files of `deploy/nginx/` for these options. */
const filesOf = (
  { pods, peers = [], perSecond, burst = 0, workers = 1 }: NginxOptions,
  ports: Ports,
): Readonly<Record<string, string>> => ({
  'process.conf': `
user root;
worker_processes ${workers};
pid nginx.pid;
error_log error.log notice;
worker_rlimit_nofile 20000;
events { worker_connections 20000; }
`,
  'http.conf': `
access_log access.log chat;
${perSecond === undefined ? '' : `limit_req_zone $handshake zone=handshakes:1m rate=${perSecond}r/s;`}
${peerServer(peers, ports.peer)}
`,
  'listen.conf': `
${ports.own.map((port) => `listen ${HOST}:${port} backlog=4096 reuseport;`).join('\n')}
${perSecond === undefined ? '' : `limit_req zone=handshakes burst=${burst};`}
`,
  'pods.conf': serverLines(pods),
});

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, HOST, () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

const text = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');

export const startNginx = async (options: NginxOptions): Promise<Nginx> => {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
  const ports: Ports = {
    own: options.ports ?? [await freePort()],
    peer: await freePort(),
  };
  copyFileSync(CONFIG, join(folder, 'nginx.conf'));
  mkdirSync(join(folder, 'nginx'));
  for (const [name, content] of Object.entries(filesOf(options, ports)))
    writeFileSync(join(folder, 'nginx', name), content);
  const guard = existsSync('/usr/bin/setpriv') ? ['setpriv', '--pdeathsig', 'TERM'] : [];
  const [command = 'nginx', ...args] = [
    ...guard,
    ...['nginx', '-p', folder, '-c', 'nginx.conf', '-e', 'error.log', '-g', 'daemon off;'],
  ];
  const child = spawn(command, args, {
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  let isEnded = false;
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.once('exit', () => (isEnded = true));
  const errorLog = (): string => text(join(folder, 'error.log')) + stderr;
  const wanted = [...ports.own, ...(options.peers === undefined ? [] : [ports.peer])];
  await until('nginx accepts', async () => {
    if (isEnded) throw new Error(`nginx did not start\n${errorLog()}`);
    return (await Promise.all(wanted.map(accepts))).every(Boolean);
  });
  const workers = (): readonly number[] =>
    text(`/proc/${child.pid ?? 0}/task/${child.pid ?? 0}/children`)
      .split(' ')
      .filter((pid) => pid !== '')
      .map(Number);
  return {
    ports: ports.own,
    port: ports.own[0] ?? 0,
    peerPort: ports.peer,
    accessLog: () => text(join(folder, 'access.log')).split('\n').slice(0, -1),
    errorLog,
    workers,
    reload: async () => {
      const before = workers();
      child.kill('SIGHUP');
      const count = options.workers ?? 1;
      await until(
        'new workers of nginx',
        () => workers().filter((pid) => !before.includes(pid)).length === count,
      );
      // a worker accepts some time after it was started
      await until('the old workers of nginx know', () =>
        before.every((pid) => !workers().includes(pid) || isShuttingDown(pid)),
      );
    },
    stop: async () => {
      child.kill('SIGTERM');
      if (!isEnded) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** nginx changes the title of a worker that keeps its sockets and accepts no more. */
const isShuttingDown = (pid: number): boolean =>
  text(`/proc/${pid}/cmdline`).includes('is shutting down');
