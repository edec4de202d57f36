/** Pods for specs: in this process with a configuration of their own, or `node dist/main.js` as its users start it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { type App, type AppOptions, app, configOf, type HubEvent } from '../../lib/index.js';
import { type Client, type ConnectOptions, connect } from './client.js';
import { ACCESS, asProgram, withAccess } from './credentials.js';
import { type RawClient, raw } from './raw-client.js';
import { until } from './redis.js';
import { ROOT } from './root.js';

const BUILT = join(ROOT, 'dist/.tsbuildinfo');
const HOST = '127.0.0.1';
export const BASE = '/api/chat-api';

interface Test {
  readonly teardown: (work: () => unknown) => void;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

export interface HttpQuestion {
  readonly port: number;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One request on a socket of its own. */
export const ask = (question: HttpQuestion, body?: string | Buffer): Promise<HttpAnswer> =>
  new Promise((resolve, reject) => {
    request({ host: HOST, agent: false, ...question }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    })
      .on('error', reject)
      .end(body);
  });

/** One request of a program with all rights. */
export const http = (
  port: number,
  path: string,
  method = 'GET',
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> => ask({ port, path, method, headers: asProgram(headers) });

/** The status of a pod's `GET /ready`; undefined when it does not answer. */
export const readinessAt = async (port: number): Promise<string | undefined> => {
  try {
    const { body } = await http(port, '/ready');
    return (JSON.parse(body) as { readonly status?: string }).status;
  } catch {
    return undefined;
  }
};

/** How a spec reaches a pod, in this process or in another. */
export interface Doors {
  readonly port: number;
  readonly get: (
    path: string,
    method?: string,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<HttpAnswer>;
  /** Connects to a path below the base path: `/ws/general`. */
  readonly connect: (path: string, options?: ConnectOptions) => Promise<Client>;
  /** A socket on which nothing was sent. It ends with the test. */
  readonly raw: () => Promise<RawClient>;
}

const doors = (t: Test, port: number): Doors => ({
  port,
  get: (path, method, headers) => http(port, path, method, headers),
  connect: async (path, options) => {
    const client = await connect(`ws://${HOST}:${port}${BASE}${path}`, options);
    t.teardown(() => client.socket.terminate());
    return client;
  },
  raw: async () => {
    const client = await raw(port);
    t.teardown(client.destroy);
    return client;
  },
});

export interface Pod extends Doors {
  readonly app: App;
  readonly connections: () => number;
  /** The value of a metric, by name and labels as in the text of `/metrics`; 0 when there is no such line. */
  readonly metric: (line: string) => Promise<number>;
  readonly events: readonly HubEvent[];
}

type Overrides = NonNullable<Parameters<typeof configOf>[0]>;

/** A pod in this process, on a free port, without Redis; it ends with the test. */
export const startPod = async (
  t: Test,
  overrides: Overrides = {},
  options: Partial<AppOptions> = {},
): Promise<Pod> => {
  const config = configOf({
    access: ACCESS,
    ...overrides,
    server: { port: 0, serverId: 'pod-1', ...overrides.server },
  });
  if (E.isLeft(config)) throw new Error(JSON.stringify(config.left));
  const events: HubEvent[] = [];
  const chat = app({ config: config.right, onEvent: (event) => events.push(event), ...options });
  const address = await chat.start();
  t.teardown(() => chat.stop({ hurry: true }));
  await until('ready', () => chat.readiness() === 'ready');
  return {
    ...doors(t, address?.port ?? 0),
    app: chat,
    connections: () => chat.stats().connections,
    metric: async (line) => {
      const found = (await chat.metrics()).split('\n').find((text) => text.startsWith(`${line} `));
      return Number(found?.slice(line.length + 1) ?? 0);
    },
    events,
  };
};

export interface Running {
  readonly pid: number;
  /** The port of the line `listening`; throws when the process ends before. */
  readonly port: () => Promise<number>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly hasEnded: () => boolean;
  /** The exit code, or the signal that ended it. */
  readonly ended: (ms?: number) => Promise<number | string>;
}

/** A process of Node whose environment has only `env`; it ends with the test. */
export const run = (
  t: Test,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  port: RegExp,
): Running => {
  // tap would load its own modules into the process, which users do not have
  const child: ChildProcess = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let end: number | string | undefined;
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  // not `exit`: the last lines of output come later
  child.once('close', (code, signal) => (end = code ?? signal ?? ''));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await until('the process ended', () => end !== undefined);
  });
  return {
    pid: child.pid ?? 0,
    port: async () => {
      await until(`it listens\n${stderr}`, () => port.test(stdout) || end !== undefined, 20_000);
      const found = port.exec(stdout)?.[1];
      if (found === undefined)
        throw new Error(`ended with ${String(end)} before it listened\n${stdout}${stderr}`);
      return Number(found);
    },
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (name) => void child.kill(name),
    hasEnded: () => end !== undefined,
    ended: async (ms = 10_000) => {
      await until('the process ended', () => end !== undefined, ms);
      return end ?? '';
    },
  };
};

/** `node dist/main.js`, as `npm start` runs it; `flags` are those of Node. */
export const runMain = async (
  t: Test,
  env: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): Promise<Running> => {
  await build();
  return run(
    t,
    [...flags, 'dist/main.js'],
    { PORT: '0', ...withAccess(env) },
    /"port":(\d+),"msg":"listening"/,
  );
};

/** The same, when `/ready` answers 200. */
export const startProcess = async (
  t: Test,
  env: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): Promise<Running & { readonly doors: Doors }> => {
  const running = await runMain(t, env, flags);
  const open = doors(t, await running.port());
  await until('ready', async () => (await open.get('/ready')).status === 200);
  return { ...running, doors: open };
};

export const doorsOf = doors;

/**
 * Builds `dist/`, with the bundles of the client, when it is older than `lib/`. Spec files run side by side:
 * one builds, the others wait for it.
 */
export const build = async (): Promise<void> => {
  const lock = join(ROOT, 'dist/.building');
  const isFresh = (): boolean =>
    ['lib', 'demo'].every((folder) => newest(join(ROOT, folder)) < modified(BUILT));
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  await until(
    'the build',
    async () => {
      if (isFresh()) return true;
      // a lock that was not removed belongs to a process that was killed
      if (modified(lock) > 0 && Date.now() - modified(lock) > 60_000) rmSync(lock, { force: true });
      try {
        closeSync(openSync(lock, 'wx'));
      } catch {
        return false;
      }
      try {
        const started = new Date();
        await compile();
        // when the build changes nothing, the file keeps its old time
        utimesSync(BUILT, started, started);
      } finally {
        rmSync(lock, { force: true });
      }
      return true;
    },
    90_000,
  );
};

const compile = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['build.mjs', '--before-start'], { cwd: ROOT });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`the build failed\n${output}`)),
    );
  });

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

const newest = (folder: string): number =>
  Math.max(
    ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) =>
      modified(join(folder, name)),
    ),
  );
