/**
 * Codecs of the values that messages and requests are made of. The names of rooms and events, the ids of
 * messages and JSON values are checked by the server's own functions.
 */
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import * as t from 'io-ts';
import { refOf } from '../protocol/client-message.js';
import { flawIn, MAX_DEPTH } from '../protocol/json.js';
import { isRoomName, parseId, ROOM_NAME } from '../protocol/position.js';
import { isSystemEvent, SYSTEM_EVENTS } from '../protocol/system-event.js';
import { component, judgedBy } from './json-schema.js';

/** A codec of texts for which `is` holds. */
const textWhere = (name: string, is: (text: string) => boolean): t.Type<string> =>
  judgedBy(name, (value): value is string => typeof value === 'string' && is(value), {});

/** The id of a message to a room, for examples. No log has this message. */
export const EXAMPLE_ID = '01a1fc30-7295-73ec-8000-000000477cd8';
/** The ids of two more messages of the same pod: one to another room, one to everybody. */
export const OTHER_EXAMPLE_IDS = [
  '01a1fc30-7296-71b7-8000-000000477cd9',
  '01a1fc30-7296-7a21-8000-000000677cda',
];
export const EXAMPLE_CONNECTION = 'bc8a7a7a-8dd5-4393-84a1-dd18b149fe77';
export const EXAMPLE_TIME = '2026-11-21T03:39:55.924Z';

export const RoomName = component('RoomName', textWhere('RoomName', isRoomName), {
  type: 'string',
  description: 'The name of a room. `stats` is reserved.',
  pattern: ROOM_NAME.source,
  not: { const: 'stats' },
});

export const MessageId = component(
  'MessageId',
  textWhere('MessageId', (text) => O.isSome(parseId(text))),
  {
    type: 'string',
    description:
      'A UUIDv7 that contains the position of the message: epoch, offset, and whether it is in the global ' +
      'log. The hexadecimal digits may be in upper or lower case.',
    pattern:
      '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$',
  },
);

export const Timestamp = component(
  'Timestamp',
  textWhere('Timestamp', (text) => TIME.test(text)),
  { type: 'string', description: 'UTC, with milliseconds.', format: 'date-time' },
);
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export const ConnectionId = component(
  'ConnectionId',
  textWhere('ConnectionId', (text) => UUID.test(text)),
  {
    type: 'string',
    description: 'The `connection_id` of a `welcome`.',
    pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
  },
);
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const OwnId = component(
  'OwnId',
  textWhere('OwnId', (text) => E.isRight(refOf({ id: text }))),
  {
    type: 'string',
    description:
      'The sender’s own name for the message, and its idempotency key for 5 minutes. On a WebSocket it comes ' +
      'back as `ref`. There, the id of a client without a token is a key only when it is a UUID.',
    minLength: 1,
    maxLength: 64,
    pattern: '^[^\\u0000]*$',
  },
);

export const JsonValue = component(
  'JsonValue',
  judgedBy('JsonValue', (value): value is unknown => flawIn(value, 0, true) === undefined, {}),
  {
    description:
      `Any JSON value with at most ${MAX_DEPTH} arrays and objects inside each other. Refused: U+0000, a ` +
      'lone surrogate, a number beyond a double, and an integer that a double would change ' +
      '(9007199254740993): send such an integer as a string.',
  },
);

/** A whole number from 0 on. */
export const Count = judgedBy(
  'Count',
  (value): value is number => t.number.is(value) && Number.isInteger(value) && value >= 0,
  { type: 'integer', minimum: 0 },
);

/** The `data.event` of a `system` message of a program. */
export const ApplicationEvent = component(
  'ApplicationEvent',
  textWhere('ApplicationEvent', (text) => !isSystemEvent(text)),
  {
    type: 'string',
    description: 'Any name but those of the server’s own events.',
    not: { enum: SYSTEM_EVENTS },
  },
);
