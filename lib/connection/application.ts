/**
 * A connection as the application's hooks see it, and the hooks whose answer is not waited for.
 *
 * Source: it subscribes to the answers of `onConnect` and `onDisconnect`, which end within a second.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { answerOf } from '../hook-answer.js';
import { type ConnectionInfo, type MaybeAsync } from '../hooks.js';
import { ownClose } from '../protocol/close-codes.js';
import type { Json } from '../protocol/json.js';
import { frameWithId, SERVER } from '../protocol/payload.js';
import { GLOBAL, type Room } from '../protocol/position.js';
import { validatedDraft } from '../protocol/publication.js';
import { nextControlId } from './control-id.js';
import { sendFrame } from './sender.js';
import type { ConnectionState } from './state.js';

/** Calls `onConnect` or `onDisconnect`. Nothing waits for the answer; a failure becomes an event. */
export const notifyHook = (
  { deps }: ConnectionState,
  hook: 'onConnect' | 'onDisconnect',
  call: () => MaybeAsync<void>,
): void => {
  // eslint-disable-next-line rxjs-x/no-ignored-subscription
  answerOf(call, deps.clock).subscribe({
    error: (error: unknown) => deps.emit({ _tag: 'HookFailed', hook, error }),
  });
};

/** One object for each connection, made at its first hook. */
export const infoOf = (connection: ConnectionState): ConnectionInfo => {
  connection.info ??= newInfo(connection);
  return connection.info;
};

/** Rooms that the connection is in, or has asked to join; without the global log. */
export const roomsOf = ({ memberships }: ConnectionState): readonly Room[] =>
  [...memberships.keys()].filter((room) => room !== GLOBAL);

const newInfo = (connection: ConnectionState): ConnectionInfo => {
  const { id, userId, socket } = connection;
  const { url, headers, address } = connection.admission.handshake ?? {
    url: '',
    headers: {},
    address: socket.remoteAddress ?? '',
  };
  return {
    via: 'socket',
    id,
    userId,
    url,
    headers,
    address,
    get claims() {
      return connection.identity.claims ?? null;
    },
    rooms: () => connection.lastRooms ?? roomsOf(connection),
    notify: (data) => notify(connection, data),
    close: (code, reason) => connection.close(ownClose(code, reason)),
  };
};

const notify = (connection: ConnectionState, data: Json): void => {
  const draft = validatedDraft({
    room: GLOBAL,
    type: 'notification',
    from: SERVER,
    data,
    at: connection.deps.clock.wall(),
  });
  if (isLeft(draft)) throw new TypeError(draft.left.text);
  sendFrame(connection, frameWithId(nextControlId(connection), draft.right.rest));
};
