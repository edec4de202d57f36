/** What the documents have on publishing and disconnecting over HTTP. */
import * as t from 'io-ts';
import { isTargetId, TARGET_RULES } from '../broker/control-command.js';
import {
  closed,
  type CodecOf,
  component,
  described,
  judgedBy,
  maybe,
} from '../documents/json-schema.js';
import type { Operation } from '../documents/operation.js';
import {
  ApplicationEvent,
  ConnectionId,
  EXAMPLE_CONNECTION,
  EXAMPLE_ID,
  JsonValue,
  MessageId,
  OTHER_EXAMPLE_IDS,
  OwnId,
  RoomName,
} from '../documents/values.js';
import { MAX_PUBLISH_REQUESTS } from '../protocol/publish-request.js';
import type { Accepted } from './publish.js';
import { MOST } from './request-body.js';

const Common = t.intersection([
  t.type({
    room: described(t.union([RoomName, t.literal(''), t.null]), {
      description: 'The name of a room; `""` or null: everybody.',
    }),
    data: JsonValue,
  }),
  t.partial({ id: maybe(OwnId) }),
]);

/** One message. An unknown field is an error: a typo must not publish to everybody. */
const PublishRequest = component(
  'PublishRequest',
  t.union([
    closed(
      t.intersection([
        Common,
        t.partial({
          type: maybe(described(t.keyof({ chat: null, notification: null }), { default: 'chat' })),
        }),
      ]),
    ),
    closed(
      t.intersection([
        Common,
        t.type({
          type: t.literal('system'),
          data: t.type({
            event: ApplicationEvent,
          }),
        }),
      ]),
    ),
  ]),
);

export const PublishBody = t.union([
  PublishRequest,
  described(t.array(PublishRequest), {
    description: 'Messages to any rooms. All are checked before the first one is sent.',
    maxItems: MAX_PUBLISH_REQUESTS,
  }),
]);

const IdOrDropped = described(t.union([MessageId, t.null]), {
  description: 'Null: the application dropped the message.',
});
const Scope = described(t.literal('pod'), {
  description: 'The broker did not accept all messages: some reached members on this pod only.',
});
const AcceptedCodec = component(
  'Accepted',
  t.union([
    t.intersection([
      t.type({ id: IdOrDropped }),
      t.partial({
        duplicate: described(t.literal(true), {
          description: 'The key was used before: `id` is the id of the first message.',
        }),
        scope: Scope,
      }),
    ]),
    t.intersection([t.type({ ids: t.readonlyArray(IdOrDropped) }), t.partial({ scope: Scope })]),
  ]),
);
const AcceptedAnswer: CodecOf<Accepted, typeof AcceptedCodec> = AcceptedCodec;

export const PUBLISH: Operation = {
  id: 'publish',
  tag: 'messages',
  summary: 'Publishes a message, or a list of messages, to rooms on all pods.',
  description:
    'The sender need not be a member of the rooms. `from` is `api`, or the user of the token. The answer to a ' +
    'list does not tell which messages were duplicates. A problem without `ids` means that nothing of ' +
    'the list was sent. After a 500 this is not known.',
  body: PublishBody,
  answers: {
    202: { description: 'Accepted.', codec: AcceptedAnswer },
    409: {
      description:
        'An `id` was used for other data. The other messages of a list are sent: see `ids` of the problem. ' +
        'When two messages of one list to the same room use the same `id` for different data, nothing is sent.',
    },
    413: {
      description:
        `A body over ${MOST.toLocaleString('en')} bytes (the connection is closed), or a message over ` +
        '`MAX_MESSAGE_BYTES` (65,536 by default). Nothing is sent.',
    },
    422: { description: 'The application refused a message. Nothing was sent.' },
  },
  examples: [
    {
      name: 'one',
      summary: 'A message to a room.',
      body: { room: 'general', data: { content: 'hi' } },
      status: 202,
      answer: { id: EXAMPLE_ID },
    },
    {
      name: 'once',
      summary: 'A message with an idempotency key.',
      body: { room: 'general', data: { order: 17 }, id: 'order-17' },
      status: 202,
      answer: { id: EXAMPLE_ID },
    },
    {
      name: 'again',
      summary: 'The same message again: it is not sent twice.',
      body: { room: 'general', data: { order: 17 }, id: 'order-17' },
      status: 202,
      answer: { id: EXAMPLE_ID, duplicate: true },
    },
    {
      name: 'list',
      summary: 'Messages to two rooms and to everybody.',
      body: [
        { room: 'a', data: 1 },
        { room: 'b', type: 'notification', data: 2 },
        { room: null, type: 'system', data: { event: 'maintenance' } },
      ],
      status: 202,
      answer: { ids: [EXAMPLE_ID, ...OTHER_EXAMPLE_IDS] },
    },
    {
      name: 'otherData',
      summary: 'The same key with other data.',
      body: { room: 'general', data: { order: 18 }, id: 'order-17' },
      status: 409,
      answer: {
        status: 409,
        title: 'Conflict',
        detail: 'id: already used for a different message; use a new id',
      },
    },
    {
      name: 'typo',
      summary: 'A field that no message has.',
      body: { romm: 'general', data: 1 },
      status: 400,
      answer: {
        status: 400,
        title: 'Bad Request',
        detail: 'romm: no field of a message; a message has room, type, data and id',
      },
    },
  ],
};

const UserId = judgedBy(
  'UserId',
  (value): value is string => t.string.is(value) && isTargetId('user', value),
  {
    type: 'string',
    description: `The \`sub\` of the user's tokens: ${TARGET_RULES.user}.`,
    minLength: 1,
    maxLength: 255,
    pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$',
  },
);

const disconnect = (
  whom: 'connection' | 'user',
  id: string,
  codec: t.Mixed,
  example: string,
): Operation => ({
  id,
  tag: 'operators',
  summary: `Closes ${whom === 'user' ? 'all connections of a user' : 'a connection'} with 4503, on all pods.`,
  description: 'A client with a valid token can connect again at once.',
  parameters: { id: codec },
  answers: {
    202: {
      description: 'The command was sent. 202 does not show whether there was such a connection.',
      codec: t.type({ status: t.literal('accepted') }),
    },
    503: { description: 'The other pods could not be reached.' },
  },
  examples: [
    {
      name: whom,
      summary: `Disconnect a ${whom}.`,
      path: { id: example },
      status: 202,
      answer: { status: 'accepted' },
    },
  ],
});

export const DISCONNECT_CONNECTION = disconnect(
  'connection',
  'disconnectConnection',
  ConnectionId,
  EXAMPLE_CONNECTION,
);
export const DISCONNECT_USER = disconnect('user', 'disconnectUser', UserId, 'alice');
