/**
 * The frames of a client: rate limit, decoding, then the module that the type of the message is for.
 *
 *   ws `message` ─► handled now? (pace.ts) ─► rate limit ─► ClientMessage ─► publishing, memberships, session
 */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import { type ClientMessage, decodeMessage } from '../protocol/client-message.js';
import { CLOSE } from '../protocol/close-codes.js';
import { pongFrame } from '../protocol/payload.js';
import { resumeAfter } from '../protocol/resume.js';
import { nextControlId } from './control-id.js';
import { defaultRoom, join, leave } from './memberships.js';
import { isHandledNow } from './pace.js';
import { publish } from './publishing.js';
import { tooFast } from './refusals.js';
import { refuse, sendFrame } from './sender.js';
import { refresh } from './session.js';
import type { ConnectionState } from './state.js';

/** Handles the frames of the connection from now on. */
export const receiveFrames = (connection: ConnectionState): void => {
  connection.webSocket.on('message', (frame: Buffer, isBinary: boolean) => {
    if (isBinary) connection.close(CLOSE.binary);
    else if (isHandledNow(connection, frame)) handleFrame(connection, frame);
  });
};

/** A frame over the rate is decoded too, for the `ref` of the error. */
export const handleFrame = (connection: ConnectionState, frame: Buffer): void => {
  const { clock, config } = connection.deps;
  const retryInMs = connection.bucket.take(frame.length, clock.scheduler.now());
  const message = decodeMessage(frame);
  if (retryInMs > 0) {
    const { ref } = isRight(message) ? message.right : message.left;
    refuse(connection, tooFast(config.limits, ref, retryInMs));
  } else if (isLeft(message)) refuse(connection, message.left);
  else dispatch(connection, message.right);
};

const dispatch = (connection: ConnectionState, message: ClientMessage): void => {
  switch (message.type) {
    case 'chat':
    case 'presence':
      return publish(connection, message);
    case 'ping':
      return pong(connection, message);
    case 'join': {
      const room = message.room ?? defaultRoom(connection);
      return join(connection, room, message.ref, resumeAfter(message.lastId));
    }
    case 'leave':
      return leave(connection, message.room ?? defaultRoom(connection), message.ref);
    case 'refresh':
      return refresh(connection, message);
  }
};

const pong = (
  connection: ConnectionState,
  { data, ref }: Extract<ClientMessage, { readonly type: 'ping' }>,
): void => {
  const frame = pongFrame(nextControlId(connection), connection.deps.clock.wall(), data);
  if (isLeft(frame)) refuse(connection, { ...frame.left, ref });
  else sendFrame(connection, frame.right);
};
