/**
 * The pods of chaos: three, as `npm start` starts them, each with a proxy of its own to each Redis, and one
 * for clients. A pod keeps its name and its port, however often it is killed.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withAccess } from '../../spec/support/credentials.js';
import { BASE, build, http, readinessAt, run, type Running } from '../../spec/support/pod.js';
import { type Proxy, proxy } from '../../spec/support/proxy.js';
import { freePort, type RedisServer, until, urlOf } from '../../spec/support/redis.js';
import type { Door } from './wanderer.js';

export interface Stage {
  readonly pods: readonly StagePod[];
  /** The master, when there are several nodes. */
  readonly redis: () => Promise<RedisServer>;
  /** Another Redis, empty, takes the place of the first one, or the reverse; absent: there is none. */
  readonly swap?: (to: 'first' | 'other') => void;
  readonly stop: () => Promise<void>;
}

export interface StagePod {
  readonly name: string;
  readonly port: number;
  /** Directly to the pod, and through a proxy. */
  readonly near: Door;
  readonly far: Door;
  readonly door: Proxy;
  /** The proxy to Redis; none when the pod finds it by Sentinel. */
  readonly line: Proxy | undefined;
  readonly start: () => Promise<void>;
  readonly kill: () => Promise<void>;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly running: () => Running;
  /** The status of `/ready`; undefined without an answer. */
  readonly ready: () => Promise<string | undefined>;
  readonly isReady: (status: string, ms: number) => Promise<void>;
  /** Its wall clock, in Unix seconds. */
  readonly wall: () => Promise<number>;
  /** The number of its connections in a room. */
  readonly members: (room: string) => Promise<number>;
  readonly metrics: () => Promise<ReadonlyMap<string, number>>;
  /** Sets the wall clock of the pod off by this many seconds; undefined without libfaketime. */
  readonly clock: ((seconds: number) => void) | undefined;
  /** Unexpected ends of the process: how it ended, and its output. */
  readonly deaths: readonly string[];
}

/** Where the Debian package libfaketime installs it. */
const FAKETIME = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
].find((path) => existsSync(path));

const scratch = mkdtempSync(join(tmpdir(), 'chaos-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const LISTENING = /"port":(\d+),"msg":"listening"/;

export interface PodOptions {
  readonly name: string;
  /** The port of Redis, for a pod with a proxy to it. */
  readonly redisPort?: () => number;
  readonly env: Readonly<Record<string, string>>;
  /** Its Redis user, `name:password`; absent: the default one. */
  readonly user?: string;
  /** Whether its clock can be set. */
  readonly stepped?: boolean;
}

export const stagePod = async (options: PodOptions): Promise<StagePod> => {
  const { name, redisPort, stepped = false } = options;
  await build();
  const port = await freePort();
  const door = await proxy({ to: () => port });
  const line = redisPort && (await proxy({ to: redisPort, redis: true }));
  const clockFile = join(scratch, `${name}-${port}`);
  const isStepped = stepped && FAKETIME !== undefined;
  const clock = (seconds: number): void =>
    writeFileSync(clockFile, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}\n`);
  if (isStepped) clock(0);
  const env = {
    SERVER_ID: name,
    PORT: String(port),
    ...(line === undefined ? {} : { REDIS_URL: urlOf(line.port, options.user) }),
    ...(isStepped
      ? {
          LD_PRELOAD: FAKETIME,
          FAKETIME_TIMESTAMP_FILE: clockFile,
          FAKETIME_DONT_FAKE_MONOTONIC: '1',
          FAKETIME_CACHE_DURATION: '1',
        }
      : {}),
    ...options.env,
  };
  const deaths: string[] = [];
  const endings: (() => unknown)[] = [];
  let now: Running | undefined;
  let wanted = false;

  const running = (): Running => {
    if (now === undefined) throw new Error(`${name} has never run`);
    return now;
  };
  const watch = async (process: Running): Promise<void> => {
    const how = await process.ended(86_400_000);
    if (wanted && now === process)
      deaths.push(`${name} ended with ${how}: ${process.stderr().slice(-2_000)}`);
  };
  const start = async (): Promise<void> => {
    now = run(
      { teardown: (work) => endings.push(work) },
      ['dist/main.js'],
      withAccess(env),
      LISTENING,
    );
    await now.port();
    wanted = true;
    void watch(now);
  };
  const ready = (): Promise<string | undefined> => readinessAt(port);
  return {
    name,
    port,
    near: { pod: name, port },
    far: { pod: name, port: door.port },
    door,
    line,
    start,
    kill: async () => {
      wanted = false;
      running().signal('SIGKILL');
      await running().ended();
    },
    signal: (signal) => {
      if (signal === 'SIGTERM') wanted = false;
      running().signal(signal);
    },
    running,
    ready,
    isReady: (status, ms) =>
      until(`${name} is ${status}`, async () => (await ready()) === status, ms),
    wall: async () => {
      const { body } = await http(port, '/health');
      return (JSON.parse(body) as { readonly timestamp: number }).timestamp;
    },
    members: async (room) => {
      const { body } = await http(port, `${BASE}/ws/stats?room=${room}`);
      const { room: found } = JSON.parse(body) as {
        readonly room?: { readonly connections: number };
      };
      return found?.connections ?? 0;
    },
    metrics: async () => {
      const { body } = await http(port, '/metrics');
      return new Map(
        [...body.matchAll(/^([a-z_0-9]+(?:\{[^}]*\})?) (\S+)$/gm)].map(
          ([, metric = '', value]) => [metric, Number(value)] as const,
        ),
      );
    },
    clock: isStepped ? clock : undefined,
    deaths,
  };
};
