/** The close codes as the documents list them: the table of the server, and 1006, which only a client sees. */
import { CLOSE, comesBack } from '../protocol/close-codes.js';

export interface CloseMeaning {
  readonly code: number;
  /** The text in the close frame: clients may get another text, or none. Null: there is no close frame. */
  readonly reason: string | null;
  readonly reconnect: boolean;
  readonly meaning: string;
}

const MEANINGS: Readonly<Record<keyof typeof CLOSE, string>> = {
  normal: 'The connection ended as agreed.',
  goingAway: 'The pod is shutting down. Reconnect at once: `draining` has announced it.',
  protocolError: 'A frame breaks RFC 6455.',
  binary: 'A binary frame. Send text frames.',
  notUtf8: 'A text frame that is not UTF-8.',
  brokeRules: '20 refused messages within 10 s, or a message of more than 64 fragments.',
  halfMessage: 'A message that was still incomplete after 30 s.',
  tooBig: 'A message over `limits.message_bytes`.',
  failed: 'The server failed. Reconnect with backoff.',
  slow: 'The client reads too slowly. Reconnect with backoff and `last_id`.',
  tokenExpired: 'The token has expired. Reconnect with a new token.',
  operator: 'An operator disconnected the client.',
};

/** Seen by the client only: no frame has this code. */
const BROKEN: CloseMeaning = {
  code: 1006,
  reason: null,
  reconnect: comesBack(1006),
  meaning:
    'The connection broke, the handshake was refused, or the server heard nothing for too long and cut the ' +
    'socket. Reconnect with backoff.',
};

const isPurpose = (name: string): name is keyof typeof CLOSE => Object.hasOwn(CLOSE, name);

export const CLOSE_CODES: readonly CloseMeaning[] = [
  ...Object.keys(CLOSE)
    .filter(isPurpose)
    .map((name) => {
      const { code, reason, comeBack } = CLOSE[name];
      return { code, reason, reconnect: comeBack, meaning: MEANINGS[name] };
    }),
  BROKEN,
].sort((one, other) => one.code - other.code);
