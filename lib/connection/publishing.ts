/**
 * Publishes of a client.
 *
 *   member? ─► hook ─► draft ─► command$ ─► the room ─► `reply` ─► ack or error
 *
 * The answer of the room comes back by `reply` alone. A publish that never becomes a command is answered
 * here.
 *
 * Source: it subscribes to the verdict of the hook, and ends with `command$`.
 */
import { type Either, isLeft } from 'fp-ts/lib/Either.js';
import { mayPublish } from '../auth/index.js';
import type { PublishError, Receipt } from '../broker/index.js';
import { type Failed, HOOK_FAILED, unusable, type Verdict, verdictOf } from '../hook-verdict.js';
import { type Hooks, type Outgoing } from '../hooks.js';
import type { HubEvent } from '../hub-event.js';
import type { ClientMessage } from '../protocol/client-message.js';
import { clientKey } from '../protocol/idempotency-key.js';
import type { Json } from '../protocol/json.js';
import { GLOBAL, type Room } from '../protocol/position.js';
import { type Draft, type DraftFields, draftOf, hookDraftOf } from '../protocol/publication.js';
import type { Refusal } from '../protocol/system-event.js';
import { infoOf } from './application.js';
import type { Membership } from './connection.js';
import { defaultRoom } from './memberships.js';
import { beginWait, endWait, publishBegins, publishEnds, takePaused } from './pace.js';
import { forbidden, globalForbidden, notAMember, notPublished, FOREIGN_ROOM } from './refusals.js';
import { refuse } from './sender.js';
import type { ConnectionState } from './state.js';

type PublishMessage = Extract<ClientMessage, { readonly type: 'chat' | 'presence' }>;

const RECEIVED: HubEvent = { _tag: 'Received', messages: 1 };

export const publish = (connection: ConnectionState, message: PublishMessage): void => {
  const { onMessage } = connection.deps.hooks;
  const room = message.room ?? defaultRoom(connection);
  const { ref, data } = message;
  const membership = connection.memberships.get(room);
  if (membership === undefined) return refuse(connection, notAMember(room, ref));
  if (!membership.mayPublish) return refuse(connection, mayNotPublish(connection, room, ref));
  if (onMessage !== undefined) return askHook(connection, onMessage, message, room);
  const draft = draftOf(fieldsOf(connection, membership.room, message, data));
  if (isLeft(draft)) refuse(connection, { ...draft.left, ref });
  else submit(connection, draft.right, ref, membership);
};

const mayNotPublish = (
  { deps, identity }: ConnectionState,
  room: Room,
  ref: string | undefined,
): Refusal => {
  if (room !== GLOBAL) return forbidden('publish', room, ref);
  const { globalPublish } = deps.config.access;
  if (globalPublish === 'server') return globalForbidden('server', ref);
  return globalForbidden(mayPublish(identity.rights, GLOBAL) ? 'users' : 'token', ref);
};

/** Later frames wait for the verdict. */
const askHook = (
  connection: ConnectionState,
  hook: NonNullable<Hooks['onMessage']>,
  message: PublishMessage,
  room: Room,
): void => {
  const { type, data } = message;
  beginWait(connection);
  connection.hub?.add(
    verdictOf(hook, { type, room, data }, infoOf(connection), connection.deps.clock).subscribe(
      (verdict) => {
        onVerdict(connection, message, verdict);
        endWait(connection);
        takePaused(connection);
      },
    ),
  );
};

const onVerdict = (
  connection: ConnectionState,
  message: PublishMessage,
  verdict: Verdict,
): void => {
  const { ref } = message;
  switch (verdict._tag) {
    case 'Dropped':
      // an ack, so that the client does not send the message again and again; without an id, as no log has it
      if (ref !== undefined) connection.send({ event: 'ack', ref, duplicate: false });
      return;
    case 'Rejected':
      return refuse(connection, { code: 'rejected', text: verdict.text, ref });
    case 'Failed':
      return hookFailed(connection, verdict, ref);
    case 'Passed':
      return publishReplaced(connection, message, verdict.message);
  }
};

const publishReplaced = (
  connection: ConnectionState,
  message: PublishMessage,
  { room, data }: Outgoing,
): void => {
  const { ref } = message;
  const membership = connection.memberships.get(room);
  if (membership === undefined) {
    // while the hook ran, the client may have left the room that it named. For any other room, the fault is
    // the hook's
    if (room === (message.room ?? defaultRoom(connection)))
      return refuse(connection, notAMember(room, ref));
    return hookFailed(connection, unusable(new TypeError(FOREIGN_ROOM)), ref);
  }
  const draft = hookDraftOf(fieldsOf(connection, room, message, data));
  if (isLeft(draft)) hookFailed(connection, unusable(new TypeError(draft.left.text)), ref);
  else submit(connection, draft.right, ref, membership);
};

const hookFailed = (
  connection: ConnectionState,
  { how, error }: Failed,
  ref: string | undefined,
): void => {
  connection.deps.emit({ _tag: 'HookFailed', hook: 'onMessage', error });
  refuse(connection, { code: 'unavailable', text: HOOK_FAILED[how], ref });
};

const fieldsOf = (
  { id, userId, deps }: ConnectionState,
  room: Room,
  { type, ref }: PublishMessage,
  data: Json,
): DraftFields => {
  const key = clientKey(userId, ref);
  return { room, type, from: userId ?? id, data, at: deps.clock.wall(), key };
};

const submit = (
  connection: ConnectionState,
  draft: Draft,
  ref: string | undefined,
  membership: Membership,
): void => {
  publishBegins(connection);
  connection.deps.emit(RECEIVED);
  connection.hub?.next({
    _tag: 'Publish',
    room: draft.room,
    draft,
    membership,
    reply: (result) => onReply(connection, ref, result),
  });
};

const onReply = (
  connection: ConnectionState,
  ref: string | undefined,
  result: Either<PublishError, Receipt>,
): void => {
  publishEnds(connection);
  if (isLeft(result)) refuse(connection, notPublished(result.left, ref));
  else if (ref !== undefined) {
    const { id, duplicate, scope } = result.right;
    const podOnly = scope === 'pod' ? scope : undefined;
    connection.send({ event: 'ack', ref, id, duplicate, scope: podOnly });
  }
  takePaused(connection);
};
