/** Idempotency keys of specs, written as Redis has them. */
import type { IdempotencyKey } from '../../lib/protocol/idempotency-key.js';

/** `alice:1` is of the user alice, `:1` of anonymous clients, `%:1` of programs over HTTP, `1` of the embedding program. */
export const keyIn = (field: string): IdempotencyKey => {
  const colon = field.indexOf(':');
  const ref = field.slice(colon + 1);
  if (colon === -1) return { owner: { _tag: 'App' }, ref };
  if (colon === 0) return { owner: { _tag: 'Anonymous' }, ref };
  const userId = field.slice(0, colon);
  return { owner: userId === '%' ? { _tag: 'Api' } : { _tag: 'User', userId }, ref };
};
