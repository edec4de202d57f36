/**
 * The subscriptions on a Cluster: one connection to each master that has a channel which this pod wants. The
 * sharded subscribers of ioredis are not used: they resubscribe by themselves and ignore a failure of that,
 * so a channel could be dead without an event. This file does not subscribe again by itself: it reports a
 * lost channel with `dropped`, and `broker/cluster/subscriptions.ts` subscribes to it again. Whether a node
 * is alive and owns its slots: `shard-check.ts`.
 *
 * Source: it makes callbacks of the connections' events and of its own ticks; `end` ends both.
 */
import type { Redis } from 'ioredis';
import { type Subscription, timer } from 'rxjs';
import type { Clock } from '../../clock.js';
import { isReply, textOf } from './errors.js';
import { type CheckInput, type ShardCheck, step, UNCHECKED } from './shard-check.js';
import { movedTo, slotOf, slotsAt } from './slots.js';

interface Shard {
  readonly node: string;
  readonly connection: Redis;
  readonly ready: Promise<void>;
  /** The confirmed channels, with their slots. */
  readonly channels: Map<string, number>;
  check: ShardCheck;
}

export interface ShardedSubscriberDeps {
  /** A connection to `host:port`. */
  readonly connect: (node: string) => Redis;
  readonly drop: (connection: Redis) => void;
  /** The node that owns a slot, if known. */
  readonly ownerOf: (slot: number) => string | undefined;
  /** The known owners of slots may be outdated. */
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
/**
 * Every 10th tick asks a node for its slots in place of a PING: a `sunsubscribe` of Redis may have been
 * missed.
 */
const SLOTS_EVERY = 10;
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

  const check = (shard: Shard, input: CheckInput): void => {
    if (open.get(shard.node) !== shard) return;
    const [next, effect] = step(shard.check, input);
    shard.check = next;
    if (effect === 'GiveUp') lose(shard);
    else if (effect === 'Ping') ping(shard);
    else if (effect === 'ReadSlots') readSlots(shard);
  };

  const ping = (shard: Shard): void => {
    shard.connection.ping().then(
      () => check(shard, { _tag: 'PingEnded', isAnswer: true }),
      (thrown: unknown) => check(shard, { _tag: 'PingEnded', isAnswer: isReply(thrown) }),
    );
  };

  /** Asks the node itself which slots it owns: other nodes may not know yet. */
  const readSlots = (shard: Shard): void => {
    shard.connection.cluster('SLOTS').then(
      (reply) => {
        dropMoved(shard, slotsAt(reply, shard.node));
        check(shard, { _tag: 'SlotsRead' });
      },
      (thrown: unknown) => check(shard, { _tag: 'SlotsFailed', isAnswer: isReply(thrown) }),
    );
  };

  const dropMoved = (shard: Shard, owns: (slot: number) => boolean): void => {
    if (open.get(shard.node) !== shard) return;
    const gone = [...shard.channels].filter(([, slot]) => !owns(slot)).map(([channel]) => channel);
    if (gone.length === 0) return;
    for (const channel of gone) shard.channels.delete(channel);
    refresh();
    dropped(gone);
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
      check: UNCHECKED,
    };
    open.set(node, shard);
    connection.on('error', (error: Error) => {
      detail = textOf(error);
    });
    connection.on('smessageBuffer', message);
    connection.once('close', () => lose(shard));
    // ioredis emits it for a MOVED error and for an unsolicited `sunsubscribe`, without the channel
    connection.on('moved', () => check(shard, { _tag: 'SlotMoved' }));
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
      throw new Error(`the owner of slot ${slot} is not known`);
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
      // the slot has moved, or the connection is gone: then the channel is unsubscribed anyway
      if (movedTo(thrown, shard.node) === undefined && open.get(shard.node) === shard) throw thrown;
    }
  };

  /**
   * Whether the channel is, or soon will be, subscribed at this node: its answer came, or the node owns the
   * slot and the answer is on its way.
   */
  const isAt = ({ channels, node }: Shard, channel: string): boolean =>
    channels.has(channel) || ownerOf(slotOf(channel)) === node;

  const ticking: Subscription = timer(PING_MS, PING_MS, clock.scheduler).subscribe(() => {
    ticks += 1;
    for (const shard of [...open.values()])
      if (shard.connection.status === 'ready')
        check(shard, { _tag: 'Tick', asksSlots: ticks % SLOTS_EVERY === 0 });
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
          // Redis refuses one command for channels of several slots
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

/** Waits for all, then fails with the first failure: so no rejection stays unhandled. */
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
