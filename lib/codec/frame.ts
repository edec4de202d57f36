/** Frames of RFC 6455 §5.2. */

/** Unmasked, unfragmented text frames (RFC 6455 §5.2), one behind the other in one buffer that all receivers share. */
export const framesOf = (payloads: readonly Buffer[]): Buffer => {
  let total = 0;
  for (const { length } of payloads) total += headerBytes(length) + length;
  const frames = Buffer.allocUnsafe(total);
  let at = 0;
  for (const payload of payloads) {
    at = writeHeader(frames, at, payload.length);
    at += payload.copy(frames, at);
  }
  return frames;
};

export const frameOf = (payload: Buffer): Buffer => framesOf([payload]);

const headerBytes = (length: number): number => (length < 126 ? 2 : length < 65_536 ? 4 : 10);

const writeHeader = (frames: Buffer, at: number, length: number): number => {
  frames[at] = 0x81;
  if (length < 126) {
    frames[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    frames[at + 1] = 126;
    return frames.writeUInt16BE(length, at + 2);
  }
  frames[at + 1] = 127;
  return frames.writeBigUInt64BE(BigInt(length), at + 2);
};
