/**
 * Wanderers in rooms, which publish at a steady rate, connect and leave, and change rooms: the load for the
 * faults. Rare events that they get are kept, to be measured afterwards.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { GLOBAL, type Room } from '../../lib/protocol/position.js';
import type { Checker } from '../../spec/support/invariants.js';
import type { ReceivedMessage } from '../../spec/support/invariants/message.js';
import type { Chance } from './chance.js';
import {
  type Door,
  type Fact,
  type Position,
  type SentMessage,
  type Wanderer,
  wanderer,
} from './wanderer.js';

export type Rare = Extract<Fact, { readonly _tag: 'Notified' | 'Gap' | 'Closed' | 'Refused' }>;

/** An acknowledged message: when it was sent last, on which pod, and how long that took. */
export interface Ack {
  readonly sentAt: number;
  readonly ms: number;
  readonly pod: string;
  readonly onPod: boolean;
  /** The pod had the message already, and gives the answer of that time again. */
  readonly duplicate: boolean;
}

export interface Crowd {
  readonly wanderers: readonly Wanderer[];
  /** Adds a client that only faults control. */
  readonly hire: (
    who: string,
    rooms: readonly Room[],
    door: (not: string | undefined) => Door,
    keepsOne?: boolean,
  ) => Wanderer;
  readonly dismiss: (wanderer: Wanderer) => Promise<void>;
  /** From now on, until the returned function is called, a fault closes these connections. */
  readonly blame: (cause: string, is: (who: string, pod: string) => boolean) => () => void;
  readonly rare: readonly Rare[];
  readonly acks: readonly Ack[];
  readonly counts: () => {
    readonly acked: number;
    readonly ackedOnPod: number;
    readonly resent: number;
    readonly duplicates: number;
  };
  /** Redis forgets everything: a message that is sent again may be stored again. */
  readonly wiped: () => void;
  /**
   * Messages that were stored under two ids although Redis had the key; and `log_lost` though no epoch was
   * lost.
   */
  readonly wrongs: readonly string[];
  /** Drops the `acks` that are older than this. */
  readonly forget: (before: number) => void;
  readonly rooms: readonly Room[];
  /** The clients begin to publish and to move. */
  readonly go: () => void;
  /** No client publishes, moves or breaks its connection. */
  readonly still: () => void;
  /**
   * Waits until each connected client has reached, in each room, the highest offset of now; with `all`, until
   * all clients are connected too. Resolves with texts about those that are not.
   */
  readonly level: (ms: number, all?: boolean) => Promise<readonly string[]>;
  /** Waits until every message is answered; resolves with those that are not. */
  readonly answered: (ms: number) => Promise<readonly SentMessage[]>;
  readonly stop: () => Promise<void>;
}

export interface CrowdOptions {
  readonly count: number;
  /** How many of them keep only the last id. */
  readonly keepOne: number;
  readonly rooms: readonly Room[];
  readonly doors: readonly Door[];
  readonly perSecond: number;
  readonly chance: Chance;
  readonly checker: Checker;
  /** How many messages a log keeps. */
  readonly logMessages: number;
  readonly mark: string;
  /** Gets a line for each event. */
  readonly trace: ((line: string) => void) | undefined;
}

const TICK_MS = 20;
/** How often a client changes a room, and how often the connection of one breaks. */
const MOVE_MS = 300;
const BREAK_MS = 800;
const AWAY_MS = 4_000;
const MOST_ROOMS = 4;
const GLOBAL_SHARE = 0.03;
/** A fault may show for this long after its end. */
const AFTERMATH_MS = 15_000;

export const crowd = (options: CrowdOptions): Crowd => {
  const { rooms, doors, chance, perSecond, mark, checker } = options;
  const rare: Rare[] = [];
  const everybody = new Map<string, Wanderer>();
  const positions = new Map<string, Map<Room, Position>>();
  const furthest = new Map<Room, Position>();
  const blames = new Map<object, { cause: string; is: (who: string, pod: string) => boolean }>();
  const wipesBefore = new Map<number, number>();
  const logged = new Map<number, string>();
  const wrongs: string[] = [];
  const counts = { acked: 0, ackedOnPod: 0, resent: 0, duplicates: 0 };
  let acks: Ack[] = [];
  let wipes = 0;
  let wipedAt = -Infinity;
  let n = 0;

  const stand = (who: string, room: Room, position: Position): void => {
    const all = positions.get(who) ?? new Map<Room, Position>();
    positions.set(who, all);
    all.set(room, position);
  };

  const receive = (who: string, { id, room, sent, idText }: ReceivedMessage): void => {
    if (id.outside) return;
    stand(who, room, id);
    // a client that resumes by a time needs no message that its log has trimmed and that it had
    const first = id.offset - options.logMessages + 1;
    if (first > 1) checker.trimmed(room, id.tag, first);
    const top = furthest.get(room);
    if (top?.tag === id.tag && top.offset >= id.offset) return;
    furthest.set(room, { tag: id.tag, offset: id.offset });
    const number: unknown = sent && Reflect.get(JSON.parse(sent.data) as object, 'n');
    if (typeof number !== 'number') return;
    const known = logged.get(number);
    logged.set(number, idText);
    if (known === undefined || known === idText) return;
    if (wipesBefore.get(number) === wipes)
      wrongs.push(`${number} of ${room} is stored as ${known} and ${idText}`);
  };

  const emit = (fact: Fact): void => {
    options.trace?.(textOf(fact));
    switch (fact._tag) {
      case 'Received':
        return receive(fact.who, fact.message);
      case 'Joined':
        return stand(fact.who, fact.room, fact.position);
      case 'Left':
        positions.get(fact.who)?.delete(fact.room);
        return;
      case 'Gap':
        // right after a loss, `joined` may have the position that the others still have
        if (
          fact.position !== undefined &&
          fact.reason === 'log_lost' &&
          positions.get(fact.who)?.get(fact.room)?.tag === fact.position.tag &&
          fact.at - wipedAt > AFTERMATH_MS
        )
          wrongs.push(`${textOf(fact)}: the epoch is the same`);
        if (fact.position !== undefined) stand(fact.who, fact.room, fact.position);
        rare.push(fact);
        return;
      case 'Notified':
      case 'Closed':
      case 'Refused':
        rare.push(fact);
        return;
      case 'Sent':
        if (fact.sent.times > 1) counts.resent++;
        else wipesBefore.set(fact.sent.n, wipes);
        return;
      case 'Acked': {
        const { at, onPod, duplicate, sent } = fact;
        counts.acked++;
        if (onPod) counts.ackedOnPod++;
        if (duplicate) counts.duplicates++;
        acks.push({ sentAt: sent.lastAt, ms: at - sent.lastAt, pod: sent.pod, onPod, duplicate });
        return;
      }
      case 'Opened':
      case 'Asks':
      case 'Leaves':
    }
  };

  const hire: Crowd['hire'] = (who, some, door, keepsOne = false) => {
    const hired = wanderer({
      who,
      keepsOne,
      rooms: some,
      door,
      checker,
      emit,
      blame: (name, pod) => [...blames.values()].find(({ is }) => is(name, pod))?.cause,
      mark,
      next: () => ++n,
    });
    everybody.set(who, hired);
    return hired;
  };
  // when each client acts does not follow from the seed: it is drawn as it happens
  const any = <A>(of: readonly A[]): A | undefined => of[Math.floor(Math.random() * of.length)];
  const wanderers = Array.from({ length: options.count }, (_, i) => {
    const keepsOne = i < options.keepOne;
    return hire(
      `w${i}`,
      chance.some(rooms, keepsOne ? 1 : chance.whole(1, 2)),
      (not) => {
        const open = doors.filter(({ pod }) => pod !== not);
        return any(open.length > 0 ? open : doors) ?? { pod: '', port: 0 };
      },
      keepsOne,
    );
  });
  const movers = wanderers.filter(({ keepsOne }) => !keepsOne);

  const talk = (): (() => void) => {
    let due = performance.now();
    return () => {
      for (const now = performance.now(); due < now; due += 1_000 / perSecond) {
        const speaker = any(wanderers);
        if (speaker?.isIn() !== true) continue;
        speaker.publish(Math.random() < GLOBAL_SHARE ? GLOBAL : (any(speaker.rooms()) ?? GLOBAL));
      }
    };
  };
  const move = (): void => {
    const mover = any(movers);
    const room = any(rooms);
    if (mover?.isIn() !== true || room === undefined) return;
    const some = mover.rooms();
    if (!some.includes(room)) {
      if (some.length < MOST_ROOMS) mover.join(room);
    } else if (some.length > 1 && mover.unanswered().every((sent) => sent.room !== room))
      mover.leave(room);
  };
  const timers: NodeJS.Timeout[] = [];

  const level: Crowd['level'] = async (ms, all = false) => {
    const since = performance.now();
    const marks = new Map(furthest);
    const behind = (each: Wanderer): readonly string[] => {
      const inSince = each.inSince();
      if (inSince === undefined) return all ? [`${each.who} is not in`] : [];
      if (inSince > since && !all) return [];
      return [GLOBAL, ...each.rooms()].flatMap((room) => {
        const mark = marks.get(room);
        const position = positions.get(each.who)?.get(room);
        if (mark === undefined || position === undefined) return [];
        if (position.tag !== mark.tag || position.offset >= mark.offset) return [];
        return [
          `${each.who} is at ${position.tag}/${position.offset} of ${room}, others were at ${mark.offset}`,
        ];
      });
    };
    for (;;) {
      const late = wanderers.flatMap(behind);
      if (late.length === 0 || performance.now() > since + ms) return late;
      await sleep(20);
    }
  };

  return {
    wanderers,
    hire,
    dismiss: async (hired) => {
      await hired.stop();
      everybody.delete(hired.who);
    },
    blame: (cause, is) => {
      const key = {};
      blames.set(key, { cause, is });
      return () => void blames.delete(key);
    },
    rare,
    get acks() {
      return acks;
    },
    counts: () => ({ ...counts }),
    wiped: () => {
      wipes += 1;
      wipedAt = performance.now();
      // the checker learns of the next epochs from clients, which is too late: no tag is 0
      for (const room of [GLOBAL, ...rooms]) checker.epoch(room, 0, performance.now());
    },
    wrongs,
    forget: (before) => {
      acks = acks.filter(({ sentAt }) => sentAt >= before);
    },
    rooms,
    go: () => {
      timers.push(
        setInterval(talk(), TICK_MS),
        setInterval(move, MOVE_MS),
        setInterval(() => any(wanderers)?.breakOff(Math.random() * AWAY_MS), BREAK_MS),
      );
    },
    still: () => {
      for (const timer of timers.splice(0)) clearInterval(timer);
    },
    level,
    answered: async (ms) => {
      const end = performance.now() + ms;
      for (;;) {
        const open = [...everybody.values()].flatMap((each) => each.unanswered());
        if (open.length === 0 || performance.now() > end) return open;
        await sleep(20);
      }
    },
    stop: async () => {
      await Promise.all([...everybody.values()].map((each) => each.stop()));
    },
  };
};

const textOf = (fact: Fact): string => {
  const when = `${fact.at.toFixed(0)} ${fact.who}.${fact.life} ${fact.pod} ${fact._tag}`;
  switch (fact._tag) {
    case 'Opened':
      return `${when} as ${fact.connection}`;
    case 'Joined':
      return `${when} ${fact.room} at ${fact.position.tag}/${fact.position.offset} resumed ${fact.resumed ?? '-'} recovered ${fact.recovered ?? '-'}${fact.onPod ? ' on the pod' : ''}`;
    case 'Asks':
      return `${when} ${fact.room} after ${fact.lastId ?? '-'}`;
    case 'Leaves':
      return `${when} ${fact.room}`;
    case 'Left':
      return `${when} ${fact.room} ${fact.reason}`;
    case 'Gap':
      return `${when} ${fact.room} ${fact.reason} at ${fact.position === undefined ? '-' : `${fact.position.tag}/${fact.position.offset}`}`;
    case 'Received': {
      const { room, id, idText, sent, type } = fact.message;
      return `${when} ${room} ${id.tag}/${id.offset}${id.outside ? ' outside' : ''} ${sent?.data.slice(0, 60) ?? type} ${idText}`;
    }
    case 'Sent':
      return `${when} ${fact.sent.n} in ${fact.sent.room}`;
    case 'Acked':
      return `${when} ${fact.sent.n} as ${fact.idText}${fact.onPod ? ' on the pod' : ''}${fact.duplicate ? ' duplicate' : ''}`;
    case 'Refused':
      return `${when} ${fact.sent?.n ?? '-'} ${fact.code} ${fact.text}`;
    case 'Notified':
      return `${when} ${fact.event}`;
    case 'Closed':
      return `${when} ${fact.code} ${fact.cause ?? ''}`;
  }
};
