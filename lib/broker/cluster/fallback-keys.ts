/**
 * The idempotency keys of messages that reached the members on this pod only. Redis does not know them, so
 * they are looked up here first. Bounded like those of a pod without Redis (`broker/idempotency-keys.ts`): a
 * message whose key was forgotten can be delivered twice.
 */
import { left, right, type Either } from 'fp-ts/lib/Either.js';
import type { Clock } from '../../clock.js';
import type { Draft } from '../../protocol/publication.js';
import type { PublishError, Receipt } from '../index.js';
import { idempotencyKeys } from '../idempotency-keys.js';

export interface FallbackKeys {
  /** The answer to a draft whose key is known; undefined for any other. */
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
