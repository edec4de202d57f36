/**
 * All codes with which the server closes a connection, and whether the client may reconnect
 * (docs/protocol.md, section 7). Own codes: after 4000–4499 a client reconnects, after 4500–4999 it does not.
 * Server, client and docs use this table; no other file names a code.
 */
export interface Close {
  readonly code: number;
  readonly reason: string;
  readonly comeBack: boolean;
}

const close = (code: number, reason: string, comeBack: boolean): Close =>
  Object.freeze({ code, reason, comeBack });

/** The codes by purpose, each with its reason (docs/protocol.md, section 7). */
export const CLOSE = {
  normal: close(1000, 'normal', false),
  goingAway: close(1001, 'pod going away', true),
  protocolError: close(1002, 'protocol error', false),
  binary: close(1003, 'binary frames are not taken', false),
  notUtf8: close(1007, 'text is not UTF-8', false),
  brokeRules: close(1008, 'kept breaking the rules', false),
  halfMessage: close(1008, 'half a message for too long', false),
  tooBig: close(1009, 'message too big', false),
  failed: close(1011, 'the server failed', true),
  slow: close(1013, 'slow consumer', true),
  tokenExpired: close(4001, 'token expired', true),
  operator: close(4503, 'disconnected by an operator', false),
} as const;

/**
 * A close of the application. Throws a RangeError for a code or a reason that a close frame cannot have: ws
 * checks them too late: it would leave the connection neither open nor closed.
 */
export const ownClose = (code: number, reason: string): Close => {
  if (code !== 1000 && !(Number.isInteger(code) && code >= 3000 && code <= 4999))
    throw new RangeError(`code: expected 1000 or a whole number from 3000 to 4999, got ${code}`);
  const bytes = new TextEncoder().encode(reason).length;
  if (bytes > MAX_REASON_BYTES)
    throw new RangeError(`reason: expected at most ${MAX_REASON_BYTES} bytes, got ${bytes}`);
  return close(code, reason, code >= 3000 && code < 4500);
};

/** RFC 6455 §5.5: the payload of a control frame has at most 125 bytes, two of them for the code. */
const MAX_REASON_BYTES = 123;

/**
 * The close that ws sends by itself for a frame that violates RFC 6455, by the code of ws's error; `normal`
 * when the socket just broke.
 */
export const protocolClose = (code: string | undefined): Close => {
  switch (code) {
    case 'WS_ERR_INVALID_UTF8':
      return CLOSE.notUtf8;
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
    case 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH':
      return CLOSE.tooBig;
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return CLOSE.brokeRules;
    default:
      return code?.startsWith('WS_ERR_') === true ? CLOSE.protocolError : CLOSE.normal;
  }
};
