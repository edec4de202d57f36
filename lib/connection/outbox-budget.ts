/**
 * Unsent bytes of all outboxes of a pod: a gauge and a bound. Each outbox has a bound of its own, but ten
 * thousand readers that stop together would hold ten thousand times that. Beyond `most`, the connections with
 * the fullest outboxes are closed with 1013, as those of other slow readers.
 */

/** An outbox, as the budget sees it. */
export interface Holder {
  /** Its unsent bytes. */
  readonly bytes: number;
  /** Closes its connection. It has no unsent bytes afterwards. */
  readonly overflow: () => void;
}

/**
 * Outboxes are closed until the bytes are at most this part of the bound, so that sorting all outboxes with
 * bytes is rare.
 */
const RELIEVED = 7 / 8;

export class OutboxBudget {
  /** The most messages that one outbox has held since the gauge was read last. */
  peak = 0;
  /** Unsent bytes, not memory: a buffer that several outboxes share counts once for each. */
  bytes = 0;
  private readonly holders = new Set<Holder>();
  private relieving = false;

  /** `most`: bytes in all outboxes together (`OUTBOX_TOTAL_BYTES`). */
  constructor(private readonly most: number) {}

  /** The unsent bytes of `holder` have changed by this many. */
  changed(holder: Holder, by: number): void {
    this.bytes += by;
    if (holder.bytes > 0) this.holders.add(holder);
    else this.holders.delete(holder);
    if (this.bytes > this.most && !this.relieving) this.relieve();
  }

  private relieve(): void {
    this.relieving = true;
    const fullest = [...this.holders].sort((one, other) => other.bytes - one.bytes);
    for (const holder of fullest) {
      if (this.bytes <= this.most * RELIEVED) break;
      holder.overflow();
    }
    this.relieving = false;
  }
}
