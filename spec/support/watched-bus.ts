/**
 * A Redis port whose events are recorded in order, and short functions for its commands. For specs that use a
 * real Redis.
 */
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import { firstValueFrom, type Subscription } from 'rxjs';
import {
  type RedisReply,
  type RedisPort,
  type RedisError,
  type RedisEvent,
} from '../../lib/broker/redis/port.js';
import { type RedisClientOptions } from '../../lib/broker/redis/options.js';
import { systemClock } from '../../lib/clock.js';
import type { Draft } from '../../lib/protocol/publication.js';
import { parseId, type Room } from '../../lib/protocol/position.js';
import { until } from './redis.js';

export const TIMEOUT_MS = 1_000;
export const HOUR = 3_600_000;

export interface Watched {
  readonly bus: RedisPort;
  readonly events: RedisEvent[];
  /** The messages of a channel, as text. */
  readonly received: (channel: string) => readonly string[];
  readonly tags: () => readonly string[];
  /** Waits for the next event of a kind, from now on or from the beginning. */
  readonly next: (tag: RedisEvent['_tag'], from?: number, ms?: number) => Promise<RedisEvent>;
  readonly close: () => Promise<void>;
}

export const options = (over: Partial<RedisClientOptions>): RedisClientOptions => ({
  url: '',
  sentinels: [],
  sentinelName: '',
  prefix: '',
  serverId: 'pod-1',
  timeoutMs: TIMEOUT_MS,
  positionTtlMs: 24 * HOUR,
  logMessages: 1_000,
  logTtlMs: 600_000,
  clock: systemClock,
  ...over,
});

export const watch = (bus: RedisPort): Watched => {
  const events: RedisEvent[] = [];
  const subscription: Subscription = bus.event$.subscribe((event) => events.push(event));
  return {
    bus,
    events,
    received: (channel) =>
      events.flatMap((event) =>
        event._tag === 'Message' && event.channel === channel ? [event.payload.toString()] : [],
      ),
    tags: () => events.map(({ _tag }) => _tag).filter((tag) => tag !== 'Message'),
    next: async (tag, from = events.length, ms = 10_000) => {
      await until(
        `the bus says ${tag}`,
        () => events.slice(from).some(({ _tag }) => _tag === tag),
        ms,
      );
      const found = events.slice(from).find(({ _tag }) => _tag === tag);
      if (found === undefined) throw new Error(tag);
      return found;
    },
    close: async () => {
      await new Promise<void>((resolve) => bus.close().subscribe({ complete: resolve }));
      if (!subscription.closed) throw new Error('the events go on after close');
    },
  };
};

export const ready = async (bus: RedisPort): Promise<Watched> => {
  const watched = watch(bus);
  await watched.next('Ready', 0);
  return watched;
};

export const right = async <A>(answer$: RedisReply<A>): Promise<A> => {
  const either = await firstValueFrom(answer$);
  if (E.isLeft(either)) throw new Error(`${either.left._tag}: ${either.left.detail}`);
  return either.right;
};

export const left = async (
  answer$: RedisReply<unknown>,
): Promise<RedisError['_tag'] | 'no error'> => {
  const either = await firstValueFrom(answer$);
  return E.isLeft(either) ? either.left._tag : 'no error';
};

export const draft = (room: Room, rest: string, over: Partial<Draft> = {}): Draft => ({
  room,
  type: 'chat',
  rest,
  logged: true,
  key: undefined,
  digest: '',
  except: undefined,
  ...over,
});
export const later = (): number => Date.now() + HOUR;

/** Publishes each text in a call of its own, one after the other, as a pod does in a room. */
export const publishAll = async (
  bus: RedisPort,
  room: Room,
  texts: readonly string[],
  nonce = 0,
): Promise<void> => {
  for (const text of texts)
    await right(bus.publish(room, [draft(room, `"text":"${text}"}`)], [nonce], 77, later()));
};

export const offsetOf = (payload: string): number => {
  const id = parseId(payload.slice(7, 43));
  return O.isSome(id) ? id.value.offset : Number.NaN;
};

/** Texts of a room, numbered: no two tests share one. */
export const texts = (count: number, name: string): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${name}${i}`);
