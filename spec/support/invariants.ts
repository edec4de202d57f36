/**
 * What must be true of all that clients were told, whatever happened to pods and Redis, in one place for specs, soak and
 * chaos: facts in as they come, violations of the invariants I1–I12 out. Memory is a few numbers a message and a client's
 * stay in a room, whoever heard what: hundreds of thousands of messages to a hundred clients are fine.
 *
 *   frames ─▶ Word (a text, read once) ─▶ stay: next, repeat, hole, gap      I1 I2 I6
 *                                    ├──▶ order: one for all                 I3
 *                                    └──▶ saying: whose, once, acked         I4 I5 I7
 *   facts of the ground ─▶ which gaps are due, whether a status is true      gap I12
 *   held, left, ended                                                        I8 I10 I11
 */
import { GLOBAL, type MessageId, NO_EPOCH, type Room } from '../../lib/protocol/position.js';
import { LAG_MS, OVERLAP_MS } from '../../lib/protocol/resume.js';
import { alone } from './invariants/alone.js';
import {
  type Frame,
  idOf,
  idTextOf,
  isControl,
  type Place,
  placeText,
  recordOf,
  roomText,
  textIn,
} from './invariants/frame.js';
import { type Fault, ground, type Ground } from './invariants/ground.js';
import { type LogContent, type Order, order } from './invariants/order.js';
import { sayings } from './invariants/saying.js';
import { type Heard, type Resumed, type Stay, stay } from './invariants/stay.js';
import { findings, type Violation } from './invariants/violation.js';
import type { Saying, Word } from './invariants/word.js';

export type { Fault, LogContent, Violation };

export interface CheckerOptions {
  /** All faults, epochs and trims are told: then a `gap` that is not due is a violation too, and so is a lost epoch. */
  readonly knowsGround?: boolean;
  /** What the log keeps: what is younger and acknowledged stands in it. */
  readonly retention?: { readonly messages: number; readonly ms: number };
  /** How long a pod's status may be wrong. */
  readonly lateMs?: { readonly degraded: number; readonly ready: number };
}

/** A client connects. `lastId` as in the query: an id, or two as `ROOM,GLOBAL`. */
export interface Opening {
  /** Who it is, over all its connections. */
  readonly client: string;
  readonly user: string | null;
  readonly pod: string;
  readonly at: number;
  readonly room?: Room | undefined;
  readonly lastId?: string | undefined;
}

/** One connection of a client, and all that it is told. */
export interface Ears {
  /** The text of a frame; answers what it was: a message of a room, or what the server says to this connection. */
  readonly heard: (text: string, at: number) => Word | Frame;
  /** It says something: `data` is like no other's, and the same with the same `ref`. */
  readonly said: (
    what: {
      readonly room: Room;
      readonly ref?: string | undefined;
      readonly data: unknown;
      /** Whether `ref` is an idempotency key: a user's always is, else a UUID. */
      readonly keyed?: boolean;
    },
    at: number,
  ) => void;
  readonly joins: (room: Room, lastId: string | undefined, at: number) => void;
  /** `cause`: what it was that closed it, if it was not the server. */
  readonly closed: (code: number | undefined, cause: string | undefined, at: number) => void;
}

export interface Counts extends Heard {
  readonly sent: number;
  readonly resent: number;
  readonly acked: number;
  readonly ackedOnPod: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly connections: number;
  readonly gaps: Readonly<Record<string, number>>;
  readonly closes: Readonly<Record<string, number>>;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly found: number;
  readonly counts: Counts;
}

export interface Checker extends Pick<Ground, 'epoch' | 'trimmed' | 'probes' | 'status'> {
  readonly connected: (opening: Opening) => Ears;
  /** Another program published this id: whoever hears it hears no ghost. */
  readonly stranger: (idText: string) => void;
  /** A fault begins; the answer ends it. */
  readonly fault: (fault: Fault, at: number) => (at: number) => void;
  /** The last fault is over: from so long after it everything must be well. */
  readonly healed: (at: number) => void;
  /** Messages that had a place at some time, whoever heard them, as they stand on the room's channel. */
  readonly placed: (texts: readonly string[]) => void;
  /** What a room's log holds in the end. */
  readonly log: (content: LogContent) => void;
  /** Something that has a bound was seen to hold so much. */
  readonly holds: (what: string, count: number, bound: number, at: number) => void;
  /** Something that should be gone is there. */
  readonly left: (what: string, count: number, at: number) => void;
  /** A process ended, or something was thrown that nobody caught. */
  readonly ended: (what: string, at: number) => void;
  /** Judges all that was told so far. What was said after `settled` need not be answered. */
  readonly verdict: (when: { readonly at: number; readonly settled: number }) => Verdict;
  /** What was found as it came, without a verdict's own: the first few, and how many. */
  readonly violations: () => readonly Violation[];
  readonly found: () => number;
}

/** With these a server may close a connection that did nothing wrong. */
const BLAMELESS = new Set([1000, 1001, 1013, 4001, 4503]);

interface Open {
  readonly client: string;
  readonly pod: string;
  /** Stays in a room, the present one first; a join behind a leave waits for its end. */
  readonly stays: Map<Room, Stay[]>;
  degraded: boolean;
}

interface Base {
  readonly client: string;
  readonly room: Room;
  readonly tag: number;
  readonly offset: number;
  readonly joinedAt: number;
}

export const checker = ({
  knowsGround = false,
  retention,
  lateMs = { degraded: 3_000, ready: 2_000 },
}: CheckerOptions = {}): Checker => {
  const found = findings();
  const earth = ground({ findings: found, lateMs });
  const said = sayings({ findings: found, forgot: () => !knowsGround || earth.forgot() });
  const onPods = alone((pod, room) =>
    said.all.some(
      (each) => each.room === room && each.acks.length === 0 && each.pods.has(pod) && !each.logged,
    ),
  );
  const words = new Map<string, Word>();
  const strangers = new Set<string>();
  const orders = new Map<Room, Order>();
  const logs = new Map<Room, LogContent>();
  const open = new Set<Open>();
  /** Ended, and not yet judged. */
  const past: Stay[] = [];
  const bases: Base[] = [];
  /** How far each client came in each room and epoch. */
  const reached = new Map<string, Map<number, number>>();
  const heard: Heard = {
    delivered: 0,
    repeats: 0,
    strays: 0,
    behind: 0,
    missedTold: 0,
    recovered: 0,
  };
  /** Where each client stood in the global log, which nobody leaves, when its last connection ended. */
  const leftGlobal = new Map<string, Place>();
  const gaps: Record<string, number> = {};
  const closes: Record<string, number> = {};
  let connections = 0;

  const orderOf = (room: Room): Order => {
    const known = orders.get(room);
    if (known !== undefined) return known;
    const made = order(room, found);
    orders.set(room, made);
    return made;
  };

  const wordOf = (
    text: string,
    { id: idText, type, room = GLOBAL, data, ref }: Frame,
    at: number,
  ): Word | undefined => {
    const id = idOf(idText);
    if (id === undefined) return undefined;
    // a message of an epoch that is over comes as one too, and then its sender is known
    const stranger = strangers.has(idText) || (ref !== undefined && strangers.has(ref));
    const word: Word = {
      n: words.size,
      idText,
      id,
      room,
      text,
      type,
      saying: stranger ? undefined : said.of(data),
      stranger,
      stray: !stranger && ref !== undefined,
    };
    words.set(idText, word);
    orderOf(room).saw(word);
    said.appeared(word, at);
    return word;
  };

  const isOwn = ({ type, from }: Frame): boolean => type === 'presence' && from === 'server';

  const connected = ({ client, user, pod, at: openedAt, room: home, lastId }: Opening): Ears => {
    connections++;
    const here: Open = { client, pod, stays: new Map(), degraded: false };
    let connection = '';
    open.add(here);

    const add = (tag: Violation['tag'], text: string, at: number, room?: Room): void =>
      found.add({ tag, client, room, text, at });

    const enter = (room: Room, resumed: Resumed | undefined, at: number): void => {
      const key = `${client} ${room}`;
      const far = reached.get(key) ?? new Map<number, number>();
      reached.set(key, far);
      const made = stay({
        client,
        pod,
        order: orderOf(room),
        findings: found,
        resumed,
        askedAt: at,
        counts: heard,
        reached: far,
        left: room === GLOBAL ? leftGlobal.get(client) : undefined,
        isTrimmed: (tag, offset) => earth.isTrimmed(room, tag, offset),
      });
      here.stays.set(room, [...(here.stays.get(room) ?? []), made]);
    };

    const exit = (room: Room): void => {
      const [ended, ...rest] = here.stays.get(room) ?? [];
      if (ended?.isOpen() === true) past.push(ended);
      if (rest.length > 0) here.stays.set(room, rest);
      else here.stays.delete(room);
    };

    const stayIn = (room: Room): Stay | undefined => here.stays.get(room)?.[0];

    /** The log that an id is of: the one that the frame names, else that of the URL's room or the global one. */
    const logOf = (room: Room | undefined, id: MessageId): Room =>
      room ?? (id.global ? GLOBAL : (home ?? GLOBAL));

    const obey = ({ id: idText, room, type, data }: Frame, at: number): void => {
      const id = idOf(idText);
      const fields = recordOf(data);
      if (id === undefined)
        return add('I5', `was told something under ${idText}, which is no UUIDv7`, at);
      const about = textIn(fields['room']);
      const event = textIn(fields['event']);
      if (type === 'system' && (room ?? GLOBAL) !== about)
        add('I6', `was told of ${roomText(about)} in a frame of ${roomText(room ?? GLOBAL)}`, at);
      const isOfGlobal = room === undefined && (event === 'joined' || home === undefined);
      if (room !== undefined ? id.global : isOfGlobal && !id.global)
        add('I6', `was told of ${roomText(room ?? GLOBAL)} under an id of another log`, at);
      const ref = textIn(fields['ref']);
      const log = logOf(room, id);
      if (type === 'error') {
        said.refused(client, ref, textIn(fields['code']), at);
        return showIn(log, id, at);
      }
      if (event === 'gap') return tellGap(room ?? GLOBAL, id, textIn(fields['reason']), at);
      if (event === 'joined') return join(room ?? GLOBAL, id, fields, at);
      showIn(log, id, at);
      switch (event) {
        case 'welcome':
          connection = textIn(fields['connection_id']);
          return;
        case 'left':
          if (fields['reason'] !== 'asked' && !earth.denied(pod, at - lateMs.degraded, at))
            add('I9', `was put out: ${textIn(fields['reason'])}`, at, room);
          return exit(room ?? GLOBAL);
        case 'ack':
          return acked(ref, textIn(fields['id']), fields, at);
        case 'degraded':
          if (knowsGround && !earth.outage(pod, at - 2 * lateMs.degraded, at))
            add('I12', `was told degraded by ${pod} without a cause`, at);
          if (here.degraded) add('I12', 'was told degraded twice', at);
          here.degraded = true;
          return;
        case 'restored':
          if (!here.degraded) add('I12', 'was told restored, and had not been told degraded', at);
          here.degraded = false;
      }
    };

    const showIn = (room: Room, id: MessageId, at: number): void => {
      if (id.tag !== NO_EPOCH) stayIn(room)?.shown(id, at);
    };

    const join = (
      room: Room,
      id: MessageId,
      fields: Readonly<Record<string, unknown>>,
      at: number,
    ): void => {
      const seat = stayIn(room);
      if (seat === undefined) return add('I6', 'was told joined, and had not asked', at, room);
      const { recovered } = fields;
      const isFirst = seat.joinedAt() === undefined;
      const onPod = fields['scope'] === 'pod';
      const { resumed, askedAt } = seat;
      if (isFirst && resumed === undefined) onPods.began(client, room, at);
      else if (isFirst && resumed !== undefined && seat.gapAt() === undefined) {
        const missed = onPods.missed({ client, pod, room, resumed, at: askedAt });
        if (missed !== undefined)
          add('I1', `came back, and ${missed.data}, said on ${pod} alone, was not told`, at, room);
      }
      seat.joined(id, typeof recovered === 'number' ? recovered : undefined, onPod, at);
      const position = idOf(textIn(fields['position']));
      if (position !== undefined && (position.tag !== id.tag || position.offset !== id.offset))
        add('I1', `joined at ${placeText(id)}, and is told ${placeText(position)}`, at, room);
      if (isFirst && !onPod)
        bases.push({ client, room, tag: id.tag, offset: id.offset, joinedAt: at });
    };

    const tellGap = (room: Room, shown: MessageId, reason: string, at: number): void => {
      // the id may be of the other log, or of none
      const isOfRoom = shown.tag !== NO_EPOCH && shown.global === (room === GLOBAL);
      const id = isOfRoom ? shown : undefined;
      gaps[reason] = (gaps[reason] ?? 0) + 1;
      const seat = stayIn(room);
      if (seat === undefined) return add('I6', 'was told of a gap where it is not', at, room);
      const { resumed } = seat;
      const isResume = seat.joinedAt() === undefined;
      const undue = knowsGround
        ? earth.undue({
            client,
            pod,
            room,
            reason,
            at,
            to: id?.tag,
            resumed: !isResume ? undefined : resumed?._tag === 'After' ? resumed.id : 'since',
            place: seat.place(),
            onPod: seat.onPod(),
            since: seat.askedAt,
          })
        : undefined;
      const isOfPod =
        reason === 'broker_outage' &&
        isResume &&
        resumed !== undefined &&
        onPods.mayHave({ client, pod, room, resumed, at });
      if (undue !== undefined && !isOfPod)
        add('gap', `was told a gap, ${reason}, though ${undue}`, at, room);
      onPods.began(client, room, at);
      seat.gap(id, reason, at);
    };

    const acked = (
      ref: string,
      idText: string,
      fields: Readonly<Record<string, unknown>>,
      at: number,
    ): void => {
      const onPod = fields['scope'] === 'pod';
      const duplicate = fields['duplicate'] === true;
      const saying = said.acked({ client, pod, ref, idText, onPod, duplicate, at });
      if (saying === undefined || !onPod || duplicate) return;
      const place = idOf(idText);
      if (place !== undefined) onPods.said(pod, saying, place, at);
      for (const each of open)
        if (each.pod === pod) each.stays.get(saying.room)?.[0]?.owe(saying, at);
    };

    const hear = (word: Word, at: number): void => {
      const seat = stayIn(word.room);
      if (seat === undefined)
        return add('I6', `heard ${word.idText}, where it is not`, at, word.room);
      seat.heard(word, at);
      const { saying, id } = word;
      if (saying === undefined || !id.outside) return;
      onPods.heard(client, saying);
      onPods.said(pod, saying, id, at);
    };

    const resumes = resumesIn(lastId, words);
    enter(GLOBAL, resumes.global, openedAt);
    if (home !== undefined && home !== GLOBAL) enter(home, resumes.room, openedAt);

    return {
      heard: (text, at) => {
        const known = words.get(idTextOf(text));
        if (known?.text === text) {
          hear(known, at);
          return known;
        }
        const frame = JSON.parse(text) as Frame;
        if (isControl(frame)) {
          obey(frame, at);
          return frame;
        }
        // another program may write its JSON in another order
        const same = words.get(frame.id);
        if (same !== undefined && same.text !== text)
          add('I5', `heard ${frame.id} with another text than others`, at, frame.room ?? GLOBAL);
        const word = same ?? wordOf(text, frame, at);
        if (word === undefined) {
          add('I5', `heard ${frame.id}, which is no UUIDv7`, at, frame.room ?? GLOBAL);
          return frame;
        }
        if (word.saying === undefined && !word.stranger && !isOwn(frame) && frame.type === 'chat')
          add('I5', `heard ${frame.id}, which nobody said`, at, word.room);
        // a pod tells it in its own words
        if (strangers.has(frame.id))
          add('I5', `heard ${frame.id}, which another program wrote`, at, word.room);
        hear(word, at);
        return word;
      },
      said: ({ room, ref, data, keyed = user !== null }, at) =>
        void said.say({
          client,
          from: user ?? connection,
          pod,
          room,
          ref,
          data,
          keyed,
          on: here,
          at,
        }),
      joins: (room, lastIn, at) => enter(room, resumedAfter(lastIn, words), at),
      closed: (code, cause, at) => {
        open.delete(here);
        const [everywhere] = here.stays.get(GLOBAL) ?? [];
        const place = everywhere?.place();
        if (place !== undefined) leftGlobal.set(client, place);
        else if (everywhere?.resumed === undefined) leftGlobal.delete(client);
        for (const room of [...here.stays.keys()])
          for (const each of here.stays.get(room) ?? []) if (each.isOpen()) past.push(each);
        const name = String(code ?? 1006);
        closes[name] = (closes[name] ?? 0) + 1;
        if (cause !== undefined) return;
        if (code === undefined || code === 1006) add('I9', `was cut by ${pod} without a cause`, at);
        else if (!BLAMELESS.has(code))
          add(code === 1011 ? 'I11' : 'I9', `was closed with ${code} by ${pod}`, at);
      },
    };
  };

  /** Where the log is not told, it stands at least where somebody has come to. */
  const furthest = (
    room: Room,
  ): { readonly tag: number; readonly offset: number; readonly id: string | null } | undefined => {
    const word = orders.get(room)?.furthest();
    return word && { tag: word.id.tag, offset: word.id.offset, id: word.idText };
  };

  const judgeStay = (seat: Stay, at: number): void => {
    seat.judge(at);
    const { client, room } = seat;
    const add = (tag: Violation['tag'], text: string): void =>
      found.add({ tag, client, room, text, at });
    for (const saying of seat.owed()) {
      const gapAt = seat.gapAt();
      if (gapAt !== undefined && gapAt >= saying.firstAt) continue;
      add('I1', `never heard ${saying.data}, which ${seat.pod} said to its members`);
    }
    const log = logs.get(room) ?? furthest(room);
    const place = seat.place();
    if (log === undefined || place === undefined || earth.healedAt() === undefined) return;
    if (place.tag !== log.tag) {
      // of an epoch in which nothing was said yet it hears with the first message
      if (log.offset === 0) return;
      add('I9', `stands at ${placeText(place)}, the log at ${placeText(log)}`);
    } else if (place.offset < log.offset) {
      const hole = { tag: log.tag, from: place.offset + 1, to: log.offset };
      seat.missing(hole, at, `in the end at ${placeText(place)}, the log at ${placeText(log)}`);
    } else if (place.offset > log.offset) {
      add(
        'I4',
        `stands at ${placeText(place)}, which the log, at ${placeText(log)}, does not have`,
      );
    } else {
      const last = seat.last();
      if (
        last !== undefined &&
        log.id !== null &&
        last.id.offset === log.offset &&
        last.idText !== log.id
      )
        add('I1', `ends with ${last.idText}, the log with ${log.id}: one of the two was eaten`);
    }
  };

  const judgeOpen = ({ client, pod, stays, degraded }: Open, settled: number, at: number): void => {
    const healedAt = earth.healedAt();
    for (const [seat] of stays.values()) {
      if (seat === undefined) continue;
      judgeStay(seat, at);
      if (seat.joinedAt() === undefined && seat.askedAt < settled && healedAt !== undefined)
        found.add({
          tag: 'I9',
          client,
          room: seat.room,
          text: 'asked to join, and never was told so',
          at,
        });
    }
    if (degraded && healedAt !== undefined)
      found.add({
        tag: 'I9',
        client,
        room: undefined,
        text: `was told degraded by ${pod}, and never restored`,
        at,
      });
  };

  const isOpen = (connection: unknown): boolean => [...open].some((each) => each === connection);

  /** What is acknowledged is in the log, and what is late is not called unanswered. */
  const judgeSaying = (saying: Saying, settled: number, at: number): void => {
    const { client, room, acks, data, refused, lastAt, ref, on } = saying;
    const add = (tag: Violation['tag'], text: string): void =>
      found.add({ tag, client, room, text: `${data} ${text}`, at });
    const healedAt = earth.healedAt();
    const isLate = lastAt < settled;
    if (acks.length === 0 && refused === undefined && ref !== undefined && isLate && isOpen(on))
      add('I9', 'was never answered');
    const wellAt = (healedAt ?? Number.POSITIVE_INFINITY) + lateMs.ready;
    if (saying.firstAt > wellAt && acks.some(({ onPod }) => onPod))
      add('I9', 'was said on the pod alone, though all was well');
    if (saying.firstAt > wellAt && refused !== undefined)
      add('I9', `was refused, ${refused}, though all was well`);
    const log = logs.get(room);
    for (const { id, idText, onPod, at: ackedAt } of acks) {
      const word = words.get(idText);
      if (word !== undefined && word.saying !== saying)
        add('I7', `was acked as ${idText}, which is ${word.saying?.data ?? 'nobody’s'}`);
      if (onPod || log === undefined || earth.forgotSince(ackedAt)) continue;
      if (id.tag !== log.tag) {
        if (knowsGround && !earth.forgot())
          add(
            'I4',
            `was acked as ${placeText(id)}, and the log is of epoch ${log.tag} though Redis forgot nothing`,
          );
      } else if (id.offset > log.offset) {
        add('I4', `was acked as ${placeText(id)}, and the log ends at ${placeText(log)}`);
      } else if (id.offset >= log.first) {
        const there = idTextOf(log.texts[id.offset - log.first] ?? '');
        if (there !== idText)
          add(
            'I4',
            `was acked as ${idText}, and the log has ${there === '' ? 'nothing' : there} there`,
          );
      } else if (
        retention !== undefined &&
        id.offset > log.offset - retention.messages &&
        at - ackedAt < retention.ms
      )
        add('I4', `was acked as ${placeText(id)}, and the log begins at ${log.first}`);
    }
  };

  /** Whoever has joined gets all that is said from then on: what was said later cannot stand before the place told. */
  const judgeBases = (at: number): void => {
    // what was said later may stand before what Redis forgot
    if (!knowsGround || earth.forgot()) return;
    const latest = new Map<string, Latest>();
    for (const { logged, sends, firstAt, data } of said.all) {
      if (logged === undefined || sends !== 1) continue;
      const key = `${logged.id.tag} ${logged.room}`;
      const some = latest.get(key) ?? [];
      some.push({ offset: logged.id.offset, firstAt, data });
      latest.set(key, some);
    }
    for (const some of latest.values()) {
      some.sort((one, other) => one.offset - other.offset);
      some.forEach((each, i) => {
        const before = some[i - 1];
        if (before !== undefined && before.firstAt > each.firstAt)
          some[i] = { ...before, offset: each.offset };
      });
    }
    for (const { client, room, tag, offset, joinedAt } of bases) {
      const last = lastUpTo(latest.get(`${tag} ${room}`) ?? [], offset);
      if (last !== undefined && last.firstAt > joinedAt)
        found.add({
          tag: 'I1',
          client,
          room,
          text: `was told joined at ${tag}/${offset}, and ${last.data}, said later, stands at or before that`,
          at,
        });
    }
  };

  const readLog = ({ room, texts, tag, offset, first }: LogContent, at: number): void => {
    const add = (t: Violation['tag'], text: string): void =>
      found.add({ tag: t, client: undefined, room, text, at });
    if (texts.length > 0 && first + texts.length - 1 !== offset)
      add('I4', `the log holds ${texts.length} from ${first} on, and stands at ${offset}`);
    const held = texts.map((text, i) => {
      const known = words.get(idTextOf(text));
      const frame = JSON.parse(text) as Frame;
      if (known !== undefined && known.text !== text)
        add('I5', `the log has ${frame.id} with another text`);
      const word = known ?? wordOf(text, frame, at);
      if (word?.id.tag !== tag || word.id.offset !== first + i)
        add('I4', `the log has ${frame.id} where ${tag}/${first + i} is expected`);
      if (word?.saying === undefined && frame.type === 'chat')
        add('I5', `the log has ${frame.id}, which nobody said`);
      return word;
    });
    orderOf(room).holds(
      held.filter((word): word is Word => word !== undefined),
      at,
    );
  };

  return {
    connected,
    violations: () => found.list,
    found: found.count,
    stranger: (idText) => void strangers.add(idText),
    fault: earth.begin,
    healed: earth.healed,
    epoch: (room, tag, at) => {
      earth.epoch(room, tag, at);
      orderOf(room).sawTag(tag);
    },
    trimmed: earth.trimmed,
    probes: earth.probes,
    status: (pod, status, at) => {
      if (status === 'gone') onPods.ended(pod);
      earth.status(pod, status, at);
    },
    placed: (texts) => {
      for (const text of texts)
        if (!words.has(idTextOf(text))) wordOf(text, JSON.parse(text) as Frame, 0);
    },
    log: (content) => void logs.set(content.room, content),
    holds: (what, count, bound, at) => {
      if (count > bound)
        found.add({
          tag: 'I8',
          client: undefined,
          room: undefined,
          text: `${what}: ${count}, bound to ${bound}`,
          at,
        });
    },
    left: (what, count, at) => {
      if (count > 0)
        found.add({
          tag: 'I10',
          client: undefined,
          room: undefined,
          text: `${count} ${what} left`,
          at,
        });
    },
    ended: (what, at) =>
      found.add({ tag: 'I11', client: undefined, room: undefined, text: what, at }),
    verdict: ({ at, settled }) => {
      const before = found.now();
      for (const content of logs.values()) readLog(content, at);
      for (const seat of past) seat.judge(at);
      for (const each of open) judgeOpen(each, settled, at);
      for (const each of orders.values()) each.judge(at);
      for (const saying of said.all) judgeSaying(saying, settled, at);
      judgeBases(at);
      earth.judge(at);
      const all = said.all;
      const violations = [...found.list];
      const count = found.count();
      found.rewind(before);
      return {
        violations,
        found: count,
        counts: {
          ...heard,
          sent: all.length,
          resent: all.filter(({ sends }) => sends > 1).length,
          acked: all.filter(({ acks }) => acks.length > 0).length,
          ackedOnPod: all.filter(({ acks }) => acks[0]?.onPod === true).length,
          refused: all.filter(({ refused }) => refused !== undefined).length,
          unanswered: all.filter(({ acks, refused }) => acks.length === 0 && refused === undefined)
            .length,
          connections,
          gaps,
          closes,
        },
      };
    },
  };
};

type Latest = { readonly offset: number; readonly firstAt: number; readonly data: string }[];

/** The last one at or before an offset, in a list by offset. */
const lastUpTo = (some: Latest, offset: number): Latest[number] | undefined => {
  let [from, to] = [0, some.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((some[middle]?.offset ?? 0) <= offset) from = middle + 1;
    else to = middle;
  }
  return some[from - 1];
};

const resumedAfter = (
  text: string | undefined,
  words: ReadonlyMap<string, Word>,
): Resumed | undefined => {
  const id = text === undefined ? undefined : idOf(text);
  const word = words.get(text ?? '');
  return id === undefined || id.tag === NO_EPOCH
    ? undefined
    : { _tag: 'After', id, word: word?.id.outside === true ? undefined : word };
};

/** The query may carry two ids, one for each log; one alone is of the log that it says, and the other goes by its time. */
const resumesIn = (
  text: string | undefined,
  words: ReadonlyMap<string, Word>,
): { readonly room: Resumed | undefined; readonly global: Resumed | undefined } => {
  const texts = (text ?? '').split(',', 2);
  const afters = texts.map((each) => resumedAfter(each, words));
  const of = (global: boolean): Resumed | undefined =>
    afters.find((each) => each?._tag === 'After' && each.id.global === global);
  const [room, global] = [of(false), of(true)];
  if (room !== undefined && global !== undefined) return { room, global };
  // of two of one log the later one counts
  const alone = resumedAfter(
    [...texts]
      .filter((each) => idOf(each))
      .sort()
      .at(-1),
    words,
  );
  // one that names no log may have a time
  const ms = alone?._tag === 'After' ? alone.id.ms : (idOf(texts[0] ?? '')?.ms ?? 0);
  if (ms === 0) return { room: undefined, global: undefined };
  const since: Resumed = { _tag: 'Since', ms: ms - OVERLAP_MS, dueMs: ms - LAG_MS };
  if (alone?._tag !== 'After') return { room: since, global: since };
  return alone.id.global ? { room: since, global: alone } : { room: alone, global: since };
};
