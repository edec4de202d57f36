/** Three servers behind nginx that are restarted in turn, and a fourth that stays: the publisher is connected there. */
import { run, type Running } from '../../spec/support/pod.js';
import { freePort } from '../../spec/support/redis.js';
import { type StagePod, stagePod } from '../chaos/stage.js';

export interface Server {
  readonly port: number;
  /** SIGTERM, its end, a new start. Resolves with the exit code, or the signal that ended it. */
  readonly restart: () => Promise<number | string>;
  readonly stop: () => Promise<void>;
}

/** On a busy machine a pod may take longer than specs allow. */
export const started = async ({ start, running, isReady }: StagePod): Promise<void> => {
  await start().catch(() => running().port());
  await isReady('ready', 30_000);
};

export const pod = async (name: string, env: Readonly<Record<string, string>>): Promise<Server> => {
  const staged = await stagePod({ name, env });
  const { port, signal, running, kill, door } = staged;
  const begin = (): Promise<void> => started(staged);
  await begin();
  return {
    port,
    restart: async () => {
      signal('SIGTERM');
      const end = await running().ended(30_000);
      await begin();
      return end;
    },
    stop: async () => {
      await kill();
      await door.stop();
    },
  };
};

export const socketIo = async (redisUrl: string): Promise<Server> => {
  const port = await freePort();
  const env = { PORT: String(port), REDIS_URL: redisUrl };
  let now: Running;
  const begin = async (): Promise<void> => {
    const test = { teardown: () => undefined };
    now = run(test, ['bench/peers/socket-io-cluster.mjs'], env, /listening on (\d+)/);
    await now.port().catch(() => now.port());
  };
  await begin();
  const end = (signal: NodeJS.Signals): Promise<number | string> => {
    now.signal(signal);
    return now.ended(30_000);
  };
  return {
    port,
    restart: async () => {
      const how = await end('SIGTERM');
      await begin();
      return how;
    },
    stop: async () => {
      await end('SIGKILL');
    },
  };
};
