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
 *                                    └─ one was cut ─► Ended(from, until, since, untold?), kept for a day
 *
 * `since` counts for as long as the log reaches back; `untold` for as long as a log's position lives, in Redis too. An id that
 * is older than that may be of a client that nobody remembers. A pod says again what runs for long: of a pod that died no
 * client got a later id than a while after it said that last.
 *
 * Costs nothing where clients are away for less than `LONG_MS`, or bring two ids, or where nobody speaks to everybody.
 */
import { Subscription } from 'rxjs';
import type { Clock } from '../clock.js';
import type { CatchUp, CatchUpsLost } from '../broker/control-command.js';
import type { MessageId, Room } from '../protocol/position.js';
import { earliestMs, replaysFrom, type Resumes } from '../protocol/resume.js';

export interface CatchUps {
  /** How a client that comes so resumes, by what is remembered. */
  readonly resumesOf: (room: Room | undefined, resumes: Resumes) => Resumes;
  /** Whether a client that comes so is remembered while it catches up: its ids will not do. */
  readonly isLong: (resumes: Resumes) => boolean;
  /** A client begins to catch up, and was told a gap of the global log or not; undefined where its ids will do. */
  readonly begin: (room: Room, resumes: Resumes, isGapSent: boolean) => Running | undefined;
  /** What a pod says of its clients, this one included; or that Redis did not keep it. */
  readonly apply: (command: CatchUp | CatchUpsLost) => void;
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
  /** How long words are kept: `LOG_POSITION_TTL_MS`. */
  readonly keepMs: number;
  readonly send: (command: CatchUp) => void;
}

/** The overlap of a minute is enough for who was away for less, and catches up in the rest of it. */
const LONG_MS = 20_000;
/** What a client was sent has come, or its line has broken, by then. */
const ARRIVED_MS = 60_000;
/** What runs for longer is said again so often. */
const REPEAT_MS = 120_000;
/** Nobody who runs has an id that is so much later than the last word on it. */
const RUNS_MS = 2 * REPEAT_MS + 60_000;
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
  /** The next time that it is said. */
  repeat: Subscription;
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

export const catchUps = ({ clock, brokerMs, logTtlMs, keepMs, send }: CatchUpsDeps): CatchUps => {
  const { scheduler } = clock;
  const pod = Math.floor(clock.random() * 2 ** 48).toString(36);
  /** Those that run, by room and epoch. One that was cut is remembered by its last command, whoever comes after it. */
  const own = new Map<string, Own>();
  let count = 0;
  /** By room and name, in the order in which they were heard. */
  const kept = new Map<string, Kept>();
  /** Of words that were let go, for all rooms: the earliest times, and when the last one was said. */
  let forgotten: (Behind & { readonly at: number }) | undefined;

  const ageOf = ({ at }: { readonly at: number }): number => scheduler.now() - at;

  /** Whether an id is not later than `ms` after such a time. */
  const isBy = ({ ms: idMs }: MessageId, each: { readonly at: number }, ms = 0): boolean => {
    const now = brokerMs();
    return now === undefined || idMs <= now - ageOf(each) + ms;
  };

  /** A word on an id so old may have been let go: the client may have been told of no loss at all. */
  const isForgotten = (id: MessageId): boolean => isBy(id, { at: scheduler.now() - keepMs });

  /** What the log cannot have any more need not be sent again. */
  const behindOfCommand = (command: Behind, each: { readonly at: number }): Behind =>
    ageOf(each) < logTtlMs ? command : { since: Number.POSITIVE_INFINITY, untold: command.untold };

  const covers = (each: Kept, room: Room, id: MessageId): boolean => {
    const { command } = each;
    if (command.room !== room || (command.tag !== ANY_EPOCH && command.tag !== id.tag))
      return false;
    if (command.from > id.offset || ageOf(each) >= keepMs) return false;
    return command.until === null ? isBy(id, each, RUNS_MS) : id.offset <= command.until;
  };

  const behindOf = (room: Room, id: MessageId): Behind => {
    let behind: Behind = { since: id.ms, untold: isForgotten(id) ? 0 : id.ms };
    if (forgotten !== undefined && isBy(id, forgotten, RUNS_MS))
      behind = earlier(behind, behindOfCommand(forgotten, forgotten));
    for (const each of kept.values())
      if (covers(each, room, id)) behind = earlier(behind, behindOfCommand(each.command, each));
    return behind;
  };

  const forget = (): void => {
    for (const [key, each] of kept) {
      if (ageOf(each) < keepMs && kept.size <= MAX_COMMANDS) return;
      kept.delete(key);
      if (ageOf(each) < keepMs) lose(each.command, each.at);
    }
  };

  const lose = (command: Behind, at: number): void => {
    const { since, untold } = forgotten === undefined ? command : earlier(forgotten, command);
    forgotten = { since, untold, at: Math.max(at, forgotten?.at ?? at) };
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
      if (kept.size === 0 && forgotten === undefined && !isForgotten(id)) return resumes;
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
    apply: (command) => {
      if (command._tag === 'CatchUpsLost')
        return lose({ since: 0, untold: 0 }, scheduler.now() - command.ageMs);
      const key = `${command.room} ${command.pod}`;
      const at = scheduler.now() - (command.ageMs ?? 0);
      // of before what was heard since
      if (command.ageMs !== undefined && (kept.get(key)?.at ?? at) > at) return;
      kept.delete(key);
      if (command.until !== 0) kept.set(key, { command, at });
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
