/**
 * The idempotency keys of what was said on this pod alone: Redis does not know them, so the pod is asked first. Kept for
 * the 5 minutes of contract section 1, at most 16,384 of them; what was let go can be said once more.
 */
import { left, right, type Either } from 'fp-ts/lib/Either.js';
import type { Clock } from '../clock.js';
import type { Draft } from '../codec.js';
import type { PublishError, Receipt } from './index.js';

export interface Receipts {
  /** What a draft with a key that is known is answered; undefined when it is not. */
  find(draft: Draft): Either<PublishError, Receipt> | undefined;
  remember(draft: Draft, id: string): void;
  size(): number;
}

interface Kept {
  readonly digest: string;
  readonly id: string;
  readonly until: number;
}

const KEEP_MS = 300_000;
const MAX_RECEIPTS = 16_384;

export const receipts = ({ clock }: { readonly clock: Clock }): Receipts => {
  /** In the order of `until`. */
  const kept = new Map<string, Kept>();

  const forget = (): void => {
    const now = clock.scheduler.now();
    for (const [key, { until }] of kept) {
      if (until > now && kept.size <= MAX_RECEIPTS) return;
      kept.delete(key);
    }
  };

  return {
    find: ({ room, key, digest }) => {
      if (key === undefined || kept.size === 0) return undefined;
      forget();
      const first = kept.get(keyOf(room, key));
      if (first === undefined) return undefined;
      return first.digest === digest
        ? right({ id: first.id, duplicate: true, scope: 'pod' })
        : left({ _tag: 'KeyReused' });
    },
    remember: ({ room, key, digest }, id) => {
      if (key === undefined) return;
      kept.set(keyOf(room, key), { digest, id, until: clock.scheduler.now() + KEEP_MS });
      forget();
    },
    size: () => kept.size,
  };
};

/** A room's name has no blank in it. */
const keyOf = (room: string, key: string): string => `${room} ${key}`;
