/**
 * Cuts a stream of bytes into frames: a frame comes after its length (4 bytes, little-endian). The state is what
 * was received of the next frame.
 */
export interface PartialFrame {
  readonly chunks: readonly Buffer[];
  readonly length: number;
}

export const NO_BYTES: PartialFrame = { chunks: [], length: 0 };

const PREFIX_BYTES = 4;

/** The bytes of a frame on the pipe. A copy costs less than a second write. */
export const prefixed = (frame: Buffer): Buffer => {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + frame.length);
  frame.copy(bytes, bytes.writeUInt32LE(frame.length));
  return bytes;
};

/** What a chunk completes, and what is left. A frame is a view of its chunk when it came in one chunk. */
export const step = (
  { chunks, length }: PartialFrame,
  chunk: Buffer,
): readonly [PartialFrame, readonly Buffer[]] => {
  const all = [...chunks, chunk];
  const total = length + chunk.length;
  // a large frame comes in many chunks, which are joined once
  if (total < neededOf(all)) return [{ chunks: all, length: total }, []];
  const bytes = all.length === 1 ? chunk : Buffer.concat(all);
  const frames: Buffer[] = [];
  let at = 0;
  for (;;) {
    const start = at + PREFIX_BYTES;
    if (start > bytes.length) break;
    const end = start + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    frames.push(bytes.subarray(start, end));
    at = end;
  }
  const rest = bytes.subarray(at);
  return [rest.length === 0 ? NO_BYTES : { chunks: [rest], length: rest.length }, frames];
};

/** How many bytes the first frame needs with its prefix, as far as the chunks tell. */
const neededOf = (chunks: readonly Buffer[]): number => {
  const [first] = chunks;
  if (first === undefined || first.length < PREFIX_BYTES) return PREFIX_BYTES;
  return PREFIX_BYTES + first.readUInt32LE();
};
