/** For the specs of applications: `chat-api/testing`. */
export { type ScriptedServer, scriptedServer, type ScriptedServerOptions } from './server.js';
export type { Frame, ServerSocket } from './server-socket.js';
export { type VirtualClock, virtualClock } from './virtual-clock.js';
