/**
 * Presence of a room: how many connections other pods have in it, whether members are sent joins and leaves,
 * and the announcements themselves.
 *
 *   online, offline ─► batchThrottle (200 ms: many joins cost few writes) ─► broker.publish
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

export const presence = (deps: PresenceDeps): Presence => new RoomPresence(deps);

/** A class, as each room has one. */
class RoomPresence implements Presence {
  private readonly draft$ = new Subject<Draft>();
  private otherMembers = 0;
  private on = false;

  constructor(private readonly deps: PresenceDeps) {}

  isOn(): boolean {
    return this.on;
  }

  others(): number {
    return this.otherMembers;
  }

  setOthers(count: number): void {
    this.otherMembers = count;
  }

  review(): boolean {
    const { config, room, size } = this.deps;
    const was = this.on;
    this.on =
      config.presenceEvents &&
      room !== GLOBAL &&
      size() + this.otherMembers <= config.presenceMaxRoom;
    return this.on !== was;
  }

  announce({ id, userId }: Connection, what: 'online' | 'offline'): void {
    const { room, clock } = this.deps;
    const data = presenceData(userId, id, what);
    const draft = draftOf({ room, type: 'presence', from: SERVER, data, at: clock.wall() });
    if (isRight(draft)) this.draft$.next(draft.right);
  }

  get announcement$(): Observable<unknown> {
    const { broker, clock } = this.deps;
    return this.draft$.pipe(
      batchThrottle({ ...ANNOUNCE, scheduler: clock.scheduler }),
      mergeMap((drafts) => merge(...drafts.map((draft) => broker.publish(draft)))),
    );
  }

  end(): void {
    this.draft$.complete();
  }
}
