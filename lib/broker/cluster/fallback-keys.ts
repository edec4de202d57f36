/**
 * The idempotency keys of what was said on this pod alone: Redis does not know them, so the pod is asked first. Bounded as
 * those of a pod without Redis are (`keys.ts`): a key that was let go can be said once more.
 */
import { left, right, type Either } from 'fp-ts/lib/Either.js';
import type { Clock } from '../../clock.js';
import type { Draft } from '../../protocol/publication.js';
import type { PublishError, Receipt } from '../index.js';
import { idempotencyKeys } from '../idempotency-keys.js';

export interface FallbackKeys {
  /** What a draft with a key that is known is answered; undefined when it is not. */
  find(draft: Draft): Either<PublishError, Receipt> | undefined;
  remember(draft: Draft, id: string): void;
  size(): number;
}

export const fallbackKeys = ({ clock }: { readonly clock: Clock }): FallbackKeys => {
  const keys = idempotencyKeys(clock);
  return {
    find: ({ room, key, digest }) => {
      if (key === undefined || keys.size() === 0) return undefined;
      const first = keys.get(room, key);
      if (first === undefined) return undefined;
      return first.digest === digest
        ? right({ id: first.id, duplicate: true, scope: 'pod' })
        : left({ _tag: 'KeyReused' });
    },
    remember: ({ room, key, digest }, id) => {
      if (key !== undefined) keys.set(room, key, { digest, id });
    },
    size: keys.size,
  };
};
