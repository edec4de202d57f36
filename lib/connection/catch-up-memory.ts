/**
 * What a pod knows of clients that resumed with one id, and may lose their connection between the catch-up of
 * the room and that of the global log (`catch-ups.ts`). The last control command `catch_up` (below: command)
 * about each group of such clients is kept, bounded by number and age.
 *
 * A command has two times, `since` and `untold` (`broker/control-command.ts`). `since` is used for as long as
 * a log reaches back, `untold` for as long as the position of a log lives. A client whose id is older than
 * `keepMs` may be unknown to all pods. While clients of a group catch up, their pod repeats its command every
 * `REPEAT_MS`. So when the pod dies, no id of these clients is more than `RUNS_MS` later than its last
 * command.
 */
import type { Clock } from '../clock.js';
import type { CatchUp, CatchUpsLost } from '../broker/control-command.js';
import type { MessageId, Room } from '../protocol/position.js';

/**
 * `since`: a client may have the global log only up to this time. `untold`: the client was sent no `gap` for
 * trimmed messages that were published at this time or later.
 */
export type Behind = Pick<CatchUp, 'since' | 'untold'>;

export interface CatchUpMemory {
  /** Applies a command of any pod, this one included; `CatchUpsLost`: Redis had no space for a command. */
  readonly apply: (command: CatchUp | CatchUpsLost) => void;
  /**
   * How far behind in the global log a client with this id of a room may be; undefined: not further than the
   * time of its id.
   */
  readonly behind: (room: Room, id: MessageId) => Behind | undefined;
  /** The number of commands that are kept. */
  readonly size: () => number;
}

export interface CatchUpMemoryDeps {
  readonly clock: Pick<Clock, 'scheduler'>;
  /** The clock that gives messages their time, Unix ms. */
  readonly brokerMs: () => number | undefined;
  /** How long a log reaches back. */
  readonly logTtlMs: number;
  /** How long commands are kept: `LOG_POSITION_TTL_MS`. */
  readonly keepMs: number;
}

/** The tag of a command about ids of any epoch: tags of epochs begin at 1. */
export const ANY_EPOCH = 0;
/** How often a pod repeats the command about a group whose clients catch up. */
export const REPEAT_MS = 120_000;
/**
 * While a client catches up, its ids are at most this much later than the last command about it: the pod
 * repeats the command before that time is over.
 */
const RUNS_MS = 2 * REPEAT_MS + 60_000;
/** About 200 bytes each. */
const MAX_COMMANDS = 4_096;

/** A command, and when it was sent, by the clock's scheduler. */
interface Kept {
  readonly command: CatchUp;
  readonly at: number;
}

/** The earlier times of two groups of clients: they are right for both groups. */
export const earlier = (one: Behind, other: Behind): Behind => ({
  since: Math.min(one.since, other.since),
  untold:
    one.untold === undefined || other.untold === undefined
      ? (one.untold ?? other.untold)
      : Math.min(one.untold, other.untold),
});

export const catchUpMemory = (deps: CatchUpMemoryDeps): CatchUpMemory => {
  const { brokerMs, logTtlMs, keepMs } = deps;
  const { scheduler } = deps.clock;
  /** By the `room` and the `pod` of a command, in the order of arrival. */
  const kept = new Map<string, Kept>();
  /**
   * Of all commands that were forgotten before `keepMs`, of any room: the earliest times, and when the last
   * command was sent.
   */
  let forgotten: (Behind & { readonly at: number }) | undefined;

  const ageOf = ({ at }: Pick<Kept, 'at'>): number => scheduler.now() - at;

  /** Whether an id is at most `ms` later than a command; true while the broker's time is not known. */
  const isBy = (id: MessageId, each: Pick<Kept, 'at'>, ms: number): boolean => {
    const now = brokerMs();
    return now === undefined || id.ms <= now - ageOf(each) + ms;
  };

  /**
   * Whether the id is so old that a command about it may have been forgotten: then any loss counts as one for
   * which no `gap` was sent. The margin of `RUNS_MS`: when a pod has died, ids of its clients may be later
   * than its last command about them.
   */
  const isTooOld = ({ ms }: MessageId): boolean => {
    const now = brokerMs();
    return now !== undefined && now - ms >= keepMs - Math.min(RUNS_MS, keepMs / 2);
  };

  /**
   * What of a command is still of use. When the log has trimmed the messages from `since` to the last id that
   * the command covers, none of them can be sent again: only `untold` is left.
   */
  const inTime = (behind: Behind, each: Pick<Kept, 'at'>): Behind =>
    ageOf(each) < logTtlMs + RUNS_MS
      ? behind
      : { since: Number.POSITIVE_INFINITY, untold: behind.untold };

  const covers = (each: Kept, room: Room, id: MessageId): boolean => {
    const { command } = each;
    if (command.room !== room || ageOf(each) >= keepMs || command.from > id.offset) return false;
    if (command.tag !== ANY_EPOCH && command.tag !== id.tag) return false;
    return command.until === null ? isBy(id, each, RUNS_MS) : id.offset <= command.until;
  };

  const lose = (behind: Behind, at: number): void => {
    const { since, untold } = forgotten === undefined ? behind : earlier(forgotten, behind);
    forgotten = { since, untold, at: Math.max(at, forgotten?.at ?? at) };
  };

  const letGo = (): void => {
    for (const [key, each] of kept) {
      const isOver = ageOf(each) >= keepMs;
      if (!isOver && kept.size <= MAX_COMMANDS) return;
      kept.delete(key);
      if (!isOver) lose(each.command, each.at);
    }
  };

  return {
    apply: (command) => {
      if (command._tag === 'CatchUpsLost')
        return lose({ since: 0, untold: 0 }, scheduler.now() - command.ageMs);
      const key = `${command.room} ${command.pod}`;
      const at = scheduler.now() - (command.ageMs ?? 0);
      // a later command has come since
      if (command.ageMs !== undefined && (kept.get(key)?.at ?? at) > at) return;
      kept.delete(key);
      if (command.until !== 0) kept.set(key, { command, at });
      letGo();
    },
    behind: (room, id) => {
      const isOld = isTooOld(id);
      if (kept.size === 0 && forgotten === undefined && !isOld) return undefined;
      let behind: Behind = { since: id.ms, untold: isOld ? 0 : id.ms };
      if (forgotten !== undefined && isBy(id, forgotten, RUNS_MS))
        behind = earlier(behind, inTime(forgotten, forgotten));
      for (const each of kept.values())
        if (covers(each, room, id)) behind = earlier(behind, inTime(each.command, each));
      return behind;
    },
    size: () => kept.size,
  };
};
