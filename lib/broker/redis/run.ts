/**
 * How a script or a command reaches the node that has its keys: this alone differs between the kinds of
 * Redis.
 */
import type { Cluster, Redis } from 'ioredis';
import { isReply } from './errors.js';
import type { Script } from './lua/scripts.js';

/** Runs a script on the node that has its keys. */
export type Run = (
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
) => Promise<unknown>;

/** HMGET: reads fields of one hash, without a script. */
export type Fields = (key: string, names: readonly string[]) => Promise<unknown>;

/**
 * EVALSHA. When Redis does not know the script (after a restart, a flush, or on another node), EVAL of the
 * same call.
 */
export const runOn =
  (redis: Redis | Cluster): Run =>
  async (script, keys, args) => {
    try {
      return await redis.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (thrown) {
      if (!isReply(thrown) || !thrown.message.startsWith('NOSCRIPT')) throw thrown;
      return redis.eval(script.lua, keys.length, ...keys, ...args);
    }
  };
