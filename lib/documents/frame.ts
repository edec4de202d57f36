/** One message on the wire as the documents describe it. */
import type * as t from 'io-ts';

export interface FrameExample {
  readonly name: string;
  readonly payload: unknown;
}

export interface Frame {
  /** The name in the document: `joined`. */
  readonly name: string;
  readonly summary: string;
  readonly codec: t.Mixed;
  readonly examples: readonly FrameExample[];
  /** Of a client's message: the names of the messages that answer it. */
  readonly answers?: readonly string[];
}
