/** The client library: `chat-api/client`. */
export { type Chat, connect, type Status } from './chat.js';
export type { ErrorData, Message } from './frames.js';
export type { PageEvent } from './phase.js';
export type { ClientClock, ConnectOptions } from './options.js';
export type { Ack } from './outbox.js';
export { type Gap, PublishError, type Room, type RoomNotice, type RoomOptions } from './room.js';
export type { TokenSource } from './token.js';
export type { WebSocketClass } from './web-socket.js';
