/** Texts of the errors that a connection is sent. A text explains what to do, or names the limit. */
import type { PublishError } from '../broker/index.js';
import type { Room } from '../protocol/position.js';
import type { Refusal } from '../protocol/system-event.js';
import type { Rates } from './token-bucket.js';

type Ref = string | undefined;

/**
 * How many joins of one room may be unanswered: without a limit, a client that does not read its replays
 * could ask for any number of them.
 */
export const MAX_UNANSWERED_JOINS = 64;
const JOIN_RETRY_MS = 1_000;

export const tooFast = (
  { rateLimitPerSecond, rateLimitBytes }: Pick<Rates, 'rateLimitPerSecond' | 'rateLimitBytes'>,
  ref: Ref,
  retryInMs: number,
): Refusal => ({
  code: 'rate_limited',
  text:
    `send at most ${rateLimitPerSecond} messages and ${rateLimitBytes} bytes a second; ` +
    'send this message again after data.retry_in_ms',
  ref,
  retryInMs,
});

export const notAMember = (room: Room, ref: Ref): Refusal => ({
  code: 'not_a_member',
  text: `room: join ${room} before publishing to it`,
  ref,
});

export const tooManyRooms = (most: number, ref: Ref): Refusal => ({
  code: 'too_many_rooms',
  text: `room: a connection may be in at most ${most} rooms; leave one first`,
  ref,
});

export const globalLeave = (ref: Ref): Refusal => ({
  code: 'invalid_room',
  text: 'room: name a room; the global log cannot be left',
  ref,
});

export const joinsTooOften = (ref: Ref, retryInMs: number): Refusal => ({
  code: 'rate_limited',
  text: 'data.last_id: this connection asks for too many replays; join again after data.retry_in_ms',
  ref,
  retryInMs,
});

export const joinsUnanswered = (ref: Ref): Refusal => ({
  code: 'rate_limited',
  text:
    `room: ${MAX_UNANSWERED_JOINS} joins of this room have no answer yet; ` +
    'read the answers before you join again',
  ref,
  retryInMs: JOIN_RETRY_MS,
});

const NOT_ALLOWED = { join: 'be in', publish: 'publish in' } as const;

/** The right that the token does not give, and how to get it. */
export const forbidden = (right: keyof typeof NOT_ALLOWED, room: Room, ref: Ref): Refusal => ({
  code: 'forbidden',
  text:
    `room: the token does not allow to ${NOT_ALLOWED[right]} the room ${room}; ` +
    `send refresh with a token whose claim rooms.${right} allows it`,
  ref,
});

/** Why a client may not publish to everybody. */
const GLOBAL_FORBIDDEN = {
  server: 'clients may not publish to everyone here',
  users: 'only users with a token may publish to everyone here',
  token:
    'the token does not allow to publish to everyone; ' +
    'send refresh with a token whose claim rooms.global is true',
} as const;

export const globalForbidden = (why: keyof typeof GLOBAL_FORBIDDEN, ref: Ref): Refusal => ({
  code: 'forbidden',
  text: `room: name a room; ${GLOBAL_FORBIDDEN[why]}`,
  ref,
});

export const noToken = (ref: Ref): Refusal => ({
  code: 'forbidden',
  text: 'data.token: a connection without a token cannot refresh; connect with a token',
  ref,
});

export const notPublished = (error: PublishError, ref: Ref): Refusal =>
  error._tag === 'KeyReused'
    ? {
        code: 'invalid_message',
        text: 'id: already used for a different message; use a new id',
        ref,
      }
    : { code: 'unavailable', text: error.detail, ref };

/**
 * The error for a hook that returned a room which the connection has not joined. It goes to the log of the
 * service, not to the client.
 */
export const FOREIGN_ROOM =
  'room: the hook may choose only a room that the connection has joined (`from.rooms()`)';
