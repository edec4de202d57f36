/** One message on the wire as the documents describe it. */
import * as t from 'io-ts';

export interface FrameExample {
  readonly name: string;
  readonly payload: unknown;
  /** Of a client's message: the answer to this very message, as it is on a quiet pod. */
  readonly answer?: unknown;
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
