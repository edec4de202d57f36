/** Pods and Redis behind nginx with `deploy/nginx.conf`, as plain processes: `npm run cluster`, and specs. */
import { withAccess } from './credentials.js';
import { type Nginx, type NginxOptions, startNginx } from './nginx.js';
import { build, readinessAt, run, type Running } from './pod.js';
import { freePort, type RedisServer, startRedis, until } from './redis.js';

export interface NamedPod {
  readonly name: string;
  readonly port: number;
  readonly running: () => Running;
  /** SIGTERM, and the exit code, or the signal that ended it. */
  readonly drain: () => Promise<number | string>;
  readonly kill: () => Promise<void>;
  /** Resolves when it is ready. */
  readonly start: () => Promise<void>;
  /** The status of `/ready`; undefined without an answer. */
  readonly readiness: () => Promise<string | undefined>;
}

export interface NginxPods {
  readonly redis: RedisServer;
  readonly pods: readonly NamedPod[];
  readonly nginx: Nginx;
  /** Drains all pods at once, then ends nginx and Redis. */
  readonly stop: () => Promise<void>;
}

export interface NginxPodsOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** One for each pod; absent: three that are free. */
  readonly podPorts?: readonly number[];
  readonly redisPort?: number;
  readonly nginx?: Omit<NginxOptions, 'pods'>;
}

const LISTENING = /"port":(\d+),"msg":"listening"/;
const READY_MS = 30_000;
const DRAINED_MS = 60_000;

const namedPod = (name: string, port: number, env: Readonly<Record<string, string>>): NamedPod => {
  let now: Running | undefined;
  const running = (): Running => {
    if (now === undefined) throw new Error(`${name} has never run`);
    return now;
  };
  const readiness = (): Promise<string | undefined> => readinessAt(port);
  return {
    name,
    port,
    running,
    readiness,
    start: async () => {
      const own = { SERVER_ID: name, PORT: String(port), ...withAccess(env) };
      now = run({ teardown: () => undefined }, ['dist/main.js'], own, LISTENING);
      await now.port();
      await until(`${name} is ready`, async () => (await readiness()) === 'ready', READY_MS);
    },
    drain: async () => {
      running().signal('SIGTERM');
      return running().ended(DRAINED_MS);
    },
    kill: async () => {
      running().signal('SIGKILL');
      await running().ended();
    },
  };
};

export const startNginxPods = async (options: NginxPodsOptions = {}): Promise<NginxPods> => {
  const { env = {}, redisPort } = options;
  await build();
  const ports = options.podPorts ?? (await Promise.all(Array.from({ length: 3 }, freePort)));
  const redis = await startRedis({
    ...(redisPort === undefined ? {} : { port: redisPort }),
    config: [['tcp-backlog', 4_096]],
  });
  const shared = { REDIS_URL: redis.url, TRUSTED_PROXIES: '127.0.0.1', ...env };
  const pods = ports.map((port, i) => namedPod(`pod-${i + 1}`, port, shared));
  const begin = async (): Promise<Nginx> => {
    await Promise.all(pods.map(({ start }) => start()));
    return startNginx({ ...options.nginx, pods: ports });
  };
  const nginx = await begin().catch(async (error: unknown) => {
    for (const pod of pods) await pod.kill().catch(() => undefined);
    await redis.stop();
    throw error;
  });
  return {
    redis,
    pods,
    nginx,
    stop: async () => {
      await Promise.all(
        pods.filter(({ running }) => !running().hasEnded()).map(({ drain }) => drain()),
      );
      await nginx.stop();
      await redis.stop();
    },
  };
};
