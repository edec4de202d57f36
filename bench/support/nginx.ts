/** Debian's nginx as a load balancer for WebSockets, on a port of 127.0.0.1. It ends with this process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, HOST, until } from '../../spec/support/redis.js';

/** A port of its own, with servers behind it in turn. */
export interface Upstream {
  readonly name: string;
  readonly ports: readonly number[];
  /** New connections a second, `limit_req`: what comes faster waits. */
  readonly perSecond?: number;
  /** How many may wait; the next one is refused with 503. */
  readonly burst?: number;
  /**
   * How many ports it has: from one address, each has some 28,000 connections, those that have just ended
   * included.
   */
  readonly doors?: number;
}

export interface NginxOptions {
  readonly upstreams: readonly Upstream[];
  /** Each may have 20,000 open files: two a connection. */
  readonly workers?: number;
}

export interface Nginx {
  readonly portsOf: (upstream: string) => readonly number[];
  readonly stop: () => Promise<void>;
}

/**
 * `max_fails=0`: nginx would take a pod that has failed once for live again only when a request to it ends, and a
 * WebSocket ends late. Until then the pod gets one connection in `fail_timeout`, the others 502.
 */
const upstreamOf = ({ name, ports, perSecond }: Upstream): string => `
  ${perSecond === undefined ? '' : `limit_req_zone $server_name zone=${name}:1m rate=${perSecond}r/s;`}
  upstream ${name} {
    ${ports.map((port) => `server ${HOST}:${port} max_fails=0;`).join('\n    ')}
  }`;

const serverOf = ({ name, perSecond, burst = 0 }: Upstream, ports: readonly number[]): string => `
  server {
    ${ports.map((port) => `listen ${HOST}:${port} backlog=4096 reuseport;`).join('\n    ')}
    server_name ${name};
    ${perSecond === undefined ? '' : `limit_req zone=${name} burst=${burst};`}
    location / {
      proxy_pass http://${name};
      # a pod that drains refuses with 503: the next one gets the connection
      proxy_next_upstream error timeout http_503;
    }
  }`;

const configOf = (
  { upstreams, workers = 1 }: NginxOptions,
  portsOf: (upstream: string) => readonly number[],
): string => `
daemon off;
pid nginx.pid;
user root;
worker_processes ${workers};
worker_rlimit_nofile 20000;
error_log error.log;
events { worker_connections 20000; }
http {
  access_log off;
  proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection upgrade;
  proxy_set_header Host $http_host;
  proxy_read_timeout 120s;
  ${upstreams.map(upstreamOf).join('\n')}
  ${upstreams.map((upstream) => serverOf(upstream, portsOf(upstream.name))).join('\n')}
}
`;

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, HOST, () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

export const startNginx = async (options: NginxOptions): Promise<Nginx> => {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
  const ports = new Map<string, readonly number[]>();
  for (const { name, doors } of options.upstreams)
    ports.set(name, await Promise.all(Array.from({ length: doors ?? 1 }, freePort)));
  const portsOf = (upstream: string): readonly number[] => ports.get(upstream) ?? [];
  writeFileSync(join(folder, 'nginx.conf'), configOf(options, portsOf));
  const guard = existsSync('/usr/bin/setpriv') ? ['setpriv', '--pdeathsig', 'TERM'] : [];
  const [command, ...args] = [...guard, 'nginx', '-p', folder, '-c', 'nginx.conf'];
  const child = spawn(command, args, {
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  let isEnded = false;
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.once('exit', () => (isEnded = true));
  await until('nginx accepts', async () => {
    if (isEnded) throw new Error(`nginx did not start\n${stderr}`);
    return (await Promise.all([...ports.values()].flat().map(accepts))).every(Boolean);
  });
  return {
    portsOf,
    stop: async () => {
      child.kill('SIGTERM');
      if (!isEnded) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
