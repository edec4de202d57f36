/** The `data` of the server's `system` messages (docs/protocol.md, section 5), as codecs. */
import * as t from 'io-ts';
import type { SystemEvent } from '../protocol/system-event.js';
import { GAP_REASONS, LEAVE_REASONS, meanings } from './error-codes.js';
import { type CodecOf, described, maybe } from './json-schema.js';
import { ConnectionId, Count, MessageId, OwnId, RoomName, Timestamp } from './values.js';

const Scope = described(t.literal('pod'), {
  description: 'Only members on this pod are reached, because the broker failed.',
});
export const Room = { room: maybe(RoomName) };
export const Ref = { ref: maybe(OwnId) };

export const Welcome = t.type({
  event: t.literal('welcome'),
  connection_id: described(ConnectionId, {
    description: 'The `from` of this client, unless it has a user id.',
  }),
  user_id: described(t.union([t.string, t.null]), { description: 'The `sub` of the token.' }),
  server_id: t.string,
  protocol: t.literal(1),
  limits: t.type({
    message_bytes: Count,
    buffer_messages: Count,
    rate: described(Count, { description: 'Messages a second.' }),
  }),
});
export const Joined = t.intersection([
  t.type({
    event: t.literal('joined'),
    position: described(t.union([MessageId, t.null]), {
      description: 'The id of the last message of the log.',
    }),
    members: described(Count, { description: 'Connections on all pods.' }),
    presence: described(t.boolean, { description: 'Whether joins and leaves are reported.' }),
  }),
  t.partial({
    ...Room,
    recovered: maybe(
      described(Count, { description: 'The number of replayed messages, after a `last_id`.' }),
    ),
    scope: maybe(Scope),
    ...Ref,
  }),
]);
export const Left = t.intersection([
  t.type({
    event: t.literal('left'),
    room: RoomName,
    reason: described(t.keyof(LEAVE_REASONS), { description: meanings(LEAVE_REASONS) }),
  }),
  t.partial(Ref),
]);
export const Ack = t.intersection([
  t.type({
    event: t.literal('ack'),
    ref: OwnId,
    duplicate: described(t.boolean, {
      description: 'The idempotency key was used before: `id` is the id of the first message.',
    }),
  }),
  t.partial({
    id: maybe(
      described(MessageId, { description: 'Absent: the application dropped the message.' }),
    ),
    scope: maybe(Scope),
  }),
]);
export const Gap = t.intersection([
  t.type({
    event: t.literal('gap'),
    reason: described(t.keyof(GAP_REASONS), { description: meanings(GAP_REASONS) }),
  }),
  t.partial(Room),
]);
export const Degraded = t.type({ event: t.literal('degraded'), since: Timestamp });
export const Restored = t.type({ event: t.literal('restored'), since: Timestamp });
export const Draining = t.type({ event: t.literal('draining'), reconnect_in_ms: Count });
export const TokenExpiring = t.type({ event: t.literal('token_expiring'), expires_at: Timestamp });

const AnyEvent = t.union([
  Welcome,
  Joined,
  Left,
  Ack,
  Gap,
  Degraded,
  Restored,
  Draining,
  TokenExpiring,
]);
/** All events. A field that only the code or only this document has does not compile. */
export const Event: CodecOf<SystemEvent, typeof AnyEvent> = AnyEvent;
