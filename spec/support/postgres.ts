/**
 * A real PostgreSQL for specs and benches. It listens on 127.0.0.1, writes only to a temporary folder, and ends with
 * this process. PostgreSQL refuses to run as root: then it runs as the user `postgres`, which the package makes.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort, HOST, until } from './redis.js';

const PACKAGED = '/usr/lib/postgresql';
const USER = 'postgres';

export interface PostgresServer {
  readonly port: number;
  readonly url: string;
  /** One statement on a connection of its own. `database`: the URL of another database. */
  readonly query: (
    text: string,
    values?: readonly unknown[],
    database?: string,
  ) => Promise<readonly Row[]>;
  /** SIGSTOP to all of its processes. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** SIGKILL to all of its processes. */
  readonly kill: () => Promise<void>;
  /** Starts it again on the same port, with what it has stored. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export type Row = Readonly<Record<string, unknown>>;

export interface PostgresOptions {
  /** Waits for the disk at each commit. Specs do not need it: they kill processes, not the machine. */
  readonly fsync?: boolean;
  /** More of postgresql.conf. */
  readonly config?: Readonly<Record<string, string | number>>;
}

/** Whether Debian's package is there. */
export const isPostgresInstalled = (): boolean => existsSync(PACKAGED);

const binary = (name: string): string => {
  const versions = readdirSync(PACKAGED).sort((a, b) => Number(b) - Number(a));
  return join(PACKAGED, versions[0] ?? '', 'bin', name);
};

/** The command as a user that PostgreSQL accepts. The kernel ends it when this process has ended. */
const asUser = (command: readonly string[]): readonly [string, readonly string[]] => {
  const user =
    process.getuid?.() === 0 ? [`--reuid=${USER}`, `--regid=${USER}`, '--init-groups'] : [];
  return ['setpriv', [...user, '--pdeathsig', 'KILL', '--', ...command]];
};

/** The process and those that it has started. Each of them is a group of its own. */
const familyOf = (pid: number): readonly number[] => [
  pid,
  ...readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number),
];

const parentOf = (pid: string): number | undefined => {
  try {
    // the name of the program is in brackets and may have blanks
    const [state, parent] =
      readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    // a zombie has ended
    return state === 'Z' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
};

const signal = (pids: readonly number[], name: NodeJS.Signals): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // it has ended
    }
  }
};

const running = new Set<ChildProcess>();
const folders = new Set<string>();

process.on('exit', () => {
  for (const { pid } of running) if (pid !== undefined) signal(familyOf(pid), 'SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export const startPostgres = async ({
  fsync = false,
  config = {},
}: PostgresOptions = {}): Promise<PostgresServer> => {
  const port = await freePort();
  const cwd = mkdtempSync(join(tmpdir(), 'postgres-'));
  folders.add(cwd);
  chmodSync(cwd, 0o777);
  const data = join(cwd, 'data');
  const init = ['-D', data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  const [command, args] = asUser([binary('initdb'), ...init]);
  execFileSync(command, args, { cwd, stdio: 'ignore' });
  const settings = {
    port,
    listen_addresses: HOST,
    unix_socket_directories: '',
    fsync: fsync ? 'on' : 'off',
    max_connections: 50,
    ...config,
  };
  const url = `postgres://${USER}@${HOST}:${port}/postgres`;

  const query: PostgresServer['query'] = async (text, values = [], database = url) => {
    const client = new pg.Client({ connectionString: database, connectionTimeoutMillis: 5_000 });
    // a server that is killed ends the connection
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  };
  const answers = async (): Promise<boolean> =>
    query('SELECT 1').then(
      () => true,
      () => false,
    );

  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const [command, args] = asUser([binary('postgres'), '-D', data, ...flags]);
    const server = spawn(command, args, { cwd, stdio: 'ignore' });
    server.unref();
    running.add(server);
    server.once('exit', () => running.delete(server));
    child = server;
    await until(`postgres answers on ${port}`, answers, 30_000);
  };
  const family = (): readonly number[] => (child?.pid === undefined ? [] : familyOf(child.pid));
  const kill = async (): Promise<void> => {
    const server = child;
    if (server === undefined) return;
    const pids = family();
    const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
    // it does not keep this process alive; waiting for its end does
    server.ref();
    signal(pids, 'SIGKILL');
    if (server.exitCode === null && server.signalCode === null) await ended;
    await until('all processes have ended', () =>
      pids.every((pid) => parentOf(String(pid)) === undefined),
    );
    child = undefined;
  };
  await start();
  return {
    port,
    url,
    query,
    freeze: () => signal(family(), 'SIGSTOP'),
    thaw: () => signal(family(), 'SIGCONT'),
    kill,
    start,
    stop: async () => {
      await kill();
      rmSync(cwd, { recursive: true, force: true });
      folders.delete(cwd);
    },
  };
};
