/**
 * Messages that are delivered though no log has them: foreign messages, and messages of an earlier epoch.
 * Each is delivered once, under a new id outside the log. All pods compute the same 20 bits for it. When the
 * log has such a message after all, members who had it do not get it again. Bounded by number.
 */
import { BoundedMap } from '../../bounded-map.js';
import { digestOfPayload } from '../../protocol/channel-payload.js';
import type { Publication } from '../../protocol/publication.js';
import { type MessageId, nextNonce, nonceOf, type LogPosition } from '../../protocol/position.js';

export interface Unlogged {
  /** The id for a message at this position; undefined when it was delivered before. */
  name(publication: Publication, position: LogPosition, isGlobal: boolean): MessageId | undefined;
  /** The message was delivered under the id `as`. */
  passed(publication: Publication, as: string): void;
  /** The id under which members have this message; the id is forgotten then. */
  recall(publication: Publication): string | undefined;
}

interface Passed {
  readonly digest: string;
  readonly as: string;
}

const MAX_PASSED = 4_096;

export const unlogged = (): Unlogged => {
  const kept = new BoundedMap<string, Passed>(MAX_PASSED);
  /** The nonces that are in use at the present position. */
  const taken = new Set<number>();
  let at: LogPosition | undefined;

  return {
    name: (publication, position, isGlobal) => {
      if (kept.has(publication.idText)) return undefined;
      if (at?.tag !== position.tag || at.offset !== position.offset) taken.clear();
      at = position;
      const { tag, offset, ms } = position;
      let nonce = nonceOf(publication.idText);
      // of a thousand messages at one position two would have one nonce, so a nonce that is taken is
      // counted up. All pods receive the messages in one order, so all count alike
      while (taken.has(nonce)) nonce = nextNonce(nonce);
      if (taken.size < MAX_PASSED) taken.add(nonce);
      return { tag, offset, ms, global: isGlobal, outside: true, nonce };
    },
    passed: (publication, as) => {
      kept.put(publication.idText, { digest: digestOfPayload(publication), as });
    },
    recall: (publication) => {
      if (kept.size === 0) return undefined;
      const known = kept.get(publication.idText);
      // the same id with other bytes: another program has guessed the id
      if (known?.digest !== (known && digestOfPayload(publication))) return undefined;
      kept.delete(publication.idText);
      return known?.as;
    },
  };
};
