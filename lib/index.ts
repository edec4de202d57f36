/// <reference types="node" preserve="true" />
/**
 * What a program that embeds the service imports.
 *
 *   const chat = app({ config, hooks: { onMessage: (message) => message }, server });
 *   await chat.start();
 */
export {
  type Announcement,
  type App,
  type AppOptions,
  app,
  type Notice,
  type Published,
} from './app.js';
export type {
  Broker,
  BrokerEvent,
  BrokerStatus,
  ChannelEvent,
  PublishError,
  Receipt,
  Scope,
} from './broker/index.js';
export { localBroker, type LocalBrokerOptions } from './broker/local.js';
export { type Clock, systemClock } from './clock.js';
export { CLOSE, type Close } from './close.js';
export type { Draft, Json, MessageType, Publication } from './codec.js';
export {
  type Config,
  ConfigError,
  configOf,
  configOrThrow,
  type DeepPartial,
  type Environment,
  type Fault,
  readConfig,
} from './config.js';
export type { Control, ErrorCode, GapReason, LeaveReason } from './control.js';
export type { HubEvent } from './events.js';
export {
  type ConnectionInfo,
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
export type { Stats } from './http/stats.js';
export { hub, type HubDeps } from './hub.js';
export {
  formatId,
  GLOBAL,
  type Id,
  isRoomName,
  parseId,
  type Position,
  type Room,
} from './position.js';
