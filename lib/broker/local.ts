/**
 * The embedded broker: a pod alone is complete by itself. Positions, logs and idempotency keys live in memory, each with a
 * bound: a position as long as `positionTtlMs` (24 h) or until too many other rooms were used since, and a log no longer.
 */
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import { defer, EMPTY, NEVER, Observable, of, Subject, type Subscriber } from 'rxjs';
import type { Clock } from '../clock.js';
import { type Draft, type Publication, publicationOf } from '../codec.js';
import { NO_LOG } from '../log/index.js';
import { memoryLog } from '../log/memory.js';
import { drawNonce, drawTag, GLOBAL, Reached, type Room, type Top } from '../position.js';
import type { Broker, BrokerStatus, ChannelEvent, PublishError, Receipt } from './index.js';
import { idempotencyKeys } from './keys.js';
import type { Word } from './word.js';

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
interface Place {
  top: Top;
  channel: Subscriber<ChannelEvent> | undefined;
}

/** Rooms whose position is remembered though nobody is in them: about 25 MB. */
const MAX_POSITIONS = 100_000;
/** Of them, those in which nothing was ever said, and for how long: else who joins many pushes out the others. */
const MAX_EMPTY = 10_000;
const EMPTY_TTL_MS = 600_000;

export const localBroker = ({
  clock,
  positionTtlMs,
  logMessages = 1_000,
  logTtlMs = 600_000,
}: LocalBrokerOptions): Broker => {
  const since = clock.wall();
  const places = new Map<Room, Place>();
  const keys = idempotencyKeys(clock);
  const word$ = new Subject<Word>();
  const log = memoryLog({ wall: clock.wall, messages: logMessages, ttlMs: logTtlMs });

  /** Rooms without a message that nobody is in, and since when, in the order of that. */
  const empty = new Map<Room, number>();

  const forget = (room: Room): void => {
    places.delete(room);
    empty.delete(room);
    log.forget(room);
  };

  const wentQuiet = (room: Room, { top, channel }: Place): void => {
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
  const knownPlace = (room: Room): Place | undefined => {
    const place = places.get(room);
    if (place === undefined || place.channel !== undefined) return place;
    const emptySince = empty.get(room);
    const lives =
      emptySince === undefined
        ? clock.wall() - place.top.ms < positionTtlMs
        : clock.wall() - emptySince < Math.min(EMPTY_TTL_MS, positionTtlMs);
    if (lives) return place;
    forget(room);
    return undefined;
  };

  /** A room's place, moved to the end of the map: its start is what was unused for longest. */
  const placeOf = (room: Room): Place => {
    const ms = clock.wall();
    const place = knownPlace(room) ?? {
      top: { tag: drawTag(clock.random), offset: 0, ms, id: null },
      channel: undefined,
    };
    places.delete(room);
    places.set(room, place);
    empty.delete(room);
    if (places.size > MAX_POSITIONS) forgetOldest();
    return place;
  };

  const forgetOldest = (): void => {
    for (const [room, { channel }] of places) {
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
    const known = places.get(room);
    const place = known?.channel === undefined ? placeOf(room) : known;
    const { top } = place;
    const { tag } = top;
    const offset = top.offset + (draft.logged ? 1 : 0);
    const ms = Math.max(top.ms, clock.wall());
    const nonce = drawNonce(clock.random);
    const global = room === GLOBAL;
    // written out, here and on the rest of the way: a spread costs 2 µs where objects of several shapes come along
    const publication = publicationOf(draft, {
      tag,
      offset,
      ms,
      global,
      outside: !draft.logged,
      nonce,
    });
    const next = draft.logged ? new Reached(publication.id) : { tag, offset, ms, id: top.id };
    place.top = next;
    if (draft.logged) log.append(room, publication, top);
    if (key !== undefined) keys.set(room, key, { id: publication.idText, digest: draft.digest });
    place.channel?.next({ _tag: 'Published', publication, top: next });
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
        const place = placeOf(room);
        place.channel = subscriber;
        subscriber.next({ _tag: 'Opened', top: place.top, scope: 'cluster' });
        return () => {
          if (place.channel !== subscriber) return;
          place.channel = undefined;
          wentQuiet(room, place);
        };
      }),
    log: {
      page: (room, from, most) =>
        new Observable((subscriber) => {
          const place = knownPlace(room);
          subscriber.next(
            right(place === undefined ? NO_LOG : log.page(room, place.top, from, most)),
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
    elsewhere: () => of(0),
    word$: word$.asObservable(),
    say: (word) =>
      defer(() => {
        word$.next(word);
        return of(right(undefined));
      }),
    close: () => EMPTY,
  };
};
