/**
 * A slow broker that does what a spec sets: opens, answers, fails and breaks. It keeps only the position of a
 * room, from the first publish on.
 */
import { type Either, right } from 'fp-ts/lib/Either.js';
import { BehaviorSubject, map, NEVER, Observable, of, type Subscriber, timer } from 'rxjs';
import type {
  Broker,
  BrokerStatus,
  ChannelEvent,
  PublishError,
  Receipt,
} from '../../lib/broker/index.js';
import { type Draft, publicationOf } from '../../lib/protocol/publication.js';
import { drawNonce, GLOBAL, type Room, type LogPosition } from '../../lib/protocol/position.js';
import type { VirtualClock } from './virtual-clock.js';

export interface ScriptBroker extends Broker {
  /** How long a subscription, a publish and a count take, ms; below 0 they are never answered. */
  openMs: number;
  publishMs: number;
  membersMs: number;
  /** The error of every publish; undefined: publishes succeed. */
  refuse: PublishError | undefined;
  /** The numbers of members on other pods. */
  readonly others: Map<Room, number>;
  readonly status$: BehaviorSubject<BrokerStatus>;
  /** Channels that are subscribed now, and how often one was. */
  channels(): number;
  subscribed(room: Room): number;
  /** Publishes that wait for an answer. */
  underway(): number;
  top(room: Room): LogPosition;
  /** Emits an event on the channel of a room. */
  push(room: Room, event: ChannelEvent): void;
  /** The channel emits `Failed`, and ends. */
  fail(room: Room): void;
  /** The channel's stream errors, which no broker should ever do: a bug. */
  break(room: Room, error: Error): void;
  /** Publishes of a room error instead of answering: a bug too. */
  readonly broken: Set<Room>;
}

export const scriptBroker = (clock: VirtualClock): ScriptBroker => {
  const { scheduler } = clock;
  const channels = new Map<Room, Set<Subscriber<ChannelEvent>>>();
  const opened = new Set<Subscriber<ChannelEvent>>();
  const counts = new Map<Room, number>();
  const tops = new Map<Room, LogPosition>();
  const since = clock.wall();
  let underway = 0;
  let last = 0;

  const topOf = (room: Room): LogPosition =>
    tops.get(room) ?? { tag: 1, offset: 0, ms: since, id: null };

  const emit = (room: Room, event: ChannelEvent): void => {
    for (const subscriber of [...(channels.get(room) ?? [])])
      if (opened.has(subscriber)) subscriber.next(event);
  };

  const append = (draft: Draft): Receipt => {
    const { room, logged } = draft;
    const before = topOf(room);
    const offset = before.offset + (logged ? 1 : 0);
    const at = { tag: before.tag, offset, ms: Math.max(before.ms, clock.wall()) };
    const nonce = drawNonce(clock.random);
    const publication = publicationOf(draft, {
      ...at,
      global: room === GLOBAL,
      outside: !logged,
      nonce,
    });
    const top = logged ? { ...at, id: publication.idText } : before;
    if (logged) tops.set(room, top);
    emit(room, { _tag: 'Published', publication, offset: logged ? offset : undefined, top });
    return { id: publication.idText, duplicate: false, scope: 'cluster' };
  };

  const later = (ms: number): Observable<unknown> => (ms < 0 ? NEVER : timer(ms, scheduler));

  const self: ScriptBroker = {
    name: 'script',
    openMs: 0,
    publishMs: 0,
    membersMs: 0,
    refuse: undefined,
    others: new Map(),
    broken: new Set(),
    status$: new BehaviorSubject<BrokerStatus>({ _tag: 'Up', since }),
    event$: NEVER,
    clockMs: clock.wall,
    log: {
      page: (room) => {
        const top = topOf(room);
        return of(right({ top, first: top.offset + 1, entries: [] }));
      },
    },
    channels: () => [...channels.values()].reduce((sum, { size }) => sum + size, 0),
    subscribed: (room) => counts.get(room) ?? 0,
    underway: () => underway,
    top: topOf,
    push: emit,
    fail: (room) => {
      const error = { _tag: 'Unavailable', detail: 'the script says so' } as const;
      for (const subscriber of [...(channels.get(room) ?? [])]) {
        subscriber.next({ _tag: 'Failed', error });
        subscriber.complete();
      }
    },
    break: (room, error) => {
      for (const subscriber of [...(channels.get(room) ?? [])]) subscriber.error(error);
    },
    channel: (room) =>
      new Observable((subscriber) => {
        counts.set(room, (counts.get(room) ?? 0) + 1);
        const of = channels.get(room) ?? new Set();
        channels.set(room, of);
        of.add(subscriber);
        subscriber.add(() => {
          of.delete(subscriber);
          opened.delete(subscriber);
          if (of.size === 0 && channels.get(room) === of) channels.delete(room);
        });
        const open = (): void => {
          opened.add(subscriber);
          subscriber.next({ _tag: 'Opened', top: topOf(room), scope: 'cluster' });
        };
        if (self.openMs === 0) open();
        else subscriber.add(later(self.openMs).subscribe(open));
      }),
    publish: (draft) =>
      new Observable((subscriber) => {
        const { refuse } = self;
        underway += 1;
        subscriber.add(() => {
          underway -= 1;
        });
        // in the order of the calls, also when a spec changes the delay
        last = Math.max(last, scheduler.now() + self.publishMs);
        const answer = (): void => {
          if (self.broken.has(draft.room)) return subscriber.error(new Error('a broken broker'));
          const result: Either<PublishError, Receipt> =
            refuse === undefined ? right(append(draft)) : { _tag: 'Left', left: refuse };
          subscriber.next(result);
          subscriber.complete();
        };
        if (self.publishMs === 0 && last <= scheduler.now()) answer();
        else
          subscriber.add(later(self.publishMs < 0 ? -1 : last - scheduler.now()).subscribe(answer));
      }),
    members: (room) =>
      (self.membersMs === 0 ? of(0) : later(self.membersMs)).pipe(
        map(() => self.others.get(room) ?? 0),
      ),
    membersElsewhere: (room) => of(self.others.get(room) ?? 0),
    control$: NEVER,
    sendControl: () => of(right(undefined)),
    close: () => of(undefined),
  };
  return self;
};
