/**
 * A message that Redis did not take goes to this pod's members of its room; the sender's answer has `scope:
 * "pod"`.
 */
import type { MessageId, Room } from '../../protocol/position.js';
import { type Publication, publicationOf } from '../../protocol/publication.js';
import type { FallbackDedup } from './fallback-dedup.js';
import type { FallbackKeys } from './fallback-keys.js';
import { type Call, placed, type Waiting } from './publish-call.js';
import { onPod, resultOf, UNREACHED } from './publish-result.js';

export interface PublishFallbackDeps {
  readonly dedup: FallbackDedup;
  readonly keys: FallbackKeys;
  /** An id outside the log, with the offset of the room on this pod. */
  readonly idOutside: (room: Room, nonce: number) => MessageId;
  /** Sends a message to this pod's members of its room. */
  readonly deliver: (room: Room, publication: Publication) => void;
}

export interface PublishFallback {
  /**
   * When an earlier message of the fallback had the same key, this one is only answered: as a duplicate of
   * the earlier one, or with `KeyReused`. `isUnsure`: its call may have run in Redis all the same.
   */
  one(waiting: Waiting, nonce: number, isUnsure: boolean): void;
  /** All messages of a call. Those that came on the room's channel were placed. */
  call(call: Call, isUnsure: boolean): void;
}

export const publishFallback = (deps: PublishFallbackDeps): PublishFallback => {
  const { dedup, keys, idOutside, deliver } = deps;

  const one = ({ draft, answer }: Waiting, nonce: number, isUnsure: boolean): void => {
    if (draft.clusterOnly === true) return answer(UNREACHED);
    const known = keys.find(draft);
    if (known !== undefined) return answer(known);
    const { room, rest } = draft;
    const publication = publicationOf(draft, idOutside(room, nonce));
    if (isUnsure) dedup.remember(room, nonce, rest, publication.idText);
    keys.remember(draft, publication.idText);
    deliver(room, publication);
    answer(onPod(publication.idText));
  };

  return {
    one,
    call: ({ batch, nonces, received }, isUnsure) => {
      for (const [i, waiting] of batch.entries()) {
        const id = received.get(i);
        if (id === undefined) one(waiting, nonces[i] ?? 0, isUnsure);
        else waiting.answer(resultOf(placed(id)));
      }
    },
  };
};
