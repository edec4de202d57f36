/**
 * Judges what an application on the client library gets, over all its connections. In each use of a room it
 * gets every message once, in order, and none is missing without a gap. Each publish settles once, with the
 * answer of the server.
 */
import { GLOBAL, NO_EPOCH, type Room } from '../../../lib/protocol/position.js';
import type { ApplicationEars, ApplicationStay, Settled } from './checker.js';
import { idOf, idTextOf, positionText } from './frame.js';
import type { CheckerMemory, Open } from './memory.js';
import type { SentMessage } from './message.js';
import { resumedAfter } from './resumed.js';
import { stay } from './stay.js';
import type { Tag } from './violation.js';

interface Publish {
  readonly room: Room;
  readonly data: string;
  readonly at: number;
  readonly sent: () => SentMessage | undefined;
  readonly results: Settled[];
}

/** Codes of the client itself. */
const OWN_CODES: ReadonlySet<string> = new Set(['timeout', 'queue_full', 'closed']);

export const applicationJudge =
  (memory: CheckerMemory): ((client: string) => ApplicationEars) =>
  (client) => {
    const { found, earth, sentMessages, messages, open, past, deliveries, orderOf } = memory;
    /** The application counts as one more connection, to no pod. */
    const here: Open = { client, pod: `${client}'s library`, stays: new Map(), degraded: false };
    const gapIds = new Set<string>();
    const publishes: Publish[] = [];
    open.add(here);

    const add = (tag: Tag, text: string, at: number, room?: Room): void =>
      found.add({ tag, client, room, text: `the application ${text}`, at });

    const uses = (room: Room, after: string | undefined, at: number): ApplicationStay => {
      const resumed = resumedAfter(after, messages);
      const member = stay({
        client: `${client}'s application`,
        pod: here.pod,
        order: orderOf(room),
        findings: found,
        resumed,
        askedAt: at,
        counts: { ...deliveries },
        reached: new Map(),
        left: undefined,
        isTrimmed: (tag, offset) => earth.isTrimmed(room, tag, offset),
        overMany: true,
      });
      const seen = new Set<string>();
      here.stays.set(room, [member]);
      return {
        received: (text, now) => {
          const idText = idTextOf(text);
          const message = messages.get(idText);
          if (message?.text !== text) add('I5', `got ${text}, which no connection got`, now, room);
          if (message === undefined) return;
          if (message.room !== room) add('I6', `got ${text} in another room`, now, room);
          if (seen.has(idText)) add('I2', `got ${idText} twice`, now, room);
          seen.add(idText);
          member.received(message, now);
        },
        gap: (idText, reason, now) => {
          if (!gapIds.has(idText)) add('gap', `got a gap that no connection got`, now, room);
          const id = idOf(idText);
          const isOfRoom =
            id !== undefined && id.tag !== NO_EPOCH && id.global === (room === GLOBAL);
          member.gap(isOfRoom ? id : undefined, reason, now);
        },
        joined: (idText, now) => {
          const id = idOf(idText);
          if (id === undefined) add('I5', `has a position ${idText}`, now, room);
          else member.joined(id, undefined, false, now);
        },
        shown: (idText, now) => {
          const id = idOf(idText);
          if (id === undefined) add('I5', `has a position ${idText}`, now, room);
          else if (id.tag !== NO_EPOCH) member.shown(id, now);
        },
        ended: () => {
          here.stays.delete(room);
          if (member.isOpen()) past.push(member);
        },
      };
    };

    const judgePublish = (
      { room, data, at: publishedAt, sent: sentOf, results }: Publish,
      at: number,
    ): void => {
      const [result, ...more] = results;
      const sent = sentOf();
      if (result === undefined) return add('I9', `published ${data}, and has no answer`, at, room);
      if (more.length > 0) add('I7', `has two answers to ${data}`, at, room);
      if ('code' in result) {
        const { code } = result;
        if (!OWN_CODES.has(code) && (sent?.refused !== code || code !== 'unavailable'))
          add(
            'I9',
            `published ${data} at ${publishedAt.toFixed(0)}, and it was refused: ${code}`,
            at,
            room,
          );
        return;
      }
      const { id, duplicate, scope } = result;
      const isTrue = sent?.acks.some(
        (ack) =>
          ack.idText === id && ack.duplicate === duplicate && ack.onPod === (scope === 'pod'),
      );
      if (isTrue !== true)
        add('I4', `was told that ${data} is ${id}, which no connection was told`, at, room);
    };

    /** Its publishes have the same order in the log. */
    const judgeOrder = (at: number): void => {
      if (earth.forgot()) return;
      const lasts = new Map<string, SentMessage>();
      for (const { sent: sentOf } of publishes) {
        const sent = sentOf();
        if (sent?.logged === undefined) continue;
        const { room, logged, data } = sent;
        const key = `${logged.id.tag} ${room}`;
        const last = lasts.get(key);
        lasts.set(key, sent);
        if (last?.logged !== undefined && last.logged.id.offset > logged.id.offset)
          add(
            'I3',
            `published ${last.data} before ${data}, which stand at ` +
              `${positionText(last.logged.id)} and ${positionText(logged.id)}`,
            at,
            room,
          );
      }
    };

    return {
      uses,
      published: (room, data, at) => {
        const results: Settled[] = [];
        publishes.push({
          room,
          data: JSON.stringify(data),
          at,
          sent: () => sentMessages.of(data),
          results,
        });
        return (settled) => void results.push(settled);
      },
      gapCame: (idText) => void gapIds.add(idText),
      judge: (at) => {
        for (const each of publishes) judgePublish(each, at);
        judgeOrder(at);
      },
      found: (tag, text, at) => add(tag, text, at),
    };
  };
