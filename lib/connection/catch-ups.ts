/**
 * Which clients have a part of their room that is younger than what they have of the global log. A client
 * that keeps one id comes back with a room's; the room catches up first, then the global log. Cut in between
 * it holds an id of the room that says nothing of how far behind the global log is. So the pods remember
 * that, and tell each other: whoever comes with such an id resumes the global log from where those clients
 * were. Others with an id of the same part of the room get some of the global log twice, by the same ids.
 *
 * What the global log has let go by then is told to such a client before its room sends anything, and that
 * gap stands before whatever it gets next of the global log. So an id of that part tells of no loss, and the
 * others hear of none. Only of what the log lets go later (`untold`) nobody can say who of them had it: then
 * all are told.
 *
 *   look, `gap` if due ─► begin ─► Running(from, since, untold?) ─ all were sent both logs, and are there a minute later ─► forgotten
 *                                    └─ one was cut ─► Ended(from, until, since, untold?), kept for a day
 *
 * Costs nothing where clients are away for less than `LONG_MS`, or bring two ids, or where nobody speaks to
 * everybody.
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
  /** How a client that comes so resumes, by what is remembered. */
  readonly resumesOf: (room: Room | undefined, resumes: Resumes) => Resumes;
  /** Whether a client that comes so is remembered while it catches up: its ids will not do. */
  readonly isLong: (resumes: Resumes) => boolean;
  /**
   * A client begins to catch up, and was told a gap of the global log or not; undefined where its ids will
   * do.
   */
  readonly begin: (room: Room, resumes: Resumes, isGapSent: boolean) => Running | undefined;
}

export interface Running {
  /** The client was sent both logs. Some of it may still be on its way, so it may be cut yet. */
  readonly sent: () => void;
  /** It has gone, and was sent the room up to this offset. */
  readonly cut: (until: number) => void;
}

export interface CatchUpsDeps extends CatchUpMemoryDeps {
  readonly clock: Clock;
  readonly send: (command: CatchUp) => void;
}

/** The overlap of a minute is enough for who was away for less, and catches up in the rest of it. */
const LONG_MS = 20_000;
/** What a client was sent has come, or its line has broken, by then. */
const ARRIVED_MS = 60_000;
/** Clients of a room and an epoch that catch up at once, as one: a herd is announced in a few commands. */
interface Own {
  /** What its commands are known by. */
  readonly name: string;
  readonly tag: number;
  from: number;
  since: number;
  /** Undefined: all were told a gap. */
  untold?: number | undefined;
  running: number;
  /** How far those came who were cut; undefined: none was. */
  cutAt: number | undefined;
  /** The next time that it is announced. */
  repeat: Subscription;
}

export const catchUps = (deps: CatchUpsDeps): CatchUps => {
  const { clock, brokerMs, send } = deps;
  const { scheduler } = clock;
  const pod = Math.floor(clock.random() * 2 ** 48).toString(36);
  const memory = catchUpMemory(deps);
  /**
   * Those that run, by room and epoch. One that was cut is remembered by its last command, whoever comes
   * after it.
   */
  const own = new Map<string, Own>();
  let count = 0;
  const announce = (
    room: Room,
    { name, tag, from, since, untold }: Own,
    until: number | null,
  ): void => send({ _tag: 'CatchUp', pod: name, room, tag, from, until, since, untold });

  const isLong = (resumes: Resumes): boolean => {
    const now = brokerMs();
    if (aloneIn(resumes) === undefined || now === undefined) return false;
    return now - replaysFrom(resumes) >= LONG_MS;
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
    // `from` 0 to `until` 0 holds no message
    if (one.cutAt === undefined) announce(room, { ...one, from: 0 }, 0);
    else announce(room, one, one.cutAt);
  };

  return {
    resumesOf: (room, resumes) => {
      const id = aloneIn(resumes);
      if (room === undefined || id === undefined) return resumes;
      // behind a global message is the room, which comes first
      if (id.global) return resumes;
      const behind = memory.behind(room, id);
      if (behind === undefined) return resumes;
      const { since, untold = id.ms } = behind;
      return { ...resumes, global: { _tag: 'Since', ms: since, untoldMs: untold } };
    },
    isLong,
    begin: (room, resumes, isGapSent) => {
      const id = aloneIn(resumes);
      if (id === undefined || !isLong(resumes)) return undefined;
      const behind: Behind = {
        since: replaysFrom(resumes),
        untold: isGapSent ? undefined : earliestMs(resumes),
      };
      // with the global log's id it is not known yet where the room begins
      const tag = id.global ? ANY_EPOCH : id.tag;
      const offset = id.global ? 0 : id.offset;
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

/** The one id that a client brought; undefined where it brought none, or one for each log. */
const aloneIn = ({ room, global }: Resumes): MessageId | undefined => {
  if (room?._tag === 'After' && global?._tag === 'Since') return room.id;
  return global?._tag === 'After' && room?._tag === 'Since' ? global.id : undefined;
};
