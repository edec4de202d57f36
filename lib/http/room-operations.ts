/** What the documents have on the reads of a room. */
import * as t from 'io-ts';
import { type CodecOf, component, described, judgedBy, maybe } from '../documents/json-schema.js';
import type { Operation } from '../documents/operation.js';
import { Count, EXAMPLE_ID, MessageId, RoomName, Timestamp } from '../documents/values.js';
import type { RoomState } from './history.js';
import { LIMIT } from './history-query.js';

const RoomCodec = component(
  'RoomState',
  t.type({
    room: RoomName,
    members: described(Count, { description: 'Connections on all pods.' }),
    position: described(t.union([MessageId, t.null]), {
      description: 'The id of the last message of the log.',
    }),
  }),
);
const RoomAnswer: CodecOf<RoomState, typeof RoomCodec> = RoomCodec;

const Limit = judgedBy('Limit', t.number.is, {
  type: 'integer',
  minimum: 1,
  maximum: LIMIT.most,
  default: LIMIT.usual,
});

export const ROOM: Operation = {
  id: 'getRoom',
  tag: 'rooms',
  summary: 'The members and the position of a room, on all pods.',
  parameters: { room: RoomName },
  answers: {
    200: { description: 'The room.', codec: RoomAnswer },
    503: { description: 'The log, or another pod, cannot be asked now.' },
  },
  examples: [
    {
      name: 'general',
      summary: 'A room. A room without members is no error.',
      path: { room: 'general' },
      status: 200,
      answer: { room: 'general', members: 0, position: null },
    },
  ],
};

const LoggedMessage = component(
  'LoggedMessage',
  t.intersection([
    t.type({
      id: MessageId,
      type: t.keyof({ chat: null, notification: null, system: null }),
      from: t.string,
      data: t.unknown,
      timestamp: Timestamp,
    }),
    t.partial({ room: maybe(RoomName) }),
  ]),
  { description: 'A message as members got it.' },
);

export const HISTORY: Operation = {
  id: 'getMessages',
  tag: 'rooms',
  summary: 'The last messages of a room, oldest first.',
  description:
    'The log holds the last `LOG_MESSAGES` messages (1,000 by default) of the last `LOG_TTL_MS` (10 minutes). ' +
    'With an archive (`DATABASE_URL`): all messages of the present epoch that the archive still has. ' +
    'Messages to everybody have no history over HTTP: a socket with `last_id` gets them. Without `after` ' +
    'and `before`: the newest messages. To go on, send `next` as the parameter that the request had: as ' +
    '`after` when it had both, as `before` when it had neither.',
  parameters: { room: RoomName, after: MessageId, before: MessageId, limit: Limit },
  answers: {
    200: {
      description: 'The messages. `next` is null at the end.',
      codec: t.type({
        messages: t.array(LoggedMessage),
        next: t.union([MessageId, t.null]),
      }),
    },
    404: { description: 'The log does not have the id of `after` or `before` (any more).' },
    503: { description: 'The log cannot be read now.' },
  },
  examples: [
    {
      name: 'newest',
      summary: 'The newest two messages.',
      path: { room: 'general' },
      query: { limit: 2 },
      status: 200,
    },
    {
      name: 'unknownId',
      summary: 'An id that the log does not have.',
      path: { room: 'general' },
      query: { after: EXAMPLE_ID },
      status: 404,
      answer: {
        status: 404,
        title: 'Not Found',
        detail:
          'after: the log does not have this id (any more); send the id of a later message, or none',
      },
    },
  ],
};
