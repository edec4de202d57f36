/**
 * Real Redis servers for specs and benches: alone, three Sentinels over a master and its replica, three nodes
 * of a Cluster. All listen on 127.0.0.1, write only to a temporary folder, and end with this process. With
 * `SPEC_ACL=true` a pod has the Redis user of docs/security.md, with the rights that a pod needs and no more.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { ACL_USER, aclOf } from './docs.js';

export const HOST = '127.0.0.1';

const FIRST_PORT = 20_000;

const PORTS = 12_000;

const BUS_OFFSET = 10_000;

export interface RedisServer {
  readonly port: number;
  /** With TLS `rediss:`. The user is the default one, or the one of docs/security.md with `SPEC_ACL=true`. */
  readonly url: string;
  /** With TLS: the authority of the server's certificate. */
  readonly ca: string | undefined;
  /** One command on a connection of its own. */
  readonly command: (...args: readonly [string, ...(string | number)[]]) => Promise<unknown>;
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** SIGKILL. */
  readonly kill: () => Promise<void>;
  /** Restarts it on the same port: with its append-only file, or empty. */
  readonly restart: (empty?: boolean) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface RedisServerOptions {
  readonly port?: number;
  readonly appendonly?: boolean;
  readonly appendfsync?: 'always' | 'everysec' | 'no';
  readonly password?: string;
  /** Lines of an ACL file: `user pod on >secret ~* &* +@all`. */
  readonly acl?: readonly string[];
  readonly tls?: boolean;
  /** More of redis.conf: `['maxmemory', '1mb']`. */
  readonly config?: readonly (readonly [string, ...(string | number)[]])[];
  readonly sentinel?: boolean;
}

/** Polls until it is true, for changes of Redis that cause no event. Throws after `ms`. */
export const until = async (
  what: string,
  is: () => boolean | Promise<boolean>,
  ms = 10_000,
): Promise<void> => {
  const end = performance.now() + ms;
  while (!(await is())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(10);
  }
};

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });

/** A free port. The port 10,000 above it is free too: there a node of a Cluster talks to the others. */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if ((await isFree(port)) && (await isFree(port + BUS_OFFSET))) return port;
  }
};

// the server ends with this process

const processes = new Set<ChildProcess>();

const folders = new Set<string>();

process.on('exit', () => {
  for (const child of processes) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'redis-'));
  folders.add(path);
  return path;
};

/** With `setpriv` the kernel ends the server even when this process is killed. */
const run = (args: readonly string[], cwd: string): ChildProcess => {
  const guard = existsSync('/usr/bin/setpriv') ? ['setpriv', '--pdeathsig', 'KILL'] : [];
  const [command = '', ...rest] = [...guard, 'redis-server', ...args];
  const child = spawn(command, rest, { cwd, stdio: 'ignore' });
  child.unref();
  processes.add(child);
  child.once('exit', () => processes.delete(child));
  return child;
};

const ended = (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  // the server does not keep this process alive; waiting for its end does
  child.ref();
  return new Promise((resolve) => child.once('exit', () => resolve()));
};

/** A self-signed certificate for 127.0.0.1. */
export const certificate = (cwd: string): string => {
  const key = join(cwd, 'key.pem');
  const cert = join(cwd, 'cert.pem');
  const subject = ['-subj', '/CN=localhost', '-addext', `subjectAltName=DNS:localhost,IP:${HOST}`];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ],
    { stdio: 'ignore' },
  );
  return execFileSync('cat', [cert], { encoding: 'utf8' });
};

export const IS_LEAST = process.env['SPEC_ACL'] === 'true';

/** The default user, for specs that look into Redis, has all rights. */
export const OTHERS = 'user default on nopass ~* &* +@all';

/** The URL of a Redis that listens, or will listen, on a port. */
export const urlOf = (port: number, user = IS_LEAST ? ACL_USER : undefined): string =>
  `redis://${user === undefined ? '' : `${user}@`}${HOST}:${port}`;

const quoted = (value: string | number): string => `"${String(value)}"`;

export const startRedis = async (options: RedisServerOptions = {}): Promise<RedisServer> => {
  const {
    appendonly = false,
    appendfsync = 'everysec',
    password,
    tls = false,
    config = [],
    sentinel = false,
  } = options;
  const isOwn = password !== undefined || options.acl !== undefined || tls || sentinel;
  const acl = IS_LEAST && !isOwn ? [OTHERS, aclOf('standalone')] : options.acl;
  const port = options.port ?? (await freePort());
  const cwd = folder();
  const ca = tls ? certificate(cwd) : undefined;
  const lines: (readonly (string | number)[])[] = [
    ['bind', HOST],
    ['dir', cwd],
    ...(tls
      ? [
          ['port', 0],
          ['tls-port', port],
          ['tls-cert-file', 'cert.pem'],
          ['tls-key-file', 'key.pem'],
          ['tls-ca-cert-file', 'cert.pem'],
          ['tls-auth-clients', 'no'],
        ]
      : [['port', port]]),
    ...(sentinel
      ? []
      : [
          ['save', ''],
          ['appendonly', appendonly ? 'yes' : 'no'],
          ['appendfsync', appendfsync],
          ['repl-diskless-sync-delay', 0],
        ]),
    ...(password === undefined ? [] : [['requirepass', password]]),
    ...(acl === undefined ? [] : [['aclfile', join(cwd, 'users.acl')]]),
    ...config,
  ];
  if (acl !== undefined) writeFileSync(join(cwd, 'users.acl'), `${acl.join('\n')}\n`);
  const file = join(cwd, 'redis.conf');
  writeFileSync(
    file,
    `${lines.map(([name, ...values]) => `${name} ${values.map(quoted).join(' ')}`).join('\n')}\n`,
  );

  const command: RedisServer['command'] = async (name, ...args) => {
    const redis = new Redis({
      host: HOST,
      port,
      lazyConnect: true,
      retryStrategy: null,
      enableReadyCheck: false,
      commandTimeout: 5_000,
      ...(password === undefined ? {} : { password }),
      ...(ca === undefined ? {} : { tls: { ca } }),
    });
    let refused: Error | undefined;
    redis.on('error', (error: Error) => {
      refused = error;
    });
    try {
      await redis.connect().catch((error: unknown) => {
        throw refused ?? error;
      });
      return await redis.call(name, ...args);
    } finally {
      redis.disconnect();
    }
  };
  const answers = async (): Promise<boolean> => {
    try {
      return (await command('PING')) === 'PONG';
    } catch (error) {
      return error instanceof Error && error.message.startsWith('NOAUTH');
    }
  };

  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = run([file, ...(sentinel ? ['--sentinel'] : [])], cwd);
    await until(`redis-server answers on ${port}`, answers);
  };
  await start();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    await ended(child);
  };
  return {
    port,
    url: isOwn
      ? `redis${tls ? 's' : ''}://${password === undefined ? '' : `:${password}@`}${HOST}:${port}`
      : urlOf(port),
    ca,
    command,
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    kill: () => end('SIGKILL'),
    restart: async (empty = false) => {
      await end('SIGKILL');
      if (empty) rmSync(join(cwd, 'appendonlydir'), { recursive: true, force: true });
      await start();
    },
    stop: async () => {
      await end('SIGKILL');
      rmSync(cwd, { recursive: true, force: true });
    },
  };
};
