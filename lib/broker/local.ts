/**
 * The local broker: one pod is complete by itself. Positions, logs and idempotency keys are in memory, each
 * with a bound. A position is kept while its room has members. Without members it is kept for `positionTtlMs`
 * after the last message (at most 10 minutes when there was none), or until too many other rooms were used
 * after it. A log is kept no longer than its position.
 */
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import { defer, EMPTY, NEVER, Observable, of, Subject, type Subscriber } from 'rxjs';
import type { Clock } from '../clock.js';
import { type Draft, type Publication, publicationOf } from '../protocol/publication.js';
import { NO_LOG } from '../history/index.js';
import { memoryLog } from '../history/memory/log.js';
import {
  drawNonce,
  drawTag,
  GLOBAL,
  LastMessage,
  type Room,
  type LogPosition,
} from '../protocol/position.js';
import type { Broker, BrokerStatus, ChannelEvent, PublishError, Receipt } from './index.js';
import { idempotencyKeys } from './idempotency-keys.js';
import type { ControlCommand } from './control-command.js';

/** The options of the local broker. */
export interface LocalBrokerOptions {
  readonly clock: Clock;
  readonly positionTtlMs: number;
  /** How many of a room's messages its log keeps (default: 1,000; 0: none), and for how long (10 minutes). */
  readonly logMessages?: number;
  readonly logTtlMs?: number;
}

/** The usual receipt. Its id is written only when it is read, as most senders do not ask for it. */
class Placed implements Receipt {
  readonly duplicate = false;
  readonly scope = 'cluster';

  constructor(private readonly publication: Publication) {}

  get id(): string {
    return this.publication.idText;
  }
}

/** The position of a room, and the subscriber of its channel. */
interface LocalRoom {
  top: LogPosition;
  channel: Subscriber<ChannelEvent> | undefined;
}

/** How many positions are kept: about 25 MB. Only those of rooms without members are forgotten. */
const MAX_POSITIONS = 100_000;
/**
 * How many positions of rooms without members and without a message are kept, and for how long: else a
 * client that joins many rooms would push out the positions of used ones.
 */
const MAX_EMPTY = 10_000;
const EMPTY_TTL_MS = 600_000;

/** The broker of a single pod, with positions and logs in memory. It can be used as it is, or wrapped. */
export const localBroker = ({
  clock,
  positionTtlMs,
  logMessages = 1_000,
  logTtlMs = 600_000,
}: LocalBrokerOptions): Broker => {
  const since = clock.wall();
  const rooms = new Map<Room, LocalRoom>();
  const keys = idempotencyKeys(clock);
  const control$ = new Subject<ControlCommand>();
  const log = memoryLog({ wall: clock.wall, messages: logMessages, ttlMs: logTtlMs });

  /** Rooms without members and without a message, by the time when they became empty, the oldest first. */
  const empty = new Map<Room, number>();

  const forget = (room: Room): void => {
    rooms.delete(room);
    empty.delete(room);
    log.forget(room);
  };

  const wentQuiet = (room: Room, { top, channel }: LocalRoom): void => {
    if (channel !== undefined || top.offset > 0) return;
    const now = clock.wall();
    empty.delete(room);
    empty.set(room, now);
    for (const [oldest, since] of empty) {
      if (empty.size <= MAX_EMPTY && now - since < EMPTY_TTL_MS) return;
      forget(oldest);
    }
  };

  /** The state of a room, unless its epoch has ended. */
  const knownRoom = (room: Room): LocalRoom | undefined => {
    const state = rooms.get(room);
    if (state === undefined || state.channel !== undefined) return state;
    const emptySince = empty.get(room);
    const lives =
      emptySince === undefined
        ? clock.wall() - state.top.ms < positionTtlMs
        : clock.wall() - emptySince < Math.min(EMPTY_TTL_MS, positionTtlMs);
    if (lives) return state;
    forget(room);
    return undefined;
  };

  /**
   * The state of a room, moved to the end of the map: so the first entry is the room that was not used for
   * longest.
   */
  const roomOf = (room: Room): LocalRoom => {
    const ms = clock.wall();
    const state = knownRoom(room) ?? {
      top: { tag: drawTag(clock.random), offset: 0, ms, id: null },
      channel: undefined,
    };
    rooms.delete(room);
    rooms.set(room, state);
    empty.delete(room);
    if (rooms.size > MAX_POSITIONS) forgetOldest();
    return state;
  };

  const forgetOldest = (): void => {
    for (const [room, { channel }] of rooms) {
      if (channel !== undefined) continue;
      forget(room);
      return;
    }
  };

  const publish = (draft: Draft): Either<PublishError, Receipt> => {
    const { room, key } = draft;
    const before = key === undefined ? undefined : keys.get(room, key);
    if (before !== undefined) {
      return before.digest === draft.digest
        ? right({ id: before.id, duplicate: true, scope: 'cluster' })
        : left({ _tag: 'KeyReused' });
    }
    // an open room is not forgotten, so its order in the map does not matter
    const known = rooms.get(room);
    const state = known?.channel === undefined ? roomOf(room) : known;
    const { top } = state;
    const { tag } = top;
    const offset = top.offset + (draft.logged ? 1 : 0);
    const ms = Math.max(top.ms, clock.wall());
    const nonce = drawNonce(clock.random);
    const global = room === GLOBAL;
    // written out, here and in later steps: a spread costs 2 µs when objects of several shapes come along
    const publication = publicationOf(draft, {
      tag,
      offset,
      ms,
      global,
      outside: !draft.logged,
      nonce,
    });
    const next = draft.logged ? new LastMessage(publication.id) : { tag, offset, ms, id: top.id };
    state.top = next;
    if (draft.logged) log.append(room, publication, top);
    if (key !== undefined) keys.set(room, key, { id: publication.idText, digest: draft.digest });
    state.channel?.next({
      _tag: 'Published',
      publication,
      offset: draft.logged ? offset : undefined,
      top: next,
    });
    return right(new Placed(publication));
  };

  return {
    name: 'local',
    status$: new Observable<BrokerStatus>((subscriber) => {
      subscriber.next({ _tag: 'Up', since });
    }),
    event$: NEVER,
    clockMs: clock.wall,
    channel: (room) =>
      new Observable<ChannelEvent>((subscriber) => {
        const state = roomOf(room);
        state.channel = subscriber;
        subscriber.next({ _tag: 'Opened', top: state.top, scope: 'cluster' });
        return () => {
          if (state.channel !== subscriber) return;
          state.channel = undefined;
          wentQuiet(room, state);
        };
      }),
    log: {
      page: (room, from, most) =>
        new Observable((subscriber) => {
          const state = knownRoom(room);
          subscriber.next(
            right(state === undefined ? NO_LOG : log.page(room, state.top, from, most)),
          );
          subscriber.complete();
        }),
    },
    logBytes: () => log.size(),
    publish: (draft) =>
      new Observable((subscriber) => {
        subscriber.next(publish(draft));
        subscriber.complete();
      }),
    publishNow: publish,
    members: () => of(0),
    membersElsewhere: () => of(0),
    control$: control$.asObservable(),
    sendControl: (command) =>
      defer(() => {
        control$.next(command);
        return of(right(undefined));
      }),
    close: () => EMPTY,
  };
};
