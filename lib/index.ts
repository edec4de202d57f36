/// <reference types="node" preserve="true" />
/**
 * What a program that embeds the service imports.
 *
 *   const chat = app({ config, hooks: { onMessage: (message) => message }, server });
 *   await chat.start();
 */
export type { Claims, Denial } from './access/index.js';
export {
  type Announcement,
  type App,
  type AppOptions,
  app,
  type Notice,
  type Published,
} from './app.js';
export type { BrokerEvent, BrokerStatus, Receipt, Scope } from './broker/index.js';
export { type Clock, systemClock } from './clock.js';
export { CLOSE, type Close } from './close.js';
export type { Json, MessageType } from './codec.js';
export {
  type Config,
  ConfigError,
  configOf,
  configOrThrow,
  type DeepPartial,
  type Endpoint,
  type Environment,
  type Fault,
  readConfig,
} from './config.js';
export type { Control, ErrorCode, GapReason, LeaveReason } from './control.js';
export type { Asker, HubEvent, Peer } from './events.js';
export {
  type ConnectionInfo,
  type Handshake,
  type Hooks,
  type HttpSender,
  type Incoming,
  type MaybeAsync,
  type Outgoing,
  type ProgramSender,
  type Rejection,
  reject,
  type Sender,
} from './hooks.js';
export type { Readiness } from './http/routes.js';
export type { Stats } from './http/stats.js';
export {
  formatId,
  GLOBAL,
  type Id,
  isRoomName,
  parseId,
  type Position,
  type Room,
} from './position.js';
