/**
 * All codes with which the server closes a connection, and whether the client may reconnect
 * (docs/protocol.md, section 7). Codes of applications: after 3000–4499 a client reconnects, after 4500–4999
 * it does not. Server and docs use this table. The client uses `comesBack`, and has codes of its own for
 * refused handshakes (`client/web-socket-class.ts`).
 */
export interface Close {
  readonly code: number;
  readonly reason: string;
  readonly comeBack: boolean;
}

/** The standard codes after which a client does not come back. */
const FINAL: readonly number[] = [1000, 1002, 1003, 1007, 1008, 1009];

/** Whether a client reconnects after a close with this code, whoever sent it. */
export const comesBack = (code: number): boolean =>
  code >= 4000 && code <= 4999 ? code < 4500 : !FINAL.includes(code);

export const GOING_AWAY = 1001;
export const TOKEN_EXPIRED = 4001;

const close = (code: number, reason: string, comeBack = comesBack(code)): Close =>
  Object.freeze({ code, reason, comeBack });

const table = () =>
  ({
    normal: close(1000, 'normal'),
    goingAway: close(GOING_AWAY, 'pod going away'),
    protocolError: close(1002, 'protocol error'),
    binary: close(1003, 'binary frames are not taken'),
    notUtf8: close(1007, 'text is not UTF-8'),
    brokeRules: close(1008, 'kept breaking the rules'),
    halfMessage: close(1008, 'half a message for too long'),
    tooBig: close(1009, 'message too big'),
    failed: close(1011, 'the server failed'),
    slow: close(1013, 'slow consumer'),
    tokenExpired: close(TOKEN_EXPIRED, 'token expired'),
    operator: close(4503, 'disconnected by an operator'),
  }) as const;

/**
 * The codes by purpose (docs/protocol.md, section 7), each with the reason that this service sends. ws itself
 * closes with 1002, with 1007, and with 1008 for too many fragments: these closes have no reason. The reason
 * of 1009 is the text of `accept.ts`.
 */
// a bundle of the client leaves the table out: it needs no reasons
export const CLOSE = /* @__PURE__ */ table();

/**
 * A close of the application. Throws a RangeError for a code that is not for applications, and for a reason
 * that is too long. The checks of ws come too late: the connection would be neither open nor closed.
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
 * The close that ws sends by itself for a frame that breaks RFC 6455 or a limit, by the code of ws's error;
 * `normal` when only the socket broke.
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
