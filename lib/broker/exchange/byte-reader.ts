/** Reads what `ByteWriter` has written. Throws a RangeError beyond the end. */
export class ByteReader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const value = this.bytes.readUInt8(this.at);
    this.at += 1;
    return value;
  }

  uint(): number {
    const value = this.bytes.readUInt32LE(this.at);
    this.at += 4;
    return value;
  }

  number(): number {
    const value = this.bytes.readDoubleLE(this.at);
    this.at += 8;
    return value;
  }

  text(): string {
    const [start, end] = this.stretch();
    return this.bytes.toString('utf8', start, end);
  }

  /** A view, not a copy. */
  blob(): Buffer {
    const [start, end] = this.stretch();
    return this.bytes.subarray(start, end);
  }

  private stretch(): readonly [number, number] {
    const start = this.at + 4;
    const end = start + this.uint();
    if (end > this.bytes.length) throw new RangeError('the frame ends in the middle of a field');
    this.at = end;
    return [start, end];
  }
}
