/**
 * Delivers messages that the log of the room does not have: presence messages of pods, messages of other
 * programs, and messages that reach the members on this pod only. Each is delivered once, at the channel's
 * position, under an id outside the log.
 */
import { type Either, isLeft } from 'fp-ts/lib/Either.js';
import { BoundedMap } from '../../bounded-map.js';
import { type LogPosition, type MessageId, NONCES } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';
import type { Delivered } from './channel-events.js';
import { FORGOTTEN } from './fallback-dedup.js';
import { unlogged } from './unlogged.js';

export interface OutsideLogDeps {
  /**
   * The id under which members of this pod have a message whose publish seemed to fail; `FORGOTTEN` when some
   * members may have it.
   */
  readonly echoOf: (publication: Publication) => string | undefined;
  /** Receives what members get, in order. */
  readonly deliver: (event: Delivered) => void;
  /** The message in this pod's own form, under this id. */
  readonly reissue: (
    publication: Publication,
    id: MessageId,
    isForeign: boolean,
  ) => Either<string, Publication>;
  readonly dropped: (detail: string) => void;
}

export interface OutsideLog {
  /**
   * Whether this is a presence message of a pod, of the channel's epoch. Its id is outside the log, and has the
   * offset that the script found in Redis.
   */
  isOurs(publication: Publication): boolean;
  /** Passes such a message at the channel's position: members see no offset that the channel has not reached. */
  passOurs(publication: Publication): void;
  passForeign(publication: Publication): void;
  /** Passes a message that reaches the members on this pod only. */
  readonly passLocal: (publication: Publication) => void;
  /** The id under which members have a foreign message; the id is forgotten then. */
  readonly recall: (publication: Publication) => string | undefined;
}

/** How many received ids outside the log are remembered, to know repeats: 2 kB a room. */
const MAX_IDS = 32;

export const outsideLog = (
  deps: OutsideLogDeps & { readonly isGlobal: boolean; readonly position: () => LogPosition },
): OutsideLog => {
  const { echoOf, reissue, dropped, isGlobal, position } = deps;
  const ids = new BoundedMap<string, true>(MAX_IDS);
  const foreign = unlogged();

  const deliver = (publication: Publication): void =>
    deps.deliver({ _tag: 'Published', publication, offset: undefined, top: position() });

  /** Whether it is received for the first time. */
  const isNew = ({ idText }: Publication): boolean => {
    if (ids.has(idText)) return false;
    ids.put(idText, true);
    return true;
  };

  return {
    isOurs: ({ id, type }) =>
      id.outside && type === 'presence' && id.global === isGlobal && id.tag === position().tag,
    passOurs: (publication) => {
      if (!isNew(publication)) return;
      const { tag, offset, ms } = position();
      const { global } = publication.id;
      // this channel's position and the message's own nonce, without `TIME_OF_OTHER_LOG`
      const nonce = publication.id.nonce % NONCES;
      const own = reissue(publication, { tag, offset, ms, global, outside: true, nonce }, false);
      if (isLeft(own)) dropped(own.left);
      else deliver(own.right);
    },
    passForeign: (publication) => {
      const id = foreign.name(publication, position(), isGlobal);
      // members have this message: it was received before
      if (id === undefined) return;
      const as = echoOf(publication);
      // members have this message: its publish seemed to fail
      if (as !== undefined && as !== FORGOTTEN) return;
      const own = reissue(publication, id, true);
      if (isLeft(own)) return dropped(own.left);
      foreign.passed(publication, own.right.idText);
      if (as === undefined) return deliver(own.right);
      // some members may have it: a gap, as neither a loss nor a repeat may be silent
      deps.deliver({
        _tag: 'Echoed',
        publication: own.right,
        offset: undefined,
        top: position(),
        as,
      });
    },
    passLocal: (publication) => {
      if (isNew(publication)) deliver(publication);
    },
    recall: (publication) => foreign.recall(publication),
  };
};
