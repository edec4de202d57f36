/** What is judged at the end, when all is settled: stays, sent messages and logs. */
import { type Room } from '../../../lib/protocol/position.js';
import { type Frame, idTextOf, positionText } from './frame.js';
import { type LogContent } from './order.js';
import { type Stay } from './stay.js';
import { type Violation } from './violation.js';
import { type SentMessage, type ReceivedMessage } from './message.js';
import { type CheckerOptions } from './checker.js';
import { type CheckerMemory, type Open } from './memory.js';

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

export const finalJudge = (memory: CheckerMemory, retention: CheckerOptions['retention']) => {
  const {
    knowsGround,
    lateMs,
    found,
    earth,
    sentMessages,
    messages,
    orders,
    logs,
    bases,
    open,
    orderOf,
    messageOf,
  } = memory;

  /** When the log is not known, it has at least the offset that some client has reached. */
  const furthest = (
    room: Room,
  ): { readonly tag: number; readonly offset: number; readonly id: string | null } | undefined => {
    const message = orders.get(room)?.furthest();
    return message && { tag: message.id.tag, offset: message.id.offset, id: message.idText };
  };

  const judgeStay = (member: Stay, at: number): void => {
    member.judge(at);
    const { client, room } = member;
    const add = (tag: Violation['tag'], text: string): void =>
      found.add({ tag, client, room, text, at });
    for (const sent of member.owed()) {
      const gapAt = member.gapAt();
      if (gapAt !== undefined && gapAt >= sent.firstAt) continue;
      add('I1', `never heard ${sent.data}, which ${member.pod} said to its members`);
    }
    const log = logs.get(room) ?? furthest(room);
    const position = member.position();
    if (log === undefined || position === undefined || earth.healedAt() === undefined) return;
    if (position.tag !== log.tag) {
      // a client learns of an epoch without messages only with its first message
      if (log.offset === 0) return;
      add('I9', `stands at ${positionText(position)}, the log at ${positionText(log)}`);
    } else if (position.offset < log.offset) {
      const hole = { tag: log.tag, from: position.offset + 1, to: log.offset };
      member.missing(
        hole,
        at,
        `in the end at ${positionText(position)}, the log at ${positionText(log)}`,
      );
    } else if (position.offset > log.offset) {
      add(
        'I4',
        `stands at ${positionText(position)}, which the log, at ${positionText(log)}, does not have`,
      );
    } else {
      const last = member.last();
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
    for (const [member] of stays.values()) {
      if (member === undefined) continue;
      judgeStay(member, at);
      if (member.joinedAt() === undefined && member.askedAt < settled && healedAt !== undefined)
        found.add({
          tag: 'I9',
          client,
          room: member.room,
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

  /** An acknowledged message must be in the log. A late one does not count as unanswered. */
  const judgeSent = (sent: SentMessage, settled: number, at: number): void => {
    const { client, room, acks, data, refused, lastAt, ref, on } = sent;
    const add = (tag: Violation['tag'], text: string): void =>
      found.add({ tag, client, room, text: `${data} ${text}`, at });
    const healedAt = earth.healedAt();
    const isLate = lastAt < settled;
    if (acks.length === 0 && refused === undefined && ref !== undefined && isLate && isOpen(on))
      add('I9', 'was never answered');
    const wellAt = (healedAt ?? Number.POSITIVE_INFINITY) + lateMs.ready;
    if (sent.firstAt > wellAt && acks.some(({ onPod }) => onPod))
      add('I9', 'was said on the pod alone, though all was well');
    if (sent.firstAt > wellAt && refused !== undefined)
      add('I9', `was refused, ${refused}, though all was well`);
    const log = logs.get(room);
    for (const { id, idText, onPod, at: ackedAt } of acks) {
      const message = messages.get(idText);
      if (message !== undefined && message.sent !== sent)
        add('I7', `was acked as ${idText}, which is ${message.sent?.data ?? 'nobody’s'}`);
      if (onPod || log === undefined || earth.forgotSince(ackedAt)) continue;
      if (id.tag !== log.tag) {
        if (knowsGround && !earth.forgot())
          add(
            'I4',
            `was acked as ${positionText(id)}, and the log is of epoch ${log.tag} though Redis forgot nothing`,
          );
      } else if (id.offset > log.offset) {
        add('I4', `was acked as ${positionText(id)}, and the log ends at ${positionText(log)}`);
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
        add('I4', `was acked as ${positionText(id)}, and the log begins at ${log.first}`);
    }
  };

  /**
   * A member gets all messages from its join on: a later message cannot have an offset before the position in
   * `joined`.
   */
  const judgeBases = (at: number): void => {
    // a later message may have a lower offset than one that Redis forgot
    if (!knowsGround || earth.forgot()) return;
    const latest = new Map<string, Latest>();
    for (const { logged, sends, firstAt, data } of sentMessages.all) {
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
    const logged = texts.map((text, i) => {
      const known = messages.get(idTextOf(text));
      const frame = JSON.parse(text) as Frame;
      if (known !== undefined && known.text !== text)
        add('I5', `the log has ${frame.id} with another text`);
      const message = known ?? messageOf(text, frame, at);
      if (message?.id.tag !== tag || message.id.offset !== first + i)
        add('I4', `the log has ${frame.id} where ${tag}/${first + i} is expected`);
      if (message?.sent === undefined && frame.type === 'chat')
        add('I5', `the log has ${frame.id}, which nobody said`);
      return message;
    });
    orderOf(room).holds(
      logged.filter((message): message is ReceivedMessage => message !== undefined),
      at,
    );
  };

  return { judgeOpen, judgeSent, judgeBases, readLog };
};
