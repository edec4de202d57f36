/**
 * Clients that have later messages of their room than of the global log. A client that keeps one id resumes
 * with an id of its room. It catches up in the room first, then in the global log. When its connection breaks
 * between the two, it has a new id of the room, and the id does not show how far behind the client is in the
 * global log. So pods remember how far, and inform the other pods. They name the part of the room's log that
 * those clients were replaying: it begins at the id that they brought, and ends at the last message that they
 * were sent. A client with an id of this part resumes the global log from where those clients were. Other
 * clients with such an id get some global messages twice, under the same ids.
 *
 * When the global log has trimmed messages that such a client needs, the client is sent a `gap` before its
 * room sends anything, so also before its next global message. So a client with an id of this part was sent
 * this gap before, and is not sent it again. The global log may also have trimmed messages that are later than
 * the time of this id. That is another loss. No pod knows which of these clients had those messages. So each
 * of them is sent a `gap` for this loss when it resumes.
 *
 * `untold` in a `catch_up` is a time: some clients of the group were sent no `gap` for global messages that
 * were published at this time or later. When the log has trimmed such messages, each client with an id of
 * this part is sent a `gap`. When all clients of the group were sent one, `untold` is undefined.
 *
 *   look, `gap` if due ─► begin ─► a group catches up: `catch_up` with `until` null, repeated
 *                                    │ all its clients have left
 *                                    ├─ none was cut ─► `until` 0: all pods forget the group
 *                                    └─ some were cut ─► `until`: the largest of their offsets in the room
 *
 * A client leaves its group when it is cut, or 1 minute after it was sent both logs. The last `catch_up`
 * about clients that were cut is kept by all pods for `LOG_POSITION_TTL_MS`.
 *
 * This costs nothing when clients were away for less than `LONG_MS`, or when they bring two ids.
 */
import { Subscription } from 'rxjs';
import type { Clock } from '../clock.js';
import type { CatchUp } from '../broker/control-command.js';
import type { MessageId, Room } from '../protocol/position.js';
import { earliestMs, replaysFrom, type Resumes } from '../protocol/resume.js';
import {
  ANY_EPOCH,
  type Behind,
  type CatchUpMemory,
  type CatchUpMemoryDeps,
  catchUpMemory,
  earlier,
  REPEAT_MS,
} from './catch-up-memory.js';

export interface CatchUps extends Pick<CatchUpMemory, 'apply' | 'size'> {
  /** How a client with these ids resumes, by what the pods remember. */
  readonly resumesOf: (room: Room | undefined, resumes: Resumes) => Resumes;
  /** Whether a client must be remembered while it catches up: it brought one id, and was away for long. */
  readonly isLong: (resumes: Resumes) => boolean;
  /**
   * A client begins to catch up. `isGapSent`: the client was sent a gap of the global log. Returns
   * undefined when the client need not be remembered.
   */
  readonly begin: (room: Room, resumes: Resumes, isGapSent: boolean) => Running | undefined;
}

export interface Running {
  /** The client was sent both logs. Messages may still be on their way, so the client can still be cut. */
  readonly sent: () => void;
  /** The client has gone. It was sent the room up to this offset. */
  readonly cut: (until: number) => void;
}

export interface CatchUpsDeps extends CatchUpMemoryDeps {
  readonly clock: Clock;
  readonly send: (command: CatchUp) => void;
}

/**
 * A client that was away for a shorter time catches up within a minute: for it, the overlap of a minute
 * (`OVERLAP_MS`) is enough.
 */
const LONG_MS = 20_000;
/** By then a client has received what it was sent, or its connection has broken. */
const ARRIVED_MS = 60_000;
/**
 * A group: the clients that catch up in one room and epoch at the same time. So for thousands of clients that
 * reconnect together, a few `catch_up` are enough.
 */
interface Own {
  /** Identifies its `catch_up` among those of all groups and pods. */
  readonly name: string;
  readonly tag: number;
  from: number;
  since: number;
  /** Undefined: all were sent a gap. */
  untold?: number | undefined;
  running: number;
  /** The largest offset up to which a client that was cut had the room; undefined: none was cut. */
  cutAt: number | undefined;
  /** The timer of its next announcement. */
  repeat: Subscription;
}

export const catchUps = (deps: CatchUpsDeps): CatchUps => {
  const { clock, brokerMs, send } = deps;
  const { scheduler } = clock;
  const pod = Math.floor(clock.random() * 2 ** 48).toString(36);
  const memory = catchUpMemory(deps);
  /**
   * The groups that are still catching up, by room and epoch. When connections of a group broke, its last
   * `catch_up` is about these clients. Otherwise its last `catch_up` makes all pods forget the group.
   */
  const own = new Map<string, Own>();
  let count = 0;
  const announce = (
    room: Room,
    { name, tag, from, since, untold }: Own,
    until: number | null,
  ): void => send({ _tag: 'CatchUp', pod: name, room, tag, from, until, since, untold });

  /**
   * After its start, and after it has lost Redis, a pod does not know the broker's time. Until it does, it
   * counts every absence as a long one.
   */
  const isLong = (resumes: Resumes): boolean => {
    const now = brokerMs();
    if (!isOfOneId(resumes)) return false;
    return now === undefined || now - replaysFrom(resumes) >= LONG_MS;
  };

  const repeat = (room: Room, one: Own): void => {
    one.repeat = scheduler.schedule(() => {
      announce(room, one, null);
      repeat(room, one);
    }, REPEAT_MS);
  };

  const end = (room: Room, one: Own): void => {
    one.running -= 1;
    if (one.running > 0) return;
    one.repeat.unsubscribe();
    own.delete(`${one.tag} ${room}`);
    // `from` 0 to `until` 0 contains no message
    if (one.cutAt === undefined) announce(room, { ...one, from: 0 }, 0);
    else announce(room, one, one.cutAt);
  };

  return {
    resumesOf: (room, resumes) => {
      const id = aloneIn(resumes);
      if (room === undefined || id === undefined) return resumes;
      // the room is replayed first: a client with an id of the global log has all of its room
      if (id.global) return resumes;
      const behind = memory.behind(room, id);
      if (behind === undefined) return resumes;
      const { since, untold = id.ms } = behind;
      return { ...resumes, global: { _tag: 'Since', ms: since, untoldMs: untold } };
    },
    isLong,
    begin: (room, resumes, isGapSent) => {
      if (!isLong(resumes)) return undefined;
      const id = aloneIn(resumes);
      const behind: Behind = {
        since: replaysFrom(resumes),
        untold: isGapSent ? undefined : earliestMs(resumes),
      };
      // an id of the global log, or one that names no log, does not show the client's position in the room
      const isOfRoom = id !== undefined && !id.global;
      const tag = isOfRoom ? id.tag : ANY_EPOCH;
      const offset = isOfRoom ? id.offset : 0;
      const same = own.get(`${tag} ${room}`);
      if (same === undefined) count += 1;
      const name = `${pod}.${count}`;
      const made: Own = {
        ...{ name, tag, from: offset, ...behind },
        ...{ running: 0, cutAt: undefined, repeat: Subscription.EMPTY },
      };
      const one = same ?? made;
      if (same === undefined) repeat(room, one);
      const { since, untold } = earlier(one, behind);
      const isWider =
        same === undefined || offset < one.from || since < one.since || untold !== one.untold;
      one.from = Math.min(one.from, offset);
      one.since = since;
      one.untold = untold;
      one.running += 1;
      own.set(`${tag} ${room}`, one);
      if (isWider) announce(room, one, null);
      let ended = false;
      let arrival: Subscription | undefined;
      const finish = (): void => {
        ended = true;
        end(room, one);
      };
      return {
        sent: () => {
          arrival ??= scheduler.schedule(finish, ARRIVED_MS);
        },
        cut: (until) => {
          arrival?.unsubscribe();
          if (ended) return;
          one.cutAt = Math.max(one.cutAt ?? 0, until);
          finish();
        },
      };
    },
    apply: memory.apply,
    size: memory.size,
  };
};

/**
 * Whether a client brought one id: then the other log resumes by the time of the id. When the id names no
 * log, both logs do.
 */
const isOfOneId = ({ room, global }: Resumes): boolean =>
  room !== undefined && global !== undefined && (room._tag === 'Since' || global._tag === 'Since');

/**
 * The only id that a client brought; undefined when it brought none, one for each log, or one that names no
 * log.
 */
const aloneIn = ({ room, global }: Resumes): MessageId | undefined => {
  if (room?._tag === 'After' && global?._tag === 'Since') return room.id;
  return global?._tag === 'After' && room?._tag === 'Since' ? global.id : undefined;
};
