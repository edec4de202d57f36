/**
 * The embedded broker: a pod alone is complete by itself. Positions, logs and idempotency keys live in
 * memory, each with a bound: a position as long as `positionTtlMs` (24 h) or until too many other rooms were
 * used since, and a log no longer.
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

/** What the embedded broker is made with. */
export interface LocalBrokerOptions {
  readonly clock: Clock;
  readonly positionTtlMs: number;
  /** How many of a room's messages its log keeps (1,000; 0: none), and for how long (10 minutes). */
  readonly logMessages?: number;
  readonly logTtlMs?: number;
}

/** The usual receipt: most senders did not ask for the id. */
class Placed implements Receipt {
  readonly duplicate = false;
  readonly scope = 'cluster';

  constructor(private readonly publication: Publication) {}

  get id(): string {
    return this.publication.idText;
  }
}

/** Where a room stands, and who hears what is said there. */
interface LocalRoom {
  top: LogPosition;
  channel: Subscriber<ChannelEvent> | undefined;
}

/** Rooms whose position is remembered though nobody is in them: about 25 MB. */
const MAX_POSITIONS = 100_000;
/**
 * Of them, those in which nothing was ever said, and for how long: else who joins many pushes out the others.
 */
const MAX_EMPTY = 10_000;
const EMPTY_TTL_MS = 600_000;

/**
 * A broker that lives in this process: one pod, positions and logs in memory. Wrap it, or take it as it is.
 */
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

  /** Rooms without a message that nobody is in, and since when, in the order of that. */
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

  /** A room's place, unless its epoch has ended. */
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

  /** A room's place, moved to the end of the map: its start is what was unused for longest. */
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
    // an open room's place in the map does not matter: it is not forgotten
    const known = rooms.get(room);
    const state = known?.channel === undefined ? roomOf(room) : known;
    const { top } = state;
    const { tag } = top;
    const offset = top.offset + (draft.logged ? 1 : 0);
    const ms = Math.max(top.ms, clock.wall());
    const nonce = drawNonce(clock.random);
    const global = room === GLOBAL;
    // written out, here and on the rest of the way: a spread costs 2 µs where objects of several shapes come
    // along
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
