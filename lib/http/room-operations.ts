/** What the documents have on the reads of a room. */
import * as t from 'io-ts';
import { type CodecOf, component, described, judgedBy, maybe } from '../documents/json-schema.js';
import type { Operation } from '../documents/operation.js';
import {
  Count,
  EXAMPLE_ID,
  EXAMPLE_TIME,
  MessageId,
  RoomName,
  Timestamp,
} from '../documents/values.js';
import type { RoomState } from './history.js';
import { LIMIT, NO_TIME } from './history-query.js';
import { MAX_MS } from './history-time.js';

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

/** A time in a query; `history-time.ts` reads it. */
const Time = judgedBy(
  'Time',
  (value): value is string | number => typeof value === 'string' || typeof value === 'number',
  {
    anyOf: [
      { type: 'string', format: 'date-time' },
      { type: 'integer', description: 'Unix ms.', minimum: 0, maximum: MAX_MS },
    ],
  },
);

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
    'With `DATABASE_URL`, the history reaches back through the archive, and any id is valid. ' +
    'Messages to everybody have no history over HTTP: a socket with `last_id` gets them. Without `after`, `before` ' +
    'and `at`: the newest messages. With `at`, which comes alone: the first messages of this time and later; it is ' +
    'the time in the ids. To go on, send `next` as `after` when the request had `after` or `at`, else as `before`.',
  parameters: { room: RoomName, after: MessageId, before: MessageId, at: Time, limit: Limit },
  answers: {
    200: {
      description: 'The messages. `next` is null at the end.',
      codec: t.type({
        messages: t.array(LoggedMessage),
        next: t.union([MessageId, t.null]),
      }),
    },
    404: {
      description:
        'Without an archive: the log does not have the id of `after` or `before` (any more).',
    },
    503: { description: 'The log, or the archive, cannot be read now.' },
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
      name: 'sinceTime',
      summary: 'The first two messages of a time and later.',
      path: { room: 'general' },
      query: { at: EXAMPLE_TIME, limit: 2 },
      status: 200,
    },
    {
      name: 'noTime',
      summary: 'A time that is none.',
      path: { room: 'general' },
      query: { at: 'yesterday' },
      status: 400,
      answer: { status: 400, title: 'Bad Request', detail: NO_TIME },
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
