/** Judges what one connection gets, as it comes. */
import { GLOBAL, type MessageId, NO_EPOCH, type Room } from '../../../lib/protocol/position.js';
import {
  type Frame,
  idOf,
  idTextOf,
  isControl,
  positionText,
  recordOf,
  roomText,
  textIn,
} from './frame.js';
import { type Resumed, type Stay, stay } from './stay.js';
import { type Violation } from './violation.js';
import { type ReceivedMessage } from './message.js';
import { type Ears, type Opening } from './checker.js';
import { type CheckerMemory, type Open } from './memory.js';
import { resumedAfter, resumesIn } from './resumed.js';

/** The codes with which the server may close a connection that did nothing wrong. */
const BLAMELESS = new Set([1000, 1001, 1013, 4001, 4503]);

const isOwn = ({ type, from }: Frame): boolean => type === 'presence' && from === 'server';

export const clientJudge = (memory: CheckerMemory): ((opening: Opening) => Ears) => {
  const {
    knowsGround,
    isSlow,
    lateMs,
    found,
    earth,
    sentMessages,
    onPods,
    messages,
    foreignIds,
    open,
    past,
    bases,
    reached,
    deliveries,
    leftGlobal,
    gaps,
    closes,
    orderOf,
    messageOf,
  } = memory;

  const connected = ({ client, user, pod, at: openedAt, room: home, lastId }: Opening): Ears => {
    memory.connections++;
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
        counts: deliveries,
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

    const handleControl = ({ id: idText, room, type, data }: Frame, at: number): void => {
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
        sentMessages.refused(client, ref, textIn(fields['code']), at);
        return showIn(log, id, at);
      }
      if (event === 'gap') return handleGap(room ?? GLOBAL, id, textIn(fields['reason']), at);
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
          if (knowsGround && !isSlow(client) && !earth.outage(pod, at - 2 * lateMs.degraded, at))
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
      const member = stayIn(room);
      if (member === undefined) return add('I6', 'was told joined, and had not asked', at, room);
      const { recovered } = fields;
      const isFirst = member.joinedAt() === undefined;
      const onPod = fields['scope'] === 'pod';
      const { resumed, askedAt } = member;
      if (isFirst && resumed === undefined) onPods.began(client, room, at);
      else if (isFirst && resumed !== undefined && member.gapAt() === undefined) {
        const missed = onPods.missed({ client, pod, room, resumed, at: askedAt });
        if (missed !== undefined)
          add('I1', `came back, and ${missed.data}, said on ${pod} alone, was not told`, at, room);
      }
      member.joined(id, typeof recovered === 'number' ? recovered : undefined, onPod, at);
      const position = idOf(textIn(fields['position']));
      if (position !== undefined && (position.tag !== id.tag || position.offset !== id.offset))
        add('I1', `joined at ${positionText(id)}, and is told ${positionText(position)}`, at, room);
      if (isFirst && !onPod)
        bases.push({ client, room, tag: id.tag, offset: id.offset, joinedAt: at });
    };

    const handleGap = (room: Room, shown: MessageId, reason: string, at: number): void => {
      // the id may be of the other log, or of none
      const isOfRoom = shown.tag !== NO_EPOCH && shown.global === (room === GLOBAL);
      const id = isOfRoom ? shown : undefined;
      gaps[reason] = (gaps[reason] ?? 0) + 1;
      const member = stayIn(room);
      if (member === undefined) return add('I6', 'was told of a gap where it is not', at, room);
      const { resumed } = member;
      const isResume = member.joinedAt() === undefined;
      const undue = knowsGround
        ? earth.undue({
            client,
            pod,
            room,
            reason,
            at,
            to: id?.tag,
            resumed: !isResume ? undefined : resumed?._tag === 'After' ? resumed.id : 'since',
            position: member.position(),
            onPod: member.onPod(),
            since: member.askedAt,
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
      member.gap(id, reason, at);
    };

    const acked = (
      ref: string,
      idText: string,
      fields: Readonly<Record<string, unknown>>,
      at: number,
    ): void => {
      const onPod = fields['scope'] === 'pod';
      const duplicate = fields['duplicate'] === true;
      const sent = sentMessages.acked({ client, pod, ref, idText, onPod, duplicate, at });
      if (sent === undefined || !onPod || duplicate) return;
      const position = idOf(idText);
      if (position !== undefined) onPods.sent(pod, sent, position, at);
      for (const each of open) if (each.pod === pod) each.stays.get(sent.room)?.[0]?.owe(sent, at);
    };

    const receive = (message: ReceivedMessage, at: number): void => {
      const member = stayIn(message.room);
      if (member === undefined)
        return add('I6', `heard ${message.idText}, where it is not`, at, message.room);
      member.received(message, at);
      const { sent, id } = message;
      if (sent === undefined || !id.outside) return;
      onPods.received(client, sent);
      onPods.sent(pod, sent, id, at);
    };

    const resumes = resumesIn(lastId, messages);
    enter(GLOBAL, resumes.global, openedAt);
    if (home !== undefined && home !== GLOBAL) enter(home, resumes.room, openedAt);

    return {
      received: (text, at) => {
        const known = messages.get(idTextOf(text));
        if (known?.text === text) {
          receive(known, at);
          return known;
        }
        const frame = JSON.parse(text) as Frame;
        if (isControl(frame)) {
          handleControl(frame, at);
          return frame;
        }
        // another program may write the fields in another order
        const same = messages.get(frame.id);
        if (same !== undefined && same.text !== text)
          add('I5', `heard ${frame.id} with another text than others`, at, frame.room ?? GLOBAL);
        const message = same ?? messageOf(text, frame, at);
        if (message === undefined) {
          add('I5', `heard ${frame.id}, which is no UUIDv7`, at, frame.room ?? GLOBAL);
          return frame;
        }
        if (
          message.sent === undefined &&
          !message.isForeign &&
          !isOwn(frame) &&
          frame.type === 'chat'
        )
          add('I5', `heard ${frame.id}, which nobody said`, at, message.room);
        // a pod encodes it again
        if (foreignIds.has(frame.id))
          add('I5', `heard ${frame.id}, which another program wrote`, at, message.room);
        receive(message, at);
        return message;
      },
      sent: ({ room, ref, data, keyed = user !== null }, at) =>
        void sentMessages.add({
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
      joins: (room, lastIn, at) => enter(room, resumedAfter(lastIn, messages), at),
      closed: (code, cause, at) => {
        open.delete(here);
        const [everywhere] = here.stays.get(GLOBAL) ?? [];
        const position = everywhere?.position();
        if (position !== undefined) leftGlobal.set(client, position);
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

  return connected;
};
