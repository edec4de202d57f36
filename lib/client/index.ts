/** The client library: `chat-api/client`. */
export { type Chat, connect } from './chat.js';
export type { ConnectionPresence, MemberPresence, Message, Presence } from './frames.js';
export type { ClientClock, ConnectOptions, Fetch } from './options.js';
export {
  ChatError,
  type Gap,
  type Page,
  type Room,
  type RoomNotice,
  type RoomOptions,
} from './room.js';
export type { Ack, PageEvent } from './state.js';
export type { Status } from './status.js';
export type { TokenSource } from './token.js';
export type { WebSocketClass } from './web-socket-class.js';
