/** A bare socket in one room that publishes, and passes each answer on. It does not read the messages of the room. */
import { WebSocket } from 'ws';
import type { Room } from '../../../lib/protocol/position.js';
import { asUser, userOf } from '../credentials.js';
import { BASE } from '../pod.js';

export interface Answers {
  readonly joined: () => void;
  readonly acked: (key: string, ack: Ack) => void;
  /** The code of an error. */
  readonly refused: (key: string, code: string) => void;
  readonly closed: () => void;
}

export interface Ack {
  readonly id: string;
  readonly duplicate: boolean;
  readonly scope?: string;
}

export interface PublishingSocket {
  /** `json`: the data of the message. */
  readonly publish: (key: string, json: string) => void;
  /** Cuts it. No answer is passed on any more, `closed` neither. */
  readonly cut: () => void;
}

/** In `{"id":"…36 characters…","type":"` */
const TYPE_AT = 53;
const CHAT = 'chat';
const HANDSHAKE_MS = 10_000;

const isChat = (bytes: Buffer): boolean =>
  bytes.toString('latin1', TYPE_AT, TYPE_AT + CHAT.length) === CHAT;

interface Control {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export const publishingSocket = (
  port: number,
  room: Room,
  user: string,
  answers: Answers,
): PublishingSocket => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${BASE}/ws/${room}`, {
    headers: asUser(userOf(user)),
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_MS,
  });
  let isCut = false;
  socket.on('error', () => undefined);
  socket.on('close', () => {
    if (!isCut) answers.closed();
  });
  socket.on('message', (bytes: Buffer) => {
    if (isCut || isChat(bytes)) return;
    const { type, data } = JSON.parse(bytes.toString()) as Control;
    const key = String(data['ref']);
    if (type === 'error') answers.refused(key, String(data['code']));
    else if (data['event'] === 'ack') answers.acked(key, data as unknown as Ack);
    else if (data['event'] === 'joined' && data['room'] === room) answers.joined();
  });
  return {
    publish: (key, json) =>
      socket.send(`{"type":"chat","room":"${room}","id":"${key}","data":${json}}`),
    cut: () => {
      isCut = true;
      socket.terminate();
    },
  };
};
