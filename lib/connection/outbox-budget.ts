/**
 * What waits in all outboxes of a pod: a gauge, and a bound. Each outbox has a bound of its own, but ten
 * thousand readers that stop together would hold ten thousand times that: beyond `most` the fullest are cut,
 * like any slow reader.
 */

/** One of those whose bytes are counted. */
export interface Holder {
  /** What waits in it. */
  readonly bytes: number;
  /** Cuts its reader: it holds nothing afterwards. */
  readonly overflow: () => void;
}

/**
 * Cut down to this part of the bound, so that looking for the fullest, O(those that hold something), stays
 * rare.
 */
const RELIEVED = 7 / 8;

export class OutboxBudget {
  /** The most messages that one outbox has held since the gauge was read last. */
  peak = 0;
  /**
   * Bytes in all of them. A buffer that several hold counts for each: by what their readers would have to
   * take.
   */
  bytes = 0;
  private readonly holders = new Set<Holder>();
  private relieving = false;

  /** `most`: bytes in all outboxes together (`OUTBOX_TOTAL_BYTES`). */
  constructor(private readonly most: number) {}

  /** `holder` holds so much more than it did; less, where negative. */
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
