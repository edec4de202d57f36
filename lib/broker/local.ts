/**
 * The local broker: one pod is complete by itself. Positions, logs and idempotency keys are in memory, each
 * with a bound. A log is kept no longer than its position (`room-positions.ts`).
 */
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import { defer, EMPTY, NEVER, Observable, of, Subject, type Subscriber } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Draft, Publication } from '../protocol/publication.js';
import { NO_LOG } from '../history/index.js';
import { memoryLog } from '../history/memory/log.js';
import { drawNonce } from '../protocol/position.js';
import type { Broker, BrokerStatus, ChannelEvent, PublishError, Receipt } from './index.js';
import { endedEpochs } from './ended-epochs.js';
import { idempotencyKeys } from './idempotency-keys.js';
import { publicationAt, roomPositions } from './room-positions.js';
import type { ControlCommand } from './control-command.js';

/** The options of the local broker. */
export interface LocalBrokerOptions {
  readonly clock: Clock;
  readonly positionTtlMs: number;
  /** How many of a room's messages its log keeps (default: 1,000; 0: none), and for how long (10 minutes). */
  readonly logMessages?: number;
  readonly logTtlMs?: number;
}

/** The usual receipt. Its id is written only when it is read, as most senders do not ask for it. */
class Placed implements Receipt {
  readonly duplicate = false;
  readonly scope = 'cluster';

  constructor(private readonly publication: Publication) {}

  get id(): string {
    return this.publication.idText;
  }
}

/** The broker of a single pod, with positions and logs in memory. It can be used as it is, or wrapped. */
export const localBroker = ({
  clock,
  positionTtlMs,
  logMessages = 1_000,
  logTtlMs = 600_000,
}: LocalBrokerOptions): Broker => {
  const since = clock.wall();
  const keys = idempotencyKeys(clock);
  const control$ = new Subject<ControlCommand>();
  const log = memoryLog({ wall: clock.wall, messages: logMessages, ttlMs: logTtlMs });
  const ended = endedEpochs(Math.floor(since));
  /** A room is open while its channel has a subscriber. */
  const rooms = roomPositions<Subscriber<ChannelEvent>>({
    clock,
    positionTtlMs,
    forgotten: (room, top) => {
      log.forget(room);
      ended.add(top);
    },
  });

  const publish = (draft: Draft): Either<PublishError, Receipt> => {
    const { room, key } = draft;
    const first = key === undefined ? undefined : keys.get(room, key);
    if (first !== undefined) {
      return first.digest === draft.digest
        ? right({ id: first.id, duplicate: true, scope: 'cluster' })
        : left({ _tag: 'KeyReused' });
    }
    // an open room is not forgotten, so it need not count as just used
    const known = rooms.find(room);
    const state = known?.opener === undefined ? rooms.use(room) : known;
    const before = state.top;
    const publication = publicationAt(state, draft, drawNonce(clock.random), clock.wall());
    if (draft.logged) log.append(room, publication, before);
    if (key !== undefined) keys.set(room, key, { id: publication.idText, digest: draft.digest });
    state.opener?.next({
      _tag: 'Published',
      publication,
      offset: draft.logged ? publication.id.offset : undefined,
      top: state.top,
    });
    return right(new Placed(publication));
  };

  return {
    name: 'local',
    status$: new Observable<BrokerStatus>((subscriber) => {
      subscriber.next({ _tag: 'Up', since });
    }),
    event$: NEVER,
    clockMs: clock.wall,
    channel: (room) =>
      new Observable<ChannelEvent>((subscriber) => {
        const state = rooms.use(room);
        state.opener = subscriber;
        subscriber.next({ _tag: 'Opened', top: state.top, scope: 'cluster' });
        return () => {
          if (state.opener !== subscriber) return;
          state.opener = undefined;
          rooms.closed(room, state);
        };
      }),
    log: {
      page: (room, from, most) =>
        new Observable((subscriber) => {
          const state = rooms.find(room);
          subscriber.next(
            right(
              state === undefined
                ? NO_LOG
                : { ...log.page(room, state.top, from, most), begunMs: state.begunMs },
            ),
          );
          subscriber.complete();
        }),
    },
    logBytes: () => log.size(),
    publish: (draft) =>
      new Observable((subscriber) => {
        subscriber.next(publish(draft));
        subscriber.complete();
      }),
    publishNow: publish,
    missedHere: (room, resume) => ended.missed(rooms.find(room)?.begunMs, resume),
    members: () => of(0),
    membersElsewhere: () => of(0),
    control$: control$.asObservable(),
    sendControl: (command) =>
      defer(() => {
        control$.next(command);
        return of(right(undefined));
      }),
    close: () => EMPTY,
  };
};
