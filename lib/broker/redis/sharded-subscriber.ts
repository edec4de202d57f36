/**
 * The subscribed side of a Cluster: one connection to each master that has a wanted channel. Our own, as ioredis's
 * sharded subscribers resubscribe by themselves and drop what goes wrong with it, so a channel could be dead and nobody
 * told. Here nothing is done again: what is gone is `dropped`, and whoever wants it subscribes it anew.
 */
import type { Redis } from 'ioredis';
import { type Subscription, timer } from 'rxjs';
import type { Clock } from '../../clock.js';
import { isReply } from './errors.js';
import { movedTo, slotOf, slotsAt } from './slots.js';

interface Shard {
  readonly node: string;
  readonly connection: Redis;
  readonly ready: Promise<void>;
  /** Confirmed ones, with their slots. */
  readonly channels: Map<string, number>;
  /** Ticks since it was last heard. */
  silent: number;
  isAsked: boolean;
  /** Looks at the slots that were asked for; one is under way while it is not 0. */
  looks: number;
}

export interface ShardedSubscriberDeps {
  /** A connection to `host:port`. */
  readonly connect: (node: string) => Redis;
  readonly drop: (connection: Redis) => void;
  /** Who has a slot, as far as is known. */
  readonly ownerOf: (slot: number) => string | undefined;
  /** What is known seems to be old. */
  readonly refresh: () => void;
  readonly dropped: (channels: readonly string[]) => void;
  readonly message: (channel: Buffer, payload: Buffer) => void;
  readonly clock: Clock;
}

export interface ShardedSubscriber {
  readonly subscribe: (channels: readonly string[]) => Promise<void>;
  readonly unsubscribe: (channels: readonly string[]) => Promise<void>;
  readonly end: () => void;
}

const PING_MS = 500;
/** A node is frozen that has not answered for so many ticks. Ticks, not time: a stall of our own loop is one tick. */
const SILENT_TICKS = 3;
/** Every so often a node is asked for its slots instead of for a PONG, should a `sunsubscribe` have been missed. */
const LOOK_EVERY = 10;
const MAX_MOVES = 3;

export const shardedSubscriber = ({
  connect,
  drop,
  ownerOf,
  refresh,
  dropped,
  message,
  clock,
}: ShardedSubscriberDeps): ShardedSubscriber => {
  const open = new Map<string, Shard>();
  let ticks = 0;

  const lose = (shard: Shard): void => {
    if (open.get(shard.node) !== shard) return;
    open.delete(shard.node);
    drop(shard.connection);
    refresh();
    if (shard.channels.size > 0) dropped([...shard.channels.keys()]);
  };

  /** Asks the node itself which slots it has: others may not know yet. */
  const look = async (shard: Shard): Promise<void> => {
    shard.looks += 1;
    if (shard.looks > 1) return;
    let isOld = false;
    let has: (slot: number) => boolean;
    try {
      has = slotsAt(await shard.connection.cluster('SLOTS'), shard.node);
      isOld = shard.looks > 1;
    } finally {
      shard.looks = 0;
    }
    const gone = [...shard.channels].filter(([, slot]) => !has(slot)).map(([channel]) => channel);
    for (const channel of gone) shard.channels.delete(channel);
    if (gone.length > 0) {
      refresh();
      dropped(gone);
    }
    if (isOld) await look(shard);
  };

  const shardAt = (node: string): Shard => {
    const found = open.get(node);
    if (found !== undefined) return found;
    const connection = connect(node);
    let detail = 'the connection was closed';
    const ready = new Promise<void>((resolve, reject) => {
      connection.once('ready', resolve);
      connection.once('close', () => reject(new Error(detail)));
    });
    const shard: Shard = {
      node,
      connection,
      ready,
      channels: new Map(),
      silent: 0,
      isAsked: false,
      looks: 0,
    };
    open.set(node, shard);
    connection.on('error', (error: Error) => {
      detail = error.message;
    });
    connection.on('smessageBuffer', message);
    connection.once('close', () => lose(shard));
    // ioredis says so of a MOVED answer and of a `sunsubscribe` that nobody asked for, without the channel
    connection.on('moved', () => void look(shard).catch(() => lose(shard)));
    ready.catch(() => lose(shard));
    return shard;
  };

  const subscribeSlot = async (
    slot: number,
    channels: readonly string[],
    node: string | undefined,
    moves: number,
  ): Promise<void> => {
    if (node === undefined) {
      refresh();
      throw new Error(`nobody is known to have slot ${slot}`);
    }
    const shard = shardAt(node);
    await shard.ready;
    try {
      await shard.connection.ssubscribe(...channels);
    } catch (thrown) {
      const owner = movedTo(thrown, node);
      if (owner === undefined || moves === 0) throw thrown;
      refresh();
      return subscribeSlot(slot, channels, owner, moves - 1);
    }
    if (open.get(node) !== shard) throw new Error('the connection was closed');
    for (const channel of channels) shard.channels.set(channel, slot);
  };

  const unsubscribeAt = async (shard: Shard, channels: readonly string[]): Promise<void> => {
    for (const channel of channels) shard.channels.delete(channel);
    try {
      await shard.connection.sunsubscribe(...channels);
    } catch (thrown) {
      // moved away or gone with its node: then it is unsubscribed
      if (movedTo(thrown, shard.node) === undefined && open.get(shard.node) === shard) throw thrown;
    }
  };

  /** Subscribed there, or about to be: then the answer to that is still on its way. */
  const isAt = ({ channels, node }: Shard, channel: string): boolean =>
    channels.has(channel) || ownerOf(slotOf(channel)) === node;

  const tick = (shard: Shard): void => {
    if (shard.connection.status !== 'ready') return;
    if (shard.silent >= SILENT_TICKS) return lose(shard);
    shard.silent += 1;
    if (shard.isAsked) return;
    shard.isAsked = true;
    const question: Promise<unknown> =
      ticks % LOOK_EVERY === 0 ? look(shard) : shard.connection.ping();
    const answered = (isHeard: boolean): void => {
      shard.isAsked = false;
      if (isHeard) shard.silent = 0;
    };
    question.then(
      () => answered(true),
      // a refusal is an answer; no answer may be our own stall, and the next tick asks again
      (thrown: unknown) => answered(isReply(thrown)),
    );
  };

  const ticking: Subscription = timer(PING_MS, PING_MS, clock.scheduler).subscribe(() => {
    ticks += 1;
    for (const shard of [...open.values()]) tick(shard);
  });

  return {
    subscribe: (channels) =>
      all(
        [...bySlot(channels)].map(([slot, some]) =>
          subscribeSlot(slot, some, ownerOf(slot), MAX_MOVES),
        ),
      ),
    unsubscribe: (channels) =>
      all(
        [...open.values()].flatMap((shard) =>
          // of several slots in one command Redis takes none
          [...bySlot(channels.filter((channel) => isAt(shard, channel))).values()].map((some) =>
            unsubscribeAt(shard, some),
          ),
        ),
      ),
    end: () => {
      ticking.unsubscribe();
      const connections = [...open.values()];
      open.clear();
      for (const { connection } of connections) {
        connection.off('smessageBuffer', message);
        drop(connection);
      }
    },
  };
};

/** Waits for each, then fails as the first that failed: none may fail unheard. */
const all = async (promises: readonly Promise<void>[]): Promise<void> => {
  for (const result of await Promise.allSettled(promises))
    if (result.status === 'rejected') throw result.reason;
};

const bySlot = (channels: readonly string[]): ReadonlyMap<number, readonly string[]> => {
  const slots = new Map<number, string[]>();
  for (const channel of channels) {
    const slot = slotOf(channel);
    const some = slots.get(slot);
    if (some === undefined) slots.set(slot, [channel]);
    else some.push(channel);
  }
  return slots;
};
