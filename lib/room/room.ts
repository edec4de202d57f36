/**
 * One room of one pod. Every arrow is a stream below:
 *
 *   command$ ──► members (join, leave, publish) ──► broker.publish, broker.members
 *   channel$ ──► deliveries ─┐
 *   broadcast$ ──────────────┴─► fan-out ──► the members' outboxes
 *   presence ──► announcements ──► broker.publish
 *
 * A room lives as long as its group in the hub: it ends when `command$` has completed and the broker has
 * answered all publishes and counts. Then it unsubscribes the broker's channel. What happens leaves the room
 * as `HubEvent`s. A room knows neither sockets nor Redis.
 */
import {
  type BehaviorSubject,
  EMPTY,
  finalize,
  ignoreElements,
  merge,
  Observable,
  Subject,
  tap,
} from 'rxjs';
import type { Broker, BrokerStatus } from '../broker/index.js';
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import type { Command, Membership } from '../connection/connection.js';
import type { HubEvent } from '../hub-event.js';
import { CLOSE } from '../protocol/close-codes.js';
import { GLOBAL, type Position, type Room } from '../protocol/position.js';
import type { GapReason } from '../protocol/system-event.js';
import { emitting } from '../rx/emitting.js';
import { mergeMapSet } from '../rx/merge-map-set.js';
import { mergeSides } from '../rx/merge-sides.js';
import { type MulticastSet, multicastSet } from '../rx/multicast-set.js';
import { noticeStatus } from './broker-status.js';
import { ChannelRefused, roomChannel, type RoomEvent } from './channel.js';
import type { Delivery } from './delivery.js';
import { fanOut as roomFanOut } from './fan-out.js';
import { roomMembers } from './members.js';
import { presence as roomPresence } from './presence.js';
import { recovery as roomRecovery } from './recovery/recovery.js';

export interface RoomDeps {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly config: Config;
  /** The broker's last status; only the global room listens to changes, as leaving a Subject is O(n). */
  readonly status: () => BrokerStatus;
  /**
   * The position of the global log on this pod. The global room sets it. Ids of control messages contain its
   * time.
   */
  readonly globalPosition$: BehaviorSubject<Position>;
}

export const room =
  ({ broker, clock, config, status, globalPosition$ }: RoomDeps) =>
  (name: Room) =>
  (command$: Observable<Command>): Observable<HubEvent> =>
    emitting((emit) => {
      const { limits } = config;
      const isGlobal = name === GLOBAL;
      const bound = { messages: limits.sendBufferMessages, bytes: limits.sendBufferBytes };
      const broadcast$ = new Subject<Delivery>();
      const ended$ = new Subject<void>();

      const sendGap = (membership: Membership, reason: GapReason): void => {
        emit({ _tag: 'GapSent', room: name, reason, members: 1 });
        const { connection } = membership;
        if (isGlobal) connection.send({ event: 'gap', reason });
        else connection.send({ event: 'gap', room: name, reason }, membership);
      };
      const fanOut = roomFanOut({
        clock,
        bound,
        delivered: ({ items, count, top }, size) => {
          if (isGlobal) globalPosition$.next(top);
          recovery.delivered(items);
          emit({
            _tag: 'Delivered',
            room: name,
            messages: count,
            members: size,
            acceptedAt: acceptanceOf(items),
            handedAt: clock.wall(),
          });
        },
        overflow: () => channel.gap('too_many'),
      });
      const recovery = roomRecovery({
        room: name,
        clock,
        log: broker.log,
        archive: broker.archive,
        bound,
        timeoutMs: config.broker.brokerTimeoutMs,
        position: () => fanOut.position(),
        brokerMs: broker.clockMs,
        gap: sendGap,
      });
      const channel = roomChannel({
        room: name,
        clock,
        members: fanOut,
        globalPosition: () => globalPosition$.value,
        gapSent: (reason) => emit({ _tag: 'GapSent', room: name, reason, members: fanOut.size() }),
        epochChanged: () => recovery.epochChanged(),
      });
      const presence = roomPresence({
        room: name,
        broker,
        clock,
        config: config.presence,
        size: () => fanOut.size(),
      });
      // a set, not a Subject, as thousands of joiners may leave before the channel has opened
      const opening = multicastSet<void>({ slice: Number.POSITIVE_INFINITY, turn: clock.turn });
      const members = roomMembers({
        room: name,
        clock,
        broker,
        channel,
        opened$: firstOf(opening),
        fanOut,
        presence,
        recovery,
        status,
        emit,
        sendGap,
        broadcast: (event, except) => broadcast$.next(channel.system(event, except)),
      });

      const onRoomEvent = (event: RoomEvent): void => {
        switch (event._tag) {
          case 'Opened': {
            const isFirst = channel.open(event);
            if (isGlobal) globalPosition$.next(event.top);
            if (isFirst) void opening.deliver(undefined);
            return;
          }
          case 'Counted':
            presence.setOthers(event.others);
            return members.reviewPresence();
          case 'Failed':
            for (const { connection } of members.all()) connection.kick(name, 'failed');
            throw new ChannelRefused(event.error);
        }
      };

      const status$ = isGlobal
        ? broker.status$.pipe(
            noticeStatus({
              turn: clock.turn,
              all: () => members.all(),
              has: (membership) => members.has(membership),
            }),
          )
        : EMPTY;
      const delivery$ = broker
        .channel(name)
        .pipe(channel.deliveries(onRoomEvent), mergeSides(ended$, status$, broadcast$));
      const handled$ = command$.pipe(
        mergeMapSet(members.handle),
        finalize(() => presence.end()),
      );
      return merge(
        delivery$.pipe(fanOut.toMembers),
        merge(handled$, presence.announcement$).pipe(finalize(() => ended$.next())),
      ).pipe(
        ignoreElements(),
        finalize(recovery.close),
        tap({
          error: (error: unknown) => {
            if (error instanceof ChannelRefused) return;
            emit({ _tag: 'RoomFailed', error });
            for (const { connection } of members.all()) connection.close(CLOSE.failed);
          },
        }),
      );
    });

/** Emits once, when the set delivers. */
const firstOf = (set: MulticastSet<void>): Observable<void> =>
  new Observable((out) =>
    set.subscribe({
      take: () => {
        out.next();
        out.complete();
      },
    }),
  );

const acceptanceOf = (items: readonly Delivery[]): readonly number[] => {
  const all: number[] = [];
  for (const { at } of items) if (at !== undefined) all.push(at);
  return all;
};
