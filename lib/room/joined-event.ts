/** `joined`, for one joiner or for all members of a room (docs/protocol.md, section 5.1). */
import { GLOBAL, type Room } from '../protocol/position.js';
import type { SystemEvent } from '../protocol/system-event.js';
import type { FanOut } from './fan-out.js';
import type { Presence } from './presence.js';

export interface JoinedDeps {
  readonly room: Room;
  readonly fanOut: Pick<FanOut, 'size'>;
  readonly presence: Pick<Presence, 'others' | 'isOn'>;
}

/** Only in the answer to a join: the number of replayed messages (absent without a resume), and its `ref`. */
export interface JoinAnswer {
  readonly recovered: number | undefined;
  readonly ref: string | undefined;
}

/** `position`: the id up to which the receiver has the room. `members` counts those of all pods. */
export const joinedEvent = (
  { room, fanOut, presence }: JoinedDeps,
  position: string | null,
  scope: 'pod' | undefined,
  answer?: JoinAnswer,
): SystemEvent => ({
  event: 'joined',
  room: room === GLOBAL ? undefined : room,
  position,
  members: fanOut.size() + presence.others(),
  presence: presence.isOn(),
  recovered: answer?.recovered,
  scope,
  ref: answer?.ref,
});
