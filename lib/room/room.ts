/**
 * One room of one pod: who is in it, up to the broker, down to the outboxes.
 *
 *   command$ ──► Join ─────► opened? members? ─► in the Set, `joined`
 *            ──► Publish ──► broker.publish ──► receipt to whoever asked
 *            ──► Leave ────► out of the Set, `left`
 *   broker.channel, own words ─► fan-out ─► outboxes
 *
 * A room lives as long as its group in the hub: it ends when `command$` has completed and nothing that it asked of the
 * broker is open; unsubscribing the channel UNSUBSCRIBEs. It knows neither sockets nor Redis.
 */
import { isRight } from 'fp-ts/lib/Either.js';
import {
  defer,
  EMPTY,
  finalize,
  ignoreElements,
  merge,
  mergeMap,
  Observable,
  of,
  Subject,
  type Subscriber,
  type Subscription,
  switchMap,
  take,
  takeUntil,
  tap,
} from 'rxjs';
import type { Broker, BrokerStatus, ChannelEvent, Scope } from '../broker/index.js';
import type { Clock } from '../clock.js';
import { CLOSE } from '../protocol/close-codes.js';
import { systemFrame, presenceData, SERVER } from '../protocol/payload.js';
import { type Draft, draftOf } from '../protocol/publication.js';
import type { Command, Connection, Membership } from '../connection/connection.js';
import type { Config } from '../config/index.js';
import type { SystemEvent, GapReason } from '../protocol/system-event.js';
import type { HubEvent } from '../hub-event.js';
import { fanOut, type Delivery } from './fan-out.js';
import { isAtTop } from '../history/resume-point.js';
import { BareSubscriber } from '../rx/bare-subscriber.js';
import { mergeMapSet } from '../rx/merge-map-set.js';
import { multicastSet } from '../rx/multicast-set.js';
import { batchThrottle } from '../rx/batch-throttle.js';
import {
  drawNonce,
  GLOBAL,
  nextNonce,
  type Position,
  type Room,
  type LogPosition,
} from '../protocol/position.js';
import { type Recovered, recovery } from './recovery/recovery.js';
import type { Resume } from '../protocol/resume.js';

export interface RoomDeps {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly config: Config;
  readonly emit: (event: HubEvent) => void;
  /** The broker's last status; only the global room listens to changes, as leaving a Subject is O(n). */
  readonly status: () => BrokerStatus;
  /** Where the global log stands on this pod: what is said before a log is known is of that place. */
  readonly globalPosition: () => Position;
  /** Told of each position that the global log has reached. */
  readonly globalReached: (position: Position) => void;
}

type Join = Extract<Command, { readonly _tag: 'Join' }>;
type Leave = Extract<Command, { readonly _tag: 'Leave' }>;
type Publish = Extract<Command, { readonly _tag: 'Publish' }>;

/** On the way in: the channel is not open, or the others were not counted yet. */
interface PendingJoin {
  readonly cancelled$: Subject<void>;
  /** What it said meanwhile waits for it. */
  readonly queued: Publish[];
  /** It asked again: each asking is answered. */
  readonly askedAgain: Join[];
  /** It was in, and goes on from an id: to the others it never went. */
  readonly wasMember: boolean;
}

/** Comings and goings of a room are told together: a herd that reconnects must not cost a write a member each. */
const ANNOUNCE = { ms: 200, most: 256 };
/** Connections that are told of the broker's status in one turn: about 4 ms. */
const STATUS_PER_TURN = 512;

export const room =
  ({ broker, clock, config, emit, status, globalPosition, globalReached }: RoomDeps) =>
  (name: Room) =>
  (command$: Observable<Command>): Observable<never> =>
    defer(() => {
      const { limits, presence: presenceConfig } = config;
      const members = fanOut({
        clock,
        bound: { messages: limits.sendBufferMessages, bytes: limits.sendBufferBytes },
        delivered: ({ items, count, top }, size) => {
          if (name === GLOBAL) globalReached(top);
          recovered.delivered(items);
          emit({
            _tag: 'Delivered',
            messages: count,
            members: size,
            acceptedAt: acceptanceOf(items),
            handedAt: clock.wall(),
          });
        },
        overflow: () => gapDelivery('too_many'),
      });
      const recovered = recovery({
        room: name,
        clock,
        log: broker.log,
        bound: { messages: limits.sendBufferMessages, bytes: limits.sendBufferBytes },
        timeoutMs: config.broker.brokerTimeoutMs,
        position: () => members.position(),
        brokerMs: broker.clockMs,
        gap: (membership, reason) => sendGap(membership, reason),
      });
      const seated = new Map<Membership, Subscription>();
      const pendingJoins = new Map<Membership, PendingJoin>();
      const opening = multicastSet<void>({ slice: Number.POSITIVE_INFINITY, turn: clock.turn });
      const announced$ = new Subject<Draft>();
      /** Down to the members; undefined before the room runs and after it has ended. */
      let down: Subscriber<Delivery> | undefined;
      let scope: Scope | undefined;
      /** Where the channel has come to. */
      let position: LogPosition = { ...globalPosition(), id: null };
      let nonce = drawNonce(clock.random);
      let others = 0;
      let presence = false;
      /** The broker cannot give this room: nobody's bug. */
      let refused = false;
      /** Who is still to be told of the broker's status. */
      const unnotified: { readonly membership: Membership; readonly control: SystemEvent }[] = [];
      let turn: Subscription | undefined;

      // in and out

      const join = (command: Join): Observable<unknown> => {
        const { membership } = command;
        if (command.isMember) return joinAgain(command);
        const now = status();
        if (name === GLOBAL && now._tag === 'Degraded')
          membership.connection.send(statusControl(now));
        return startJoin(command);
      };

      /** Who asks again is told again; with a `last_id` it goes on from there, as if it came now. */
      const joinAgain = (command: Join): Observable<unknown> => {
        const { membership, resume } = command;
        const seat = seated.get(membership);
        if (seat === undefined) pendingJoins.get(membership)?.askedAgain.push(command);
        else if (resume === undefined) return answerAgain(command);
        else {
          seat.unsubscribe();
          seated.delete(membership);
          members.leave(membership);
          return startJoin(command);
        }
        return EMPTY;
      };

      /** Counted anew; whoever has left meanwhile is not told. */
      const answerAgain = (command: Join): Observable<unknown> =>
        recount().pipe(
          tap(() => {
            const { membership } = command;
            if (seated.has(membership)) sendJoined(command, undefined);
            else pendingJoins.get(membership)?.askedAgain.push(command);
          }),
        );

      const startJoin = (command: Join): Observable<unknown> => {
        const place: PendingJoin = {
          cancelled$: new Subject<void>(),
          queued: [],
          askedAgain: [],
          wasMember: command.isMember,
        };
        pendingJoins.set(command.membership, place);
        const counted$ = defer(() => broker.members(name, own())).pipe(take(1));
        const ready$ = defer(() =>
          scope === undefined ? opened$.pipe(switchMap(() => counted$)) : counted$,
        );
        const { after$ } = command;
        return (
          after$ === undefined
            ? ready$
            : after$.pipe(
                take(1),
                switchMap(() => ready$),
              )
        ).pipe(
          mergeMap((count) => {
            others = count;
            return catchUp(command);
          }),
          mergeMap((recovered) => finishJoin(command, recovered)),
          takeUntil(place.cancelled$),
        );
      };

      /**
       * Emits once, in the turn in which the joiner has what the members have. What no log tells it is told as a
       * gap: first, and once more when there was more of it while the joiner caught up.
       */
      const catchUp = ({ membership, resume }: Join): Observable<Recovered | undefined> => {
        if (resume === undefined) return of(undefined);
        const missed = broker.missedHere?.(name, resume);
        if (missed !== undefined) sendGap(membership, missed.reason);
        const caughtUp$ =
          effectiveScope() === 'pod'
            ? resumeOnPod(membership, resume, missed !== undefined)
            : recovered.recover(membership, resume);
        return caughtUp$.pipe(
          tap(({ messages, gap }) => {
            const more = broker.missedHere?.(name, resume);
            if (more !== undefined && more !== missed) sendGap(membership, more.reason);
            emit({
              _tag: 'Recovered',
              result: gap ?? (missed ?? more)?.reason ?? 'recovered',
              messages,
            });
          }),
        );
      };

      /** The log cannot be reached: what was said elsewhere is not known. `told`: the gap is. */
      const resumeOnPod = (
        membership: Membership,
        resume: Resume,
        told: boolean,
      ): Observable<Recovered> =>
        defer(() => {
          const at = members.position();
          // opened on the pod alone, the room's place is the pod's own: by it no time can be judged
          const isKnown = resume._tag === 'After' || scope === 'cluster';
          if (isKnown && isAtTop(resume, at, name === GLOBAL))
            return of({ at, messages: 0, gap: undefined });
          membership.position = at;
          if (!told) sendGap(membership, 'broker_outage');
          return of({ at, messages: 0, gap: 'broker_outage' as const });
        });

      /** Emits once, when the channel is open. */
      const opened$ = new Observable<void>((subscriber) =>
        opening.subscribe({
          take: () => {
            subscriber.next();
            subscriber.complete();
          },
        }),
      );

      const finishJoin = (command: Join, caughtUp: Recovered | undefined): Observable<unknown> => {
        const { membership } = command;
        const { connection } = membership;
        const { queued = [], askedAgain = [] } = pendingJoins.get(membership) ?? {};
        pendingJoins.delete(membership);
        seated.set(membership, members.enter(membership, caughtUp?.at ?? members.position()));
        emit({ _tag: 'Occupied', room: name, members: members.size() });
        reviewPresence(connection.id);
        sendJoined(command, caughtUp);
        if (presence && !command.isMember) announce(connection, 'online');
        return merge(
          ...queued.flatMap((said) => publish(said) ?? []),
          ...askedAgain.map((asked) => joinAgain(asked)),
        );
      };

      const sendGap = (membership: Membership, reason: GapReason): void => {
        emit({ _tag: 'GapTold', room: name, reason, members: 1 });
        const { connection } = membership;
        if (name === GLOBAL) connection.send({ event: 'gap', reason });
        else connection.send({ event: 'gap', room: name, reason }, membership);
      };

      const sendJoined = (
        { membership, resume, ref }: Join,
        caughtUp: Recovered | undefined,
      ): void => {
        membership.unansweredJoins--;
        membership.connection.send(
          {
            event: 'joined',
            room: name === GLOBAL ? undefined : name,
            position: (caughtUp?.at ?? members.position()).id,
            members: members.size() + others,
            presence,
            recovered: resume === undefined ? undefined : (caughtUp?.messages ?? 0),
            scope: effectiveScope(),
            ref,
          },
          membership,
        );
      };

      const effectiveScope = (): 'pod' | undefined =>
        scope === 'pod' || status()._tag === 'Degraded' ? 'pod' : undefined;

      const leave = ({ membership, reason, ref }: Leave): Observable<unknown> => {
        const { connection } = membership;
        const place = pendingJoins.get(membership);
        const held = place?.queued ?? [];
        place?.cancelled$.next();
        pendingJoins.delete(membership);
        const seat = seated.get(membership);
        seat?.unsubscribe();
        seated.delete(membership);
        members.leave(membership);
        const wasIn = seat !== undefined || place?.wasMember === true;
        if (wasIn) emit({ _tag: 'Occupied', room: name, members: members.size() });
        if (reason !== 'closed')
          connection.send({ event: 'left', room: name, reason, ref }, membership);
        // what was said before the leave was said: the order of a connection's commands is its own
        const said$ = merge(...held.flatMap((said) => publish(said) ?? []));
        if (!wasIn) return merge(said$, recount());
        if (presence) announce(connection, 'offline');
        reviewPresence(undefined);
        return merge(said$, recount());
      };

      /** Who is on the way in counts: they come at once, and the others are told once a second. */
      const own = (): number => members.size() + pendingJoins.size;

      const recount = (): Observable<unknown> =>
        defer(() => broker.members(name, own())).pipe(
          tap((count) => {
            others = count;
            reviewPresence(undefined);
          }),
        );

      // presence

      const reviewPresence = (newcomer: string | undefined): void => {
        const size = members.size();
        const told =
          presenceConfig.presenceEvents &&
          name !== GLOBAL &&
          size + others <= presenceConfig.presenceMaxRoom;
        if (told === presence) return;
        presence = told;
        if (size === (newcomer === undefined ? 0 : 1)) return;
        broadcast(
          {
            event: 'joined',
            room: name,
            position: position.id,
            members: size + others,
            presence,
            scope: effectiveScope(),
          },
          newcomer === undefined ? undefined : [newcomer],
        );
      };

      const announce = (connection: Connection, what: 'online' | 'offline'): void => {
        const data = presenceData(connection.userId, connection.id, what);
        const draft = draftOf({
          room: name,
          type: 'presence',
          from: SERVER,
          data,
          at: clock.wall(),
        });
        if (isRight(draft)) announced$.next(draft.right);
      };

      // up

      const publish = (command: Publish): Observable<unknown> | undefined => {
        // nobody is on the way in, mostly
        const { membership } = command;
        const place =
          pendingJoins.size === 0 || membership === undefined
            ? undefined
            : pendingJoins.get(membership);
        if (place === undefined) return send(command);
        place.queued.push(command);
        return undefined;
      };

      const send = ({ draft, reply }: Publish): Observable<unknown> | undefined => {
        const now = broker.publishNow?.(draft);
        if (now === undefined) return placed(broker.publish(draft), reply);
        reply(now);
        return undefined;
      };

      const handle = (command: Command): Observable<unknown> | undefined => {
        switch (command._tag) {
          case 'Join':
            return join(command);
          case 'Publish':
            return publish(command);
          case 'Leave':
            return leave(command);
        }
      };

      // down

      /** What the server says to all members, in the room's order. */
      const broadcast = (control: SystemEvent, except?: readonly string[]): void =>
        down?.next(systemDelivery(control, except));

      const systemDelivery = (control: SystemEvent, except?: readonly string[]): Delivery => {
        const { tag, offset } = position;
        // the time of the later of a member's two logs, as in `idFor` of a connection
        const ms = Math.max(position.ms, globalPosition().ms);
        nonce = nextNonce(nonce);
        const id = { tag, offset, ms, global: name === GLOBAL, outside: true, nonce };
        const frame = systemFrame(id, clock.wall(), control);
        return { frame, top: position, offset: undefined, except, at: undefined };
      };

      const gapDelivery = (reason: GapReason): Delivery => {
        emit({ _tag: 'GapTold', room: name, reason, members: members.size() });
        const item = systemDelivery({
          event: 'gap',
          room: name === GLOBAL ? undefined : name,
          reason,
        });
        return reason === 'expired' ? { ...item, isGapMarker: true } : item;
      };

      const onChannelEvent = (event: ChannelEvent): void => {
        switch (event._tag) {
          case 'Opened':
            return open(event);
          case 'Published': {
            const { publication, top } = event;
            const { id, type, frame, except } = publication;
            // unmoved by what is outside the log
            const offset = publication.isAt(top) ? top.offset : undefined;
            position = top;
            const not = except === undefined ? undefined : [except];
            const alone =
              offset === undefined && type !== 'presence' ? publication.idText : undefined;
            if (alone !== undefined) members.expectLocal(alone);
            return down?.next({ frame, top, offset, localId: alone, except: not, at: id.ms });
          }
          case 'Echoed': {
            const { publication, top } = event;
            const { frame } = publication;
            const offset = publication.isAt(top) ? top.offset : undefined;
            const { joinSeq: after, known } = members.lastMemberWith(event.as);
            position = top;
            return down?.next(
              known
                ? { frame, top, offset, onlyJoinedAfter: after, except: undefined, at: undefined }
                : { ...gapDelivery('broker_outage'), isGapMarker: true, onlyJoinedAfter: after },
            );
          }
          case 'Gap':
            // a room that was opened on the pod alone goes on in the log
            scope = 'cluster';
            if (position.tag !== event.top.tag) recovered.epochChanged();
            position = event.top;
            return down?.next(gapDelivery(event.reason));
          case 'Counted':
            others = event.others;
            return reviewPresence(undefined);
          case 'Failed':
            refused = true;
            for (const { connection } of allMembers()) connection.kick(name, 'failed');
            // ended, so that the next join builds a fresh one
            return down?.error(event.error);
        }
      };

      const open = (event: Extract<ChannelEvent, { readonly _tag: 'Opened' }>): void => {
        const first = scope === undefined;
        scope = event.scope;
        position = event.top;
        members.beginAt(position);
        if (name === GLOBAL) globalReached(position);
        if (first) void opening.deliver(undefined);
      };

      const onStatus = (before: BrokerStatus, next: BrokerStatus): void => {
        if (next._tag === before._tag || next._tag === 'Starting') return;
        if (next._tag === 'Up' && before._tag !== 'Degraded') return;
        const control = statusControl(next);
        const isIdle = unnotified.length === 0;
        for (const membership of allMembers()) unnotified.push({ membership, control });
        if (isIdle) sendStatusToSome();
      };

      /** Each under an id of its own, as it is of the URL's room's log where there is one: 8 us each, so by turns. */
      const sendStatusToSome = (): void => {
        for (const { membership, control } of unnotified.splice(0, STATUS_PER_TURN))
          if (seated.has(membership) || pendingJoins.has(membership))
            membership.connection.send(control);
        turn = unnotified.length > 0 ? clock.turn(sendStatusToSome) : undefined;
      };

      const allMembers = (): readonly Membership[] => [...seated.keys(), ...pendingJoins.keys()];

      const delivery$ = new Observable<Delivery>((subscriber) => {
        down = subscriber;
        subscriber.add(() => {
          down = undefined;
          turn?.unsubscribe();
        });
        const failed = (error: unknown): void => subscriber.error(error);
        if (name === GLOBAL) {
          let before = status();
          subscriber.add(
            broker.status$.subscribe({
              next: (next) => {
                onStatus(before, next);
                before = next;
              },
              error: failed,
            }),
          );
        }
        const channel = new BareSubscriber(onChannelEvent, failed, () => undefined);
        subscriber.add(channel);
        broker.channel(name).subscribe(channel);
      });

      const done$ = command$.pipe(
        mergeMapSet(handle),
        finalize(() => announced$.complete()),
      );
      const announcements$ = announced$.pipe(
        batchThrottle({ ...ANNOUNCE, scheduler: clock.scheduler }),
        mergeMap((drafts) => merge(...drafts.map((draft) => broker.publish(draft)))),
      );
      return merge(
        delivery$.pipe(members.toMembers),
        merge(done$, announcements$).pipe(finalize(() => down?.complete())),
      ).pipe(
        ignoreElements(),
        finalize(recovered.close),
        failing((error) => {
          if (refused) return;
          emit({ _tag: 'RoomFailed', error });
          for (const { connection } of allMembers()) connection.close(CLOSE.failed);
        }),
      );
    });

const acceptanceOf = (items: readonly Delivery[]): readonly number[] => {
  const all: number[] = [];
  for (const { at } of items) if (at !== undefined) all.push(at);
  return all;
};

/** Completes with the answer; what goes wrong in telling it is the room's error, not the process'. */
const placed = <A>(answer$: Observable<A>, settled: (answer: A) => void): Observable<never> =>
  new Observable((out) =>
    answer$.subscribe({
      next: (answer) => {
        try {
          settled(answer);
        } catch (error) {
          out.error(error);
        }
      },
      error: (error: unknown) => out.error(error),
      complete: () => out.complete(),
    }),
  );

const statusControl = (status: BrokerStatus): SystemEvent => ({
  event: status._tag === 'Degraded' ? 'degraded' : 'restored',
  since: new Date(status._tag === 'Starting' ? 0 : status.since).toISOString(),
});

/** Sees an error on its way out. */
const failing =
  (seen: (error: unknown) => void) =>
  (source$: Observable<never>): Observable<never> =>
    new Observable((subscriber) =>
      source$.subscribe({
        error: (error: unknown) => {
          seen(error);
          subscriber.error(error);
        },
        complete: () => subscriber.complete(),
      }),
    );
