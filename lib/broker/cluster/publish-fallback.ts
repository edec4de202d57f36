/**
 * A message that Redis did not take goes to this pod's members of its room; the sender's answer has `scope:
 * "pod"`.
 */
import type { MessageId, Room } from '../../protocol/position.js';
import { type Publication, publicationOf } from '../../protocol/publication.js';
import type { FallbackDedup } from './fallback-dedup.js';
import type { FallbackKeys } from './fallback-keys.js';
import type { Waiting } from './publish-call.js';
import { onPod } from './publish-result.js';

export interface PublishFallbackDeps {
  readonly dedup: FallbackDedup;
  readonly keys: FallbackKeys;
  /** An id outside the log, with the offset and the time of the room on this pod. */
  readonly idOutside: (room: Room, nonce: number) => MessageId;
  /** Sends a message to this pod's members of its room. */
  readonly deliver: (room: Room, publication: Publication) => void;
}

/**
 * A message whose key was used in an earlier fallback gets the same answer. `isUnsure`: its call may have run
 * in Redis all the same.
 */
export const publishFallback =
  ({ dedup, keys, idOutside, deliver }: PublishFallbackDeps) =>
  ({ draft, answer }: Waiting, nonce: number, isUnsure: boolean): void => {
    const known = keys.find(draft);
    if (known !== undefined) return answer(known);
    const { room, rest } = draft;
    const publication = publicationOf(draft, idOutside(room, nonce));
    if (isUnsure) dedup.remember(room, nonce, rest, publication.idText);
    keys.remember(draft, publication.idText);
    deliver(room, publication);
    answer(onPod(publication.idText));
  };
