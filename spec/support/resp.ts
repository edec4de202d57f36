/**
 * Splits the bytes of Redis (RESP2 and RESP3) at the ends of its replies and pushes: a proxy that loses a
 * push must lose all of it. Incremental: bytes of an incomplete value wait.
 */
export interface RespFrame {
  readonly bytes: Buffer;
  /** Whether it is a pub/sub message. The reply to SUBSCRIBE, which has the same form, is none. */
  readonly isPush: boolean;
}

/**
 * Splits one stream of bytes. Waiting bytes are joined when a value may be complete: each byte is copied a
 * few times at most.
 */
export const framesOf = (): ((chunk: Buffer) => readonly RespFrame[]) => {
  let waiting: Buffer[] = [];
  let length = 0;
  let needed = 1;
  return (chunk) => {
    waiting.push(chunk);
    length += chunk.length;
    if (length < needed) return [];
    const bytes = Buffer.concat(waiting);
    const frames: RespFrame[] = [];
    let at = 0;
    let end = endOf(bytes, at);
    while (end <= bytes.length) {
      const frame = bytes.subarray(at, end);
      frames.push({ bytes: frame, isPush: PUSH.test(frame.toString('latin1', 0, 24)) });
      at = end;
      end = endOf(bytes, at);
    }
    waiting = [Buffer.from(bytes.subarray(at))];
    length = bytes.length - at;
    needed = end - at;
    return frames;
  };
};

/** `message` and `smessage`, as an array (RESP2) or a push (RESP3). */
const PUSH = /^[*>]3\r\n\$[78]\r\ns?message\r\n/;

/**
 * The end of the value that begins at `at`. When the value is incomplete: a position beyond the bytes, at
 * which it ends at the earliest.
 */
const endOf = (bytes: Buffer, at: number): number => {
  const line = bytes.indexOf('\r\n', at);
  if (line < 0) return bytes.length + 1;
  const count = Number(bytes.toString('latin1', at + 1, line));
  switch (String.fromCharCode(bytes[at] ?? 0)) {
    case '$':
    case '=':
    case '!':
      return count < 0 ? line + 2 : line + 2 + count + 2;
    case '*':
    case '~':
    case '>':
      return elementsEnd(bytes, line + 2, count);
    case '%':
      return elementsEnd(bytes, line + 2, 2 * count);
    default:
      return line + 2;
  }
};

const elementsEnd = (bytes: Buffer, start: number, count: number): number => {
  let at = start;
  for (let i = 0; i < count && at <= bytes.length; i++) at = endOf(bytes, at);
  return at;
};
