/** For the specs of applications: `chat-api/testing`. */
export type { ScriptedServer, ScriptedServerOptions } from './scripted-server.js';
export { scriptedServer } from './server.js';
export type { Frame, ServerSocket } from './server-socket.js';
export { type VirtualClock, virtualClock } from './virtual-clock.js';
