/**
 * One channel of a room. What Redis pushes and what the registry sends goes in, `orderedChannel` puts it in
 * the order of the log, and what comes out is recorded before the members get it.
 *
 * Source: it makes a stream of the callbacks of one Redis subscription, and ends with its subscriber.
 */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import { Observable, tap } from 'rxjs';
import type { Clock } from '../../clock.js';
import { decodePublication, pushedPublication, reissued } from '../../protocol/channel-payload.js';
import { drawTag, GLOBAL, type LogPosition, NO_EPOCH, type Room } from '../../protocol/position.js';
import { BareSubscriber } from '../../rx/bare-subscriber.js';
import { Relay } from '../../rx/relay.js';
import type { BrokerEvent, ChannelEvent } from '../index.js';
import { channelOf, type RedisPort, type RedisReply } from '../redis/port.js';
import type { Channels, OpenChannel } from './channels.js';
import type { FallbackDedup } from './fallback-dedup.js';
import type { Epochs } from './epochs.js';
import type { LocalIds } from './local-ids.js';
import type { RawEvent } from './channel-events.js';
import { orderedChannel } from './ordered-channel.js';
import type { Publisher } from './publisher.js';
import type { Subscriptions } from './subscriptions.js';

export interface ClusterChannelDeps {
  readonly redis: RedisPort;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly readEveryMs: number;
  readonly ids: LocalIds;
  readonly channels: Channels;
  readonly subscriptions: Subscriptions;
  readonly publisher: Publisher;
  readonly fallbackDedup: FallbackDedup;
  readonly epochs: Epochs;
  /** The position of a log. Always answers, within `LONG * timeoutMs` (`log-questions.ts`). */
  readonly position: (room: Room) => RedisReply<LogPosition | undefined>;
  readonly isDegraded: () => boolean;
  /** A channel is about to reach this position. */
  readonly reached: (room: Room, position: LogPosition) => void;
  readonly emit: (event: BrokerEvent) => void;
  /** Emits when the broker is closed: its channels end. */
  readonly end$: Observable<void>;
}

export const clusterChannel = (room: Room, deps: ClusterChannelDeps): Observable<ChannelEvent> => {
  const { redis, clock, channels, epochs, ids, publisher, subscriptions, emit } = deps;
  const { random } = clock;
  const dropped = (detail: string): void => emit({ _tag: 'PayloadDropped', detail });

  return new Observable((out) => {
    const raw$ = new Relay<RawEvent>();
    const channel: OpenChannel = { raw$, out };
    channels.open(room, channel);
    out.add(() => {
      const position = channels.position(room);
      channels.close(room, channel);
      if (position !== undefined && !channels.has(room)) epochs.closed(room, position);
    });

    const moved = (position: LogPosition): void => {
      deps.reached(room, position);
      channels.reached(room, channel, position);
    };
    /** Passes the events of the channel on to other parts of the broker. */
    const record = (event: ChannelEvent): void => {
      switch (event._tag) {
        case 'Published':
        case 'Echoed':
          moved(event.top);
          // the log has the message: if a publish that has no answer yet sent it, that publish has succeeded
          if (event.offset !== undefined) publisher.received(room, event.publication);
          return;
        case 'Opened':
        case 'Gap':
          return moved(event.top);
        case 'Counted':
        case 'Failed':
          return;
      }
    };
    const ordered$ = raw$.pipe(
      orderedChannel({
        room,
        clock,
        timeoutMs: deps.timeoutMs,
        readEveryMs: deps.readEveryMs,
        page: (from, most) =>
          redis
            .page(room, from, most, drawTag(random), epochs.tagOf(room))
            .pipe(tap((answer) => isRight(answer) && epochs.read(room, answer.right))),
        renew: (old) => redis.renew(room, old, otherTag(old, random)),
        position: () => deps.position(room),
        isUnderWay: ({ id }) => publisher.isUnderWay(room, id),
        decodeFully: ({ payload }) => {
          const publication = decodePublication(payload, room);
          if (isRight(publication)) return publication.right;
          dropped(publication.left);
          return undefined;
        },
        reissue: (publication, id, isForeign) => reissued(publication, room, id, isForeign),
        dropped,
        echoOf: (publication) => deps.fallbackDedup.find(room, publication),
        synced: (isSynced) => channels.synced(channel, isSynced),
        podPosition: ids.podPosition,
      }),
    );
    const recorded = new BareSubscriber<ChannelEvent>(
      (event) => {
        record(event);
        out.next(event);
      },
      (error) => out.error(error),
      () => out.complete(),
    );
    out.add(recorded);
    ordered$.subscribe(recorded);
    out.add(deps.end$.subscribe(() => out.complete()));
    if (deps.isDegraded()) raw$.next({ _tag: 'Degraded' });
    out.add(
      subscriptions.open(channelOf(room), {
        message: (payload) => {
          const publication = pushedPublication(payload, room);
          if (isLeft(publication)) return dropped(publication.left);
          publisher.received(room, publication.right);
          raw$.next({ _tag: 'Received', publication: publication.right });
        },
        published: (publication) => raw$.next({ _tag: 'Published', publication }),
        subscribed: () => raw$.next({ _tag: 'Subscribed' }),
        unsubscribed: () => raw$.next({ _tag: 'Unsubscribed' }),
        denied: (detail) => {
          // `system-channels.ts` reports the global channel
          if (room !== GLOBAL) emit(channelDenied(redis, channelOf('*'), detail));
          raw$.next({ _tag: 'Denied', detail });
        },
      }),
    );
  });
};

/** Reports the pattern, not the room: there are many rooms, and all need the same right. */
export const channelDenied = (
  { subscribeCommand }: Pick<RedisPort, 'subscribeCommand'>,
  pattern: string,
  detail: string,
): BrokerEvent => ({ _tag: 'Refused', detail, right: `+${subscribeCommand} &${pattern}` });

/** A tag for a new epoch, other than the old one. */
const otherTag = (old: number, random: () => number): number => {
  const tag = drawTag(random);
  return tag === old ? (tag % (NO_EPOCH - 1)) + 1 : tag;
};
