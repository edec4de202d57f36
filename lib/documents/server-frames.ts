/** What the server sends (docs/protocol.md, sections 3 to 6 and 9), as codecs. */
import * as t from 'io-ts';
import type { SystemEvent } from '../protocol/system-event.js';
import { ERROR_CODES, meanings } from './error-codes.js';
import {
  Ack,
  Degraded,
  Draining,
  Gap,
  Joined,
  Left,
  Ref,
  Restored,
  Room,
  TokenExpiring,
  Welcome,
} from './event-codecs.js';
import type { Frame } from './frame.js';
import { component, described, maybe } from './json-schema.js';
import {
  ApplicationEvent,
  Count,
  EXAMPLE_CONNECTION,
  EXAMPLE_ID,
  EXAMPLE_TIME,
  JsonValue,
  MessageId,
  Timestamp,
} from './values.js';

// the message around the data

const Server = described(t.literal('server'), { description: 'The server itself.' });

const message = <D>(type: string, from: t.Mixed, data: t.Type<D>) =>
  t.intersection([
    t.type({ id: MessageId, type: t.literal(type), from, data, timestamp: Timestamp }),
    t.partial(Room),
  ]);
const system = <D>(data: t.Type<D>) => message('system', Server, data);

const From = component('From', t.string, {
  description:
    'The user id of the sender, or its connection id without a token; `api` for a program over HTTP; ' +
    '`server` for the server.',
});
const Foreign = t.partial({
  ref: maybe(
    described(MessageId, {
      description: 'Of a message that another program published on Redis: the id that it gave.',
    }),
  ),
});
const fromMember = <D>(type: string, data: t.Type<D>) =>
  t.intersection([message(type, From, data), Foreign]);

const PresenceData = t.intersection([
  t.type({ status: t.keyof({ online: null, offline: null, away: null }) }),
  t.partial({ user_id: maybe(t.union([t.string, t.null])), connection_id: maybe(t.string) }),
]);
const AppEvent = t.type({ event: ApplicationEvent });
const ErrorCodes = t.keyof(ERROR_CODES);
const ErrorData = t.intersection([
  t.type({
    code: described(ErrorCodes, {
      description: meanings(
        Object.fromEntries(Object.entries(ERROR_CODES).map(([code, { reason }]) => [code, reason])),
      ),
    }),
    message: described(t.string, { description: 'For people; it may change.' }),
  }),
  t.partial({ ...Ref, retry_in_ms: maybe(Count) }),
]);
const Pong = t.intersection([
  t.type({ id: MessageId, type: t.literal('pong'), from: Server, timestamp: Timestamp }),
  t.partial({ data: maybe(JsonValue) }),
]);

// the examples

const sent = (type: string, data: unknown, room: string | undefined, from = 'server') => ({
  id: EXAMPLE_ID,
  type,
  ...(room === undefined ? {} : { room }),
  from,
  data,
  timestamp: EXAMPLE_TIME,
});
const frame = (name: string, summary: string, codec: t.Mixed, payload: unknown): Frame => ({
  name,
  summary,
  codec,
  examples: [{ name, payload }],
});
const event = <D extends { readonly event: string }>(
  summary: string,
  data: t.Type<D>,
  example: SystemEvent,
): Frame =>
  frame(
    example.event,
    summary,
    system(data),
    sent('system', example, 'room' in example ? example.room : undefined),
  );

export const SERVER_FRAMES: readonly Frame[] = [
  frame(
    'chatOfMember',
    'A message of a member, or of a program over HTTP. The sender gets it too.',
    fromMember('chat', JsonValue),
    sent('chat', { content: 'hi' }, 'general', EXAMPLE_CONNECTION),
  ),
  frame(
    'notification',
    'A message of a program.',
    fromMember('notification', JsonValue),
    sent('notification', { due: 3 }, 'general', 'api'),
  ),
  frame(
    'presenceOfMember',
    'A member came (`online`), went (`offline`), or sent its `status`.',
    fromMember('presence', PresenceData),
    sent(
      'presence',
      { user_id: null, connection_id: EXAMPLE_CONNECTION, status: 'online' },
      'general',
    ),
  ),
  frame(
    'applicationEvent',
    'A `system` message of a program.',
    fromMember('system', AppEvent),
    sent('system', { event: 'maintenance', at: '22:00' }, 'general', 'api'),
  ),
  event('The first message of every connection.', Welcome, {
    event: 'welcome',
    connection_id: EXAMPLE_CONNECTION,
    user_id: null,
    server_id: 'pod-1',
    protocol: 1,
    limits: { message_bytes: 65_536, buffer_messages: 256, rate: 100 },
  }),
  event('Every later message of the room will arrive. Without `room`: of the global log.', Joined, {
    event: 'joined',
    room: 'general',
    position: EXAMPLE_ID,
    members: 3,
    presence: true,
    ref: 'j1',
  }),
  event('The client is not in the room any more.', Left, {
    event: 'left',
    room: 'other',
    reason: 'asked',
    ref: 'l1',
  }),
  event('A message of this client that had an `id` was accepted.', Ack, {
    event: 'ack',
    ref: '3f2b7e0c-8a41-4d6b-9a0e-2c5d1f7a9b10',
    id: EXAMPLE_ID,
    duplicate: false,
  }),
  event('Messages may be missing, and the log cannot supply them.', Gap, {
    event: 'gap',
    room: 'general',
    reason: 'log_lost',
  }),
  event('Messages reach the members on this pod only.', Degraded, {
    event: 'degraded',
    since: EXAMPLE_TIME,
  }),
  event('Messages reach all members again.', Restored, {
    event: 'restored',
    since: EXAMPLE_TIME,
  }),
  event('The pod will close the connection with 1001.', Draining, {
    event: 'draining',
    reconnect_in_ms: 1_394,
  }),
  event('The token ends soon: send a new one with `refresh`.', TokenExpiring, {
    event: 'token_expiring',
    expires_at: EXAMPLE_TIME,
  }),
  frame(
    'error',
    'A message of this client was refused. The connection stays open.',
    message('error', Server, ErrorData),
    sent(
      'error',
      { code: 'not_a_member', message: 'room: join general before publishing to it', ref: '7' },
      undefined,
    ),
  ),
  frame('pong', 'The answer to a `ping`.', Pong, sent('pong', 7, undefined)),
];
