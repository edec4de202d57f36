/**
 * Presence of a room: how many connections other pods have in it, whether members are sent joins and leaves,
 * and the announcements themselves.
 *
 *   online, offline ─► batchThrottle (200 ms, a herd costs few writes) ─► broker.publish
 *   a count changed ─► on or off? ─► `joined` to all members, with the new `presence`
 */
import { isRight } from 'fp-ts/lib/Either.js';
import { merge, mergeMap, type Observable, Subject } from 'rxjs';
import type { Broker } from '../broker/index.js';
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import type { Connection } from '../connection/connection.js';
import { presenceData, SERVER } from '../protocol/payload.js';
import { GLOBAL, type Room } from '../protocol/position.js';
import { type Draft, draftOf } from '../protocol/publication.js';
import { batchThrottle } from '../rx/batch-throttle.js';

export interface Presence {
  /** Whether members are sent joins and leaves. */
  readonly isOn: () => boolean;
  /** Connections that other pods have in the room. */
  readonly others: () => number;
  readonly setOthers: (count: number) => void;
  /** Checks the size again. True when `isOn` has changed. */
  readonly review: () => boolean;
  readonly announce: (connection: Connection, what: 'online' | 'offline') => void;
  /** Publishes the announcements. Completes after `end`. */
  readonly announcement$: Observable<unknown>;
  readonly end: () => void;
}

export interface PresenceDeps {
  readonly room: Room;
  readonly broker: Pick<Broker, 'publish'>;
  readonly clock: Clock;
  readonly config: Config['presence'];
  /** Members on this pod. */
  readonly size: () => number;
}

/** When many members reconnect together, there must not be one write for each. */
const ANNOUNCE = { ms: 200, most: 256 };

export const presence = ({ room, broker, clock, config, size }: PresenceDeps): Presence => {
  const draft$ = new Subject<Draft>();
  let others = 0;
  let isOn = false;
  return {
    isOn: () => isOn,
    others: () => others,
    setOthers: (count) => {
      others = count;
    },
    review: () => {
      const was = isOn;
      isOn = config.presenceEvents && room !== GLOBAL && size() + others <= config.presenceMaxRoom;
      return isOn !== was;
    },
    announce: ({ id, userId }, what) => {
      const data = presenceData(userId, id, what);
      const draft = draftOf({ room, type: 'presence', from: SERVER, data, at: clock.wall() });
      if (isRight(draft)) draft$.next(draft.right);
    },
    announcement$: draft$.pipe(
      batchThrottle({ ...ANNOUNCE, scheduler: clock.scheduler }),
      mergeMap((drafts) => merge(...drafts.map((draft) => broker.publish(draft)))),
    ),
    end: () => draft$.complete(),
  };
};
