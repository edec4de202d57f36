/**
 * The Redis port on one Redis, alone or behind Sentinel. A session has two connections with the same address:
 * one publishes, one is subscribed. The session is ready when both are, and lost when one is lost.
 */
import { Redis } from 'ioredis';
import type { Clock } from '../../clock.js';
import type { RedisPort } from './port.js';
import { errorOf, isReply } from './errors.js';
import { redisClient, type Session } from './client.js';
import { type RedisClientOptions, connectionOptions, whereOf } from './options.js';
import { advised, type Reason, reasons, unfit } from './reasons.js';

/** Redis runs each command to its end before other commands: this many channels take about a millisecond. */
const CHANNELS_A_COMMAND = 1_000;

export const standaloneRedis = (options: RedisClientOptions): RedisPort =>
  redisClient(options, false, (attempt, { ready, lost, message }) => {
    const where = { ...connectionOptions(options), ...whereOf(options, attempt) };
    const publisher = new Redis(where);
    const subscriber = new Redis(where);
    const hold = corked(() => [publisher], options.clock);
    const session: Session = {
      redis: publisher,
      hold,
      subscribe: (channels) =>
        Promise.all(slices(channels).map((some) => subscriber.subscribe(...some))),
      unsubscribe: (channels) =>
        Promise.all(slices(channels).map((some) => subscriber.unsubscribe(...some))),
    };
    let readyOnes = 0;

    for (const connection of [publisher, subscriber]) {
      const reason = reasons('the connection was closed', where.tls !== undefined);
      // never removed: an `error` event without a listener ends the process
      connection.on('error', (error: Error) => {
        reason.add(error);
        // also when the database does not exist: ioredis would continue with another one
        if (isReply(error)) lost(reason.why());
      });
      connection.on('sentinelError', (error: Error) =>
        reason.addOfSentinel(error, options.sentinelName),
      );
      connection.once('close', () => lost(reason.why()));
      // Sentinel named no address: there was nothing to close
      connection.once('end', () => lost(reason.why()));
      connection.once('ready', () => {
        reason.answered();
        void unfitness(connection, options.sentinels.length > 0).then((found) => {
          if (found !== undefined) return lost(found);
          readyOnes += 1;
          if (readyOnes === 2) ready(session);
        });
      });
    }
    subscriber.on('messageBuffer', message);

    return () => {
      subscriber.off('messageBuffer', message);
      drop(publisher);
      drop(subscriber);
    };
  });

/** Why a connected Redis cannot be used. Undefined when it can, or when it does not allow INFO. */
const unfitness = async (connection: Redis, byName: boolean): Promise<Reason | undefined> => {
  try {
    const detail = unfit(await connection.info(), byName);
    return detail === undefined ? undefined : { detail, isAnswer: true };
  } catch (thrown) {
    const { _tag, detail } = errorOf(thrown);
    return _tag === 'NoPermission'
      ? undefined
      : { detail: advised(detail), isAnswer: isReply(thrown) };
  }
};

/**
 * Closes at once, even when the peer does not answer. Commands without an answer are rejected in this turn,
 * when ioredis notices the end of the socket.
 */
export const drop = (connection: Redis): void => {
  connection.disconnect();
  // ioredis ends its side of the socket and waits; a frozen peer does not end its side
  streamOf(connection)?.destroy();
};

/** Undefined while Sentinel has not named an address; ioredis's type does not show that. */
const streamOf = ({ stream }: Redis): Pick<Redis['stream'], 'destroy'> | undefined => stream;

/**
 * Writes the commands of a turn of the event loop together: a `write` costs more than all else around a
 * publish. The pipelining of ioredis is not used, as it has one open pipeline at a time: later commands would
 * wait for it without a timeout.
 */
export const corked = (connections: () => readonly Redis[], clock: Clock): (() => void) => {
  let isCorked = false;
  return () => {
    if (isCorked) return;
    isCorked = true;
    const streams = connections().map(({ stream }) => stream);
    for (const stream of streams) stream.cork();
    clock.turn(() => {
      isCorked = false;
      for (const stream of streams) stream.uncork();
    });
  };
};

/**
 * Slices of at least one channel: SUBSCRIBE without a channel is an error, and UNSUBSCRIBE without one
 * unsubscribes all channels.
 */
const slices = (channels: readonly string[]): readonly (readonly string[])[] =>
  Array.from({ length: Math.ceil(channels.length / CHANNELS_A_COMMAND) }, (_, i) =>
    channels.slice(i * CHANNELS_A_COMMAND, (i + 1) * CHANNELS_A_COMMAND),
  );
