/**
 * Which members have a message that reached this pod alone: those that came in no later than the last one who
 * was there when it was delivered. Should the log have the message after all, only later members are sent it.
 * Bounded; of the messages that were let go, only the earliest such member is known.
 */
import { BoundedMap } from '../bounded-map.js';

/**
 * `known`: only members with a greater `joinSeq` do not have the message. Else it is not known of later
 * members.
 */
export interface LastReceiver {
  readonly joinSeq: number;
  readonly known: boolean;
}

const MAX_MESSAGES = 4_096;

export class LocalReceivers {
  /** `joinSeq` of the last receiver, by the message's id; infinite while the message is on its way. */
  private readonly last = new BoundedMap<string, number>(MAX_MESSAGES);
  /** The same of the earliest message that was let go. */
  private letGo: number | undefined;

  /**
   * The message is on its way: who is a member when it is delivered gets it. `joinSeq` is the last member's
   * of now.
   */
  expect(id: string, joinSeq: number): void {
    this.set(id, Number.POSITIVE_INFINITY, joinSeq);
  }

  /** The message was delivered; `joinSeq` is that of the last member. */
  delivered(id: string, joinSeq: number): void {
    this.set(id, joinSeq, joinSeq);
  }

  /** Messages that were on their way are dropped: the members of now are told a gap in their place. */
  dropped(joinSeq: number): void {
    for (const [id, last] of this.last) if (last > joinSeq) this.last.put(id, joinSeq);
  }

  of(id: string): LastReceiver {
    const joinSeq = this.last.get(id);
    if (joinSeq !== undefined) return { joinSeq, known: true };
    // nobody was here when it was delivered
    if (this.letGo === undefined && id !== '') return { joinSeq: 0, known: true };
    const [[, first] = ['', 0]] = this.last;
    return { joinSeq: Math.min(this.letGo ?? first, first), known: false };
  }

  private set(id: string, joinSeq: number, newest: number): void {
    const gone = this.last.put(id, joinSeq);
    if (gone !== undefined) this.letGo ??= Math.min(gone[1], newest);
  }
}
