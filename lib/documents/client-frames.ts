/** What clients send (docs/protocol.md, section 4), as codecs. `protocol/client-message.ts` decodes them. */
import * as t from 'io-ts';
import type { Frame } from './frame.js';
import { component, described, judgedBy, maybe } from './json-schema.js';
import { EXAMPLE_ID, JsonValue, MessageId, OwnId, RoomName } from './values.js';

const RoomOfClient = component('RoomOfClient', t.union([RoomName, t.literal(''), t.null]), {
  description:
    'Absent: the room of the URL, or everybody when the URL names none. `""` or null: everybody.',
});
const Addressed = t.partial({ room: maybe(RoomOfClient), id: maybe(OwnId) });
const Named = t.partial({ id: maybe(OwnId) });

/** Values that count as absent: clients send them before they have an id. */
const NoId = t.union([t.literal(''), t.literal('undefined'), t.literal('null'), t.null]);
const LastId = component('LastId', t.union([MessageId, NoId]), {
  description: 'The id of the last message that the client has of the room.',
});

const Status = t.keyof({ online: null, away: null });

export const Chat = t.intersection([
  t.type({ type: t.literal('chat'), data: JsonValue }),
  Addressed,
]);
export const Presence = t.intersection([
  t.type({
    type: t.literal('presence'),
    data: described(t.type({ status: Status }), {
      description: 'It is passed on whole, so it may have more fields.',
    }),
  }),
  Addressed,
]);
export const Ping = t.intersection([
  t.type({ type: t.literal('ping') }),
  t.partial({ data: maybe(JsonValue) }),
  Named,
]);
export const Join = t.intersection([
  t.type({ type: t.literal('join') }),
  t.partial({ data: maybe(t.union([t.partial({ last_id: maybe(LastId) }), t.null])) }),
  Addressed,
]);
export const Leave = t.intersection([t.type({ type: t.literal('leave') }), Addressed]);
export const Refresh = t.intersection([
  t.type({
    type: t.literal('refresh'),
    data: t.type({
      token: described(
        judgedBy('Token', (value): value is string => typeof value === 'string' && value !== '', {
          type: 'string',
        }),
        { description: 'A new token of the same user.', minLength: 1 },
      ),
    }),
  }),
  Named,
]);

export const CLIENT_FRAMES: readonly Frame[] = [
  {
    name: 'chat',
    summary: 'Publishes a message to a room that the client has joined, or to everybody.',
    codec: Chat,
    answers: ['ack', 'error'],
    examples: [
      {
        name: 'publish',
        payload: { type: 'chat', room: 'general', data: { content: 'hi' } },
      },
      {
        name: 'publishOnce',
        payload: {
          type: 'chat',
          room: 'general',
          id: '3f2b7e0c-8a41-4d6b-9a0e-2c5d1f7a9b10',
          data: { content: 'once' },
        },
      },
      { name: 'publishToEverybody', payload: { type: 'chat', room: '', data: 'to everybody' } },
    ],
  },
  {
    name: 'presence',
    summary: 'Tells the members of a room that the client is `online` or `away`.',
    codec: Presence,
    answers: ['ack', 'error'],
    examples: [
      { name: 'away', payload: { type: 'presence', room: 'general', data: { status: 'away' } } },
    ],
  },
  {
    name: 'ping',
    summary: 'Is answered with a `pong` that has the same `data`.',
    codec: Ping,
    answers: ['pong', 'error'],
    examples: [{ name: 'ping', payload: { type: 'ping', data: 7 } }],
  },
  {
    name: 'join',
    summary: 'Joins a room. With `last_id` the messages after it are sent first.',
    codec: Join,
    answers: ['joined', 'gap', 'error'],
    examples: [
      { name: 'join', payload: { type: 'join', room: 'other', id: 'j1' } },
      {
        name: 'resume',
        payload: {
          type: 'join',
          room: 'resumed',
          data: { last_id: EXAMPLE_ID },
        },
      },
    ],
  },
  {
    name: 'leave',
    summary: 'Leaves a room.',
    codec: Leave,
    answers: ['left', 'error'],
    examples: [{ name: 'leave', payload: { type: 'leave', room: 'other', id: 'l1' } }],
  },
  {
    name: 'refresh',
    summary: 'Sends a new token of the same user in place of the old one.',
    codec: Refresh,
    answers: ['ack', 'error'],
    examples: [
      { name: 'refresh', payload: { type: 'refresh', id: 'r1', data: { token: 'TOKEN' } } },
    ],
  },
];
