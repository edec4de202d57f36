/**
 * What Redis sends (RESP2 and RESP3), cut where its answers and pushes end: a proxy that loses a push must not lose half
 * of one. Incremental; what is not whole yet waits.
 */
export interface RespFrame {
  readonly bytes: Buffer;
  /** A pub/sub message; not the answer to SUBSCRIBE, which comes the same way. */
  readonly isPush: boolean;
}

/** A splitter of one stream of bytes. */
export const framesOf = (): ((chunk: Buffer) => readonly RespFrame[]) => {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const frames: RespFrame[] = [];
    let at = 0;
    for (let end = endOf(bytes, 0); end !== undefined; end = endOf(bytes, at)) {
      const frame = bytes.subarray(at, end);
      frames.push({ bytes: frame, isPush: PUSH.test(frame.toString('latin1', 0, 24)) });
      at = end;
    }
    rest = Buffer.from(bytes.subarray(at));
    return frames;
  };
};

/** `message` and `smessage`, as an array (RESP2) or a push (RESP3). */
const PUSH = /^[*>]3\r\n\$[78]\r\ns?message\r\n/;

/** Where the value that begins at `at` ends; undefined when it is not there as a whole. */
const endOf = (bytes: Buffer, at: number): number | undefined => {
  const line = bytes.indexOf('\r\n', at);
  if (line < 0) return undefined;
  const count = Number(bytes.toString('latin1', at + 1, line));
  switch (String.fromCharCode(bytes[at] ?? 0)) {
    case '$':
    case '=':
    case '!':
      return count < 0 ? line + 2 : within(bytes, line + 2 + count + 2);
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

const within = (bytes: Buffer, end: number): number | undefined =>
  end <= bytes.length ? end : undefined;

const elementsEnd = (bytes: Buffer, start: number, count: number): number | undefined => {
  let at: number | undefined = start;
  for (let i = 0; i < count && at !== undefined; i++) at = endOf(bytes, at);
  return at;
};
