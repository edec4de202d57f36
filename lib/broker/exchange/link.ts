/** One end of the link between a worker and the exchange: frames in order, none lost while both processes live. */
import type { Observable } from 'rxjs';

export interface Link {
  readonly send: (frame: Buffer) => void;
  /** The frames of the other end. Never errors. */
  readonly frame$: Observable<Buffer>;
  /** Bytes that wait to be written to the link. The other end may not have read those that were written. */
  readonly unsentBytes: () => number;
}
