/**
 * Which clients have a part of their room that is younger than what they have of the global log. A client that keeps one id
 * comes back with a room's; the room catches up first, then the global log. Cut in between it holds an id of the room that
 * says nothing of how far behind the global log is. So the pods remember that, and tell each other: whoever comes with such an
 * id resumes the global log from where those clients were. Others with an id of the same part of the room get some of
 * the global log twice, by the same ids.
 *
 * What the global log has let go by then is told to such a client before its room sends anything, and that gap stands
 * before whatever it gets next of the global log. So an id of that part tells of no loss, and the others hear of none. Only
 * of what the log lets go later (`untold`) nobody can say who of them had it: then all are told.
 *
 *   look, `gap` if due ─► begin ─► Running(from, since, untold?) ─ all were sent both logs, and are there a minute later ─► forgotten
 *                                    └─ one was cut ─► kept for as long as the log reaches: Ended(from, until, since, untold?)
 *
 * Costs nothing where clients are away for less than `LONG_MS`, or bring two ids, or where nobody speaks to everybody.
 */
import type { Subscription } from 'rxjs';
import type { Clock } from '../clock.js';
import type { CatchUp } from '../broker/control-command.js';
import type { MessageId, Room } from '../protocol/position.js';
import { earliestMs, replaysFrom, type Resumes } from '../protocol/resume.js';

export interface CatchUps {
  /** How a client that comes so resumes, by what is remembered. */
  readonly resumesOf: (room: Room | undefined, resumes: Resumes) => Resumes;
  /** Whether a client that comes so is remembered while it catches up: its ids will not do. */
  readonly isLong: (resumes: Resumes) => boolean;
  /** A client begins to catch up, and was told a gap of the global log or not; undefined where its ids will do. */
  readonly begin: (room: Room, resumes: Resumes, isGapSent: boolean) => Running | undefined;
  /** What a pod says of its clients, this one included. */
  readonly apply: (command: CatchUp) => void;
  /** Words that are remembered. */
  readonly size: () => number;
}

export interface Running {
  /** The client was sent both logs. Some of it may still be on its way, so it may be cut yet. */
  readonly sent: () => void;
  /** It has gone, and was sent the room up to this offset. */
  readonly cut: (until: number) => void;
}

export interface CatchUpsDeps {
  readonly clock: Clock;
  /** The clock that dates messages. */
  readonly brokerMs: () => number | undefined;
  /** How long a log reaches back. */
  readonly logTtlMs: number;
  readonly send: (command: CatchUp) => void;
}

/** The overlap of a minute is enough for who was away for less, and catches up in the rest of it. */
const LONG_MS = 20_000;
/** What a client was sent has come, or its line has broken, by then. */
const ARRIVED_MS = 60_000;
/** Of a word on ids of whatever epoch: tags of epochs begin at 1. */
const ANY_EPOCH = 0;
/** Some 200 bytes each. */
const MAX_COMMANDS = 4_096;

/** Clients of a room and an epoch that catch up at once, as one: a herd is told of in a few words. */
interface Own {
  /** What its words are known by. */
  readonly name: string;
  readonly tag: number;
  from: number;
  since: number;
  /** Undefined: all were told a gap. */
  untold?: number | undefined;
  running: number;
  /** How far those came who were cut; undefined: none was. */
  cutAt: number | undefined;
}

/** How far back a client may be in the global log, and from where on it was not told what is lost. */
type Behind = Pick<CatchUp, 'since' | 'untold'>;

const earlier = (one: Behind, other: Behind): Behind => ({
  since: Math.min(one.since, other.since),
  untold:
    one.untold === undefined || other.untold === undefined
      ? (one.untold ?? other.untold)
      : Math.min(one.untold, other.untold),
});

interface Kept {
  readonly command: CatchUp;
  readonly at: number;
}

export const catchUps = ({ clock, brokerMs, logTtlMs, send }: CatchUpsDeps): CatchUps => {
  const { scheduler } = clock;
  const pod = Math.floor(clock.random() * 2 ** 48).toString(36);
  /** Those that run, by room and epoch. One that was cut is remembered by its last word, whoever comes after it. */
  const own = new Map<string, Own>();
  let count = 0;
  /** By room and name, in the order in which they were heard. */
  const kept = new Map<string, Kept>();
  /** Of words that were let go: the earliest time, for all rooms. */
  let forgotten: (Behind & { readonly at: number }) | undefined;

  const isFresh = ({ at }: { readonly at: number }): boolean => scheduler.now() - at < logTtlMs;

  /** A word on an id so old may have been let go: the client may have been told of no loss at all. */
  const isForgotten = ({ ms }: MessageId): boolean => {
    const now = brokerMs();
    return now !== undefined && now - ms >= logTtlMs;
  };

  const behindOf = (room: Room, id: MessageId): Behind => {
    const { tag, offset, ms } = id;
    const own: Behind = { since: ms, untold: isForgotten(id) ? 0 : ms };
    let behind = forgotten !== undefined && isFresh(forgotten) ? earlier(own, forgotten) : own;
    for (const each of kept.values()) {
      const { command: command } = each;
      const covers =
        command.room === room &&
        (command.tag === ANY_EPOCH || command.tag === tag) &&
        command.from <= offset &&
        (command.until === null || offset <= command.until);
      if (covers && isFresh(each)) behind = earlier(behind, command);
    }
    return behind;
  };

  const forget = (): void => {
    for (const [key, each] of kept) {
      if (isFresh(each) && kept.size <= MAX_COMMANDS) return;
      kept.delete(key);
      if (!isFresh(each)) continue;
      const { command: command } = each;
      const behind = forgotten === undefined ? command : earlier(forgotten, command);
      forgotten = { since: behind.since, untold: behind.untold, at: scheduler.now() };
    }
  };

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

  const end = (room: Room, one: Own): void => {
    one.running -= 1;
    if (one.running > 0) return;
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
      if (kept.size === 0 && !isForgotten(id)) return resumes;
      const { since, untold = id.ms } = behindOf(room, id);
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
      const one = same ?? { name, tag, from: offset, ...behind, running: 0, cutAt: undefined };
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
    apply: (command) => {
      const key = `${command.room} ${command.pod}`;
      const at = scheduler.now() - (command.ageMs ?? 0);
      // of before what was heard since
      if (command.ageMs !== undefined && (kept.get(key)?.at ?? at) > at) return;
      kept.delete(key);
      if (command.until !== 0) kept.set(key, { command: command, at });
      forget();
    },
    size: () => kept.size,
  };
};

/** The one id that a client brought; undefined where it brought none, or one for each log. */
const aloneIn = ({ room, global }: Resumes): MessageId | undefined => {
  if (room?._tag === 'After' && global?._tag === 'Since') return room.id;
  return global?._tag === 'After' && room?._tag === 'Since' ? global.id : undefined;
};
