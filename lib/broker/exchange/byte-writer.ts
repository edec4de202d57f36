/**
 * Numbers, texts and bytes, one after the other in one buffer. The buffer grows as needed and is used again for
 * the next frame: a frame costs one copy.
 */
export class ByteWriter {
  private bytes = Buffer.allocUnsafe(FIRST_BYTES);
  private end = 0;

  /** How many bytes were written since the last `take`. */
  get length(): number {
    return this.end;
  }

  /** 0 to 255. */
  byte(value: number): void {
    this.ensure(1);
    this.bytes[this.end++] = value;
  }

  /** 0 to 2^32 - 1. */
  uint(value: number): void {
    this.ensure(4);
    this.end = this.bytes.writeUInt32LE(value, this.end);
  }

  /** Any number. */
  number(value: number): void {
    this.ensure(8);
    this.end = this.bytes.writeDoubleLE(value, this.end);
  }

  /** A text in UTF-8, after its length. */
  text(value: string): void {
    this.ensure(4 + 3 * value.length);
    const length = this.bytes.write(value, this.end + 4);
    this.bytes.writeUInt32LE(length, this.end);
    this.end += 4 + length;
  }

  /** Bytes, after their length. */
  blob(value: Buffer): void {
    this.ensure(4 + value.length);
    this.uint(value.length);
    this.end += value.copy(this.bytes, this.end);
  }

  /** A copy of all that was written. The writer is empty then. */
  take(): Buffer {
    const taken = Buffer.from(this.bytes.subarray(0, this.end));
    this.end = 0;
    if (this.bytes.length > KEPT_BYTES) this.bytes = Buffer.allocUnsafe(FIRST_BYTES);
    return taken;
  }

  private ensure(more: number): void {
    if (this.end + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.bytes.length, this.end + more));
    this.bytes.copy(larger, 0, 0, this.end);
    this.bytes = larger;
  }
}

const FIRST_BYTES = 16_384;
/** A buffer that has grown beyond this is given back. */
const KEPT_BYTES = 1_048_576;
