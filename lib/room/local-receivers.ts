/**
 * Which members have a message outside the log (of the fallback, or foreign): those who had joined when it
 * was delivered. Their last `joinSeq` is remembered. When the log has the message after all, only members who
 * joined later are sent it. The number of messages is bounded; of the forgotten ones, only the lowest
 * `joinSeq` is known.
 */
import { BoundedMap } from '../bounded-map.js';

/**
 * `known`: exactly the members with a greater `joinSeq` do not have the message. Otherwise each of these
 * members may have it or not.
 */
export interface LastReceiver {
  readonly joinSeq: number;
  readonly known: boolean;
}

const MAX_MESSAGES = 4_096;

export class LocalReceivers {
  /** `joinSeq` of the last receiver, by the message's id; infinite while the message is on its way. */
  private readonly last = new BoundedMap<string, number>(MAX_MESSAGES);
  /** The lowest `joinSeq` of the forgotten messages; undefined: none was forgotten. */
  private letGo: number | undefined;

  /**
   * The message is on its way. `joinSeq`: of the last member now. Members who join before it is delivered get
   * it too.
   */
  expect(id: string, joinSeq: number): void {
    this.set(id, Number.POSITIVE_INFINITY, joinSeq);
  }

  /** The message was delivered; `joinSeq` is that of the last member. */
  delivered(id: string, joinSeq: number): void {
    this.set(id, joinSeq, joinSeq);
  }

  /**
   * Messages that were on their way were dropped: the present members were sent a gap in their place, so they
   * count as receivers.
   */
  dropped(joinSeq: number): void {
    for (const [id, last] of this.last) if (last > joinSeq) this.last.put(id, joinSeq);
  }

  /** An empty id: the id is not known any more (`Echoed`). */
  of(id: string): LastReceiver {
    const joinSeq = this.last.get(id);
    if (joinSeq !== undefined) return { joinSeq, known: true };
    // the room had no member on this pod when the message was delivered
    if (this.letGo === undefined && id !== '') return { joinSeq: 0, known: true };
    const [[, first] = ['', 0]] = this.last;
    return { joinSeq: Math.min(this.letGo ?? first, first), known: false };
  }

  private set(id: string, joinSeq: number, newest: number): void {
    const gone = this.last.put(id, joinSeq);
    if (gone !== undefined) this.letGo ??= Math.min(gone[1], newest);
  }
}
