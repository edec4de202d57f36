/**
 * The channel of one room in virtual time, over a log without entries, and the steps in which its events are
 * passed on.
 */
import { right as rightOf } from 'fp-ts/lib/Either.js';
import { of, Subject, Subscription } from 'rxjs';
import { openChannels } from '../../lib/broker/cluster/channels.js';
import { clusterChannel } from '../../lib/broker/cluster/cluster-channel.js';
import { epochs } from '../../lib/broker/cluster/epochs.js';
import { fallbackDedup } from '../../lib/broker/cluster/fallback-dedup.js';
import { localIds } from '../../lib/broker/cluster/local-ids.js';
import type { Publisher } from '../../lib/broker/cluster/publisher.js';
import type { Sink, Subscriptions } from '../../lib/broker/cluster/subscriptions.js';
import type { BrokerEvent } from '../../lib/broker/index.js';
import type { RedisPort } from '../../lib/broker/redis/port.js';
import type { Page } from '../../lib/history/page.js';
import { topAt } from './channel-world.js';
import { virtualClock } from './virtual-clock.js';

export const channelWorld = (room = 'r', isDegraded = false) => {
  const clock = virtualClock();
  const channels = openChannels();
  const known = epochs({ positionTtlMs: 86_400_000, now: clock.wall });
  const sinks = new Map<string, Sink>();
  const end$ = new Subject<void>();
  const self = { top: topAt(1, 5), steps: [] as string[], events: [] as BrokerEvent[] };
  const page = (): ReturnType<RedisPort['page']> => {
    const answer: Page = { top: self.top, first: self.top.offset + 1, entries: [] };
    return of(rightOf(answer));
  };
  const renew = (_room: string, old: number, tag: number): ReturnType<RedisPort['renew']> => {
    self.steps.push(`renew ${old} as ${tag === old ? 'itself' : 'another'}`);
    self.top = topAt(tag, 0);
    return of(rightOf(self.top));
  };
  const members = clusterChannel(room, {
    redis: { page, renew, subscribeCommand: 'subscribe' } as unknown as RedisPort,
    // so the first tag that is drawn equals the old one
    clock: { ...clock, random: () => 0 },
    timeoutMs: 2_000,
    readEveryMs: 60_000,
    ids: localIds(clock, channels.position),
    channels,
    subscriptions: {
      open: (name: string, sink: Sink) => {
        sinks.set(name, sink);
        return new Subscription(() => sinks.delete(name));
      },
    } as unknown as Subscriptions,
    publisher: {
      received: () => self.steps.push('publisher'),
      isUnderWay: () => false,
    } as unknown as Publisher,
    fallbackDedup: fallbackDedup({ clock }),
    epochs: known,
    position: () => of(rightOf(self.top)),
    isDegraded: () => isDegraded,
    reached: (_room, { offset }) => self.steps.push(`reached ${offset}`),
    emit: (event) => self.events.push(event),
    end$,
  }).subscribe({
    next: (event) => self.steps.push(event._tag),
    complete: () => self.steps.push('end'),
  });
  const sink = (): Sink => {
    const [one] = sinks.values();
    if (one === undefined) throw new Error('expected a subscription to Redis');
    return one;
  };
  const open = (): void => {
    sink().subscribed();
    clock.advance(3_000);
  };
  return Object.assign(self, { clock, channels, known, sinks, end$, members, sink, open });
};
