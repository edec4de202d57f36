/**
 * Every code with which the server closes a connection, and whether the client may come back (contract section 3).
 * Own codes: 4000–4499 come back, 4500–4999 do not. Server, client and docs read this table; nothing else names a code.
 */
export interface Close {
  readonly code: number;
  readonly reason: string;
  readonly comeBack: boolean;
}

const close = (code: number, reason: string, comeBack: boolean): Close =>
  Object.freeze({ code, reason, comeBack });

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

/** What ws answers by itself to a frame that breaks RFC 6455, by its error's code; `normal` where the socket just broke. */
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
