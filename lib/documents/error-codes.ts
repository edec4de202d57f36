/** What each error code (docs/protocol.md, section 6), and each reason of a `gap` or a `left`, means. */
import type { ErrorCode, GapReason, LeaveReason } from '../protocol/system-event.js';

export interface ErrorMeaning {
  readonly reason: string;
  /** Whether the same message, sent again, may be accepted. */
  readonly again: boolean;
}

const fix = (reason: string): ErrorMeaning => ({ reason, again: false });
const again = (reason: string): ErrorMeaning => ({ reason, again: true });

export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorMeaning>> = {
  invalid_json: fix('The frame is not JSON. The text names the line and the column.'),
  invalid_message: fix('A field is missing, of the wrong kind, or its value is not allowed.'),
  unknown_type: fix('No message has this type.'),
  not_a_member: fix('The client has not joined the room.'),
  invalid_room: fix('No room can have this name, or the client asked to leave the global log.'),
  forbidden: fix(
    'The type is the server’s, the client may not join or publish there, or the token of a `refresh` is refused.',
  ),
  rate_limited: again(
    'Too many messages, bytes, replays or unanswered joins. `retry_in_ms` says when to send the message again.',
  ),
  too_many_rooms: fix('The connection is in as many rooms as it may.'),
  rejected: fix('The application refused the message. The text is the application’s.'),
  unavailable: again(
    'A hook failed, or the broker or the archive did not take the message, or the token of a `refresh` ' +
      'cannot be verified now. Send the message again with the same `id`.',
  ),
};

export const GAP_REASONS: Readonly<Record<GapReason, string>> = {
  expired: 'The log no longer reaches back to the last message of the client.',
  log_lost: 'The log was lost, and a new epoch begins.',
  unknown_id: 'The log has no message with this `last_id`.',
  broker_outage:
    'The log moved on while this pod was cut off from Redis. Or, since the `last_id`, a message reached ' +
    'the members on this pod only. Or the pod could not read the log, or the archive, in time.',
  too_many: 'More messages came at once than the pod can hold.',
};

export const LEAVE_REASONS: Readonly<Record<LeaveReason, string>> = {
  asked: 'The client asked for it.',
  forbidden: 'The token does not allow the room any more.',
  failed: 'The server cannot open the room. Join it again later.',
};

/** A closed set of texts as one text, with the meaning of each. */
export const meanings = (table: Readonly<Record<string, string>>): string =>
  Object.entries(table)
    .map(([name, meaning]) => `\`${name}\`: ${meaning}`)
    .join(' ');
