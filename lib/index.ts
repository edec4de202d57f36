/// <reference types="node" preserve="true" />
/**
 * What a program that embeds the service imports:
 *   const chat = app({ config, hooks: { onMessage: (message) => message }, server });
 *   await chat.start();
 */
export type { AuthEvent, Claims, Denial } from './auth/index.js';
export { type App, app } from './app.js';
export type { AppOptions, BrokerDeps } from './app-options.js';
export type { Announcement, Notice, Published } from './notice.js';
export { NotPublished, type NotPublishedCode } from './not-published.js';
export type {
  CatchUp,
  CatchUpsLost,
  ControlCommand,
  Disconnect,
  Trace,
} from './broker/control-command.js';
export type { Missed } from './broker/fallback-log.js';
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
export { CLOSE, type Close } from './protocol/close-codes.js';
export type {
  Archive,
  ArchiveError,
  ArchiveEvent,
  ArchiveGauges,
  ArchivePage,
  Bound,
  Outcome,
  PageQuery,
} from './history/archive/port.js';
export { type Log, type LogError, NO_LOG, type Page } from './history/index.js';
export type { IdempotencyKey, KeyOwner } from './protocol/idempotency-key.js';
export type { Json } from './protocol/json.js';
export {
  type Draft,
  type Publication,
  publicationOf,
} from './protocol/publication.js';
export type { Resume } from './protocol/resume.js';
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
} from './config/index.js';
export type {
  SystemEvent,
  ErrorCode,
  GapReason,
  LeaveReason,
  MessageType,
} from './protocol/system-event.js';
export type { SqlOutboxEvent } from './broker/sql-outbox/sql-outbox-event.js';
export type { ArchiveHubEvent, Life, Requester, HubEvent, Peer } from './hub-event.js';
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
export type { Stats } from './telemetry/stats.js';
export {
  drawNonce,
  drawTag,
  formatId,
  GLOBAL,
  type LogPosition,
  type MessageId,
  isRoomName,
  parseId,
  type Position,
  type Room,
} from './protocol/position.js';
