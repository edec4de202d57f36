/**
 * The tail: the last messages that the members of a room were sent. A joiner that has read the log to its end
 * takes the rest from here, in the order and in the frames of the members. It is bounded in messages and
 * bytes.
 */
import { framesOf } from '../../protocol/frame.js';
import type { Bound } from '../../rx/coalesce.js';
import type { Slice } from '../../history/page-cache.js';
import type { Delivery } from '../delivery.js';

export interface Tail {
  readonly add: (deliveries: readonly Delivery[]) => void;
  /**
   * Messages of this epoch from `offset` on, without holes; undefined when the tail does not have that
   * offset.
   */
  readonly from: (tag: number, offset: number) => Slice | undefined;
  readonly clear: () => void;
}

/** `kept` bounds the tail, `slice` what `from` returns at once. */
export const deliveryTail = (kept: Bound, slice: Bound): Tail => {
  let deliveries: Delivery[] = [];
  let keptBytes = 0;

  return {
    add: (more) => {
      for (const delivery of more) {
        if (delivery.offset === undefined) continue;
        deliveries.push(delivery);
        keptBytes += delivery.frame.length;
      }
      while (deliveries.length > kept.messages || keptBytes > kept.bytes) {
        keptBytes -= deliveries.shift()?.frame.length ?? 0;
      }
    },

    from: (tag, offset) => {
      const start = deliveries.findIndex((one) => one.offset === offset && one.top.tag === tag);
      if (start === -1) return undefined;
      const found: Delivery[] = [];
      let bytes = 0;
      for (let i = start; i < deliveries.length && found.length < slice.messages; i++) {
        const delivery = deliveries[i];
        if (delivery?.offset !== offset + found.length || delivery.top.tag !== tag) break;
        if (found.length > 0 && bytes + delivery.frame.length > slice.bytes) break;
        found.push(delivery);
        bytes += delivery.frame.length;
      }
      const last = found.at(-1);
      if (last === undefined) return undefined;
      return {
        count: found.length,
        bytes: framesOf(found.map(({ frame }) => frame)),
        last: last.top,
      };
    },

    clear: () => {
      deliveries = [];
      keptBytes = 0;
    },
  };
};
