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
import type { Broker, BrokerStatus, ChannelEvent, Scope } from './broker/index.js';
import type { Clock } from './clock.js';
import { CLOSE } from './close.js';
import { controlFrame, type Draft, draftOf, presenceData, SERVER } from './codec.js';
import type { Command, Connection, Membership } from './command.js';
import type { Config } from './config.js';
import type { Control, GapReason } from './control.js';
import type { HubEvent } from './events.js';
import { fanOut, type Item } from './fan-out.js';
import { isAtTop } from './log/start.js';
import { DirectObserver } from './operators/direct-observer.js';
import { mergeSome } from './operators/merge-some.js';
import { multicast } from './operators/multicast.js';
import { spaced } from './operators/spaced.js';
import { drawNonce, GLOBAL, nextNonce, type Position, type Room, type Top } from './position.js';
import { type Recovered, recovery } from './recovery.js';
import type { Resume } from './resume.js';

export interface RoomDeps {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly config: Config;
  readonly tell: (event: HubEvent) => void;
  /** The broker's last status; only the global room listens to changes, as leaving a Subject is O(n). */
  readonly status: () => BrokerStatus;
  /** Where the global log stands on this pod: what is said before a log is known is of that place. */
  readonly globalPosition: () => Position;
  /** Told of each position that the global log has reached. */
  readonly reached: (position: Position) => void;
}

type Join = Extract<Command, { readonly _tag: 'Join' }>;
type Leave = Extract<Command, { readonly _tag: 'Leave' }>;
type Publish = Extract<Command, { readonly _tag: 'Publish' }>;

/** On the way in: the channel is not open, or the others were not counted yet. */
interface Joining {
  readonly cancelled$: Subject<void>;
  /** What it said meanwhile waits for it. */
  readonly held: Publish[];
  /** It asked again: each asking is answered. */
  readonly again: Join[];
  /** It was in, and goes on from an id: to the others it never went. */
  readonly wasIn: boolean;
}

/** Comings and goings of a room are told together: a herd that reconnects must not cost a write a member each. */
const ANNOUNCE = { ms: 200, most: 256 };
/** Connections that are told of the broker's status in one turn: about 4 ms. */
const TOLD_A_TURN = 512;

export const room =
  ({ broker, clock, config, tell, status, globalPosition, reached }: RoomDeps) =>
  (name: Room) =>
  (command$: Observable<Command>): Observable<never> =>
    defer(() => {
      const { limits, presence: presenceConfig } = config;
      const members = fanOut({
        clock,
        bound: { messages: limits.sendBufferMessages, bytes: limits.sendBufferBytes },
        delivered: ({ items, count, top }, size) => {
          if (name === GLOBAL) reached(top);
          recovered.delivered(items);
          tell({
            _tag: 'Delivered',
            messages: count,
            members: size,
            acceptedAt: acceptanceOf(items),
            handedAt: clock.wall(),
          });
        },
        overflow: () => gapItem('too_many'),
      });
      const recovered = recovery({
        room: name,
        clock,
        log: broker.log,
        bound: { messages: limits.sendBufferMessages, bytes: limits.sendBufferBytes },
        patienceMs: config.broker.brokerTimeoutMs,
        reached: () => members.reached(),
        brokerMs: broker.clockMs,
        gap: (membership, reason) => tellGap(membership, reason),
      });
      const seated = new Map<Membership, Subscription>();
      const joining = new Map<Membership, Joining>();
      const opening = multicast<void>({ slice: Number.POSITIVE_INFINITY, turn: clock.turn });
      const announced$ = new Subject<Draft>();
      /** Down to the members; undefined before the room runs and after it has ended. */
      let down: Subscriber<Item> | undefined;
      let scope: Scope | undefined;
      /** Where the channel has come to. */
      let arrived: Top = { ...globalPosition(), id: null };
      let nonce = drawNonce(clock.random);
      let others = 0;
      let presence = false;
      /** The broker cannot give this room: nobody's bug. */
      let refused = false;
      /** Who is still to be told of the broker's status. */
      const untold: { readonly membership: Membership; readonly control: Control }[] = [];
      let turn: Subscription | undefined;

      // in and out

      const join = (command: Join): Observable<unknown> => {
        const { membership } = command;
        if (command.again) return joinAgain(command);
        const now = status();
        if (name === GLOBAL && now._tag === 'Degraded')
          membership.connection.tell(statusControl(now));
        return comeIn(command);
      };

      /** Who asks again is told again; with a `last_id` it goes on from there, as if it came now. */
      const joinAgain = (command: Join): Observable<unknown> => {
        const { membership, resume } = command;
        const seat = seated.get(membership);
        if (seat === undefined) joining.get(membership)?.again.push(command);
        else if (resume === undefined) return sayAgain(command);
        else {
          seat.unsubscribe();
          seated.delete(membership);
          members.leave(membership);
          return comeIn(command);
        }
        return EMPTY;
      };

      /** Counted anew; whoever has left meanwhile is not told. */
      const sayAgain = (command: Join): Observable<unknown> =>
        recount().pipe(
          tap(() => {
            const { membership } = command;
            if (seated.has(membership)) sayJoined(command, undefined);
            else joining.get(membership)?.again.push(command);
          }),
        );

      const comeIn = (command: Join): Observable<unknown> => {
        const place: Joining = {
          cancelled$: new Subject<void>(),
          held: [],
          again: [],
          wasIn: command.again,
        };
        joining.set(command.membership, place);
        const open$ = defer(() => (scope === undefined ? opened$ : of(undefined)));
        const counted$ = defer(() => broker.members(name, own())).pipe(take(1));
        const ready$ = open$.pipe(switchMap(() => counted$));
        const { behind$, looked } = command;
        const told$ =
          looked === undefined ? of(undefined) : open$.pipe(switchMap(() => foretell(command)));
        return told$.pipe(
          switchMap((told) => {
            const caughtUp$ = ready$.pipe(
              mergeMap((count) => {
                others = count;
                return catchUp(command, told);
              }),
            );
            // the other room may have come in before `looked` returns
            return merge(
              behind$ === undefined
                ? caughtUp$
                : behind$.pipe(
                    take(1),
                    switchMap(() => caughtUp$),
                  ),
              defer(() => {
                looked?.(told !== undefined);
                return EMPTY;
              }),
            );
          }),
          mergeMap((recovered) => enter(command, recovered)),
          takeUntil(place.cancelled$),
        );
      };

      /**
       * Emits once, in the turn in which the joiner has what the members have. What no log tells it is told as a
       * gap: first, and once more when there was more of it while the joiner caught up.
       */
      const catchUp = (
        { membership, resume }: Join,
        told: GapReason | undefined,
      ): Observable<Recovered | undefined> => {
        if (resume === undefined) return of(undefined);
        const missed = broker.missedHere?.(name, resume);
        if (missed !== undefined && told === undefined) tellGap(membership, missed.reason);
        const caughtUp$ =
          scopeTold() === 'pod'
            ? onPod(membership, resume, (told ?? missed) !== undefined)
            : recovered.recover(membership, resume, told);
        return caughtUp$.pipe(
          tap(({ messages, gap }) => {
            const more = broker.missedHere?.(name, resume);
            if (more !== undefined && more !== missed) tellGap(membership, more.reason);
            tell({
              _tag: 'Recovered',
              result: told ?? gap ?? (missed ?? more)?.reason ?? 'recovered',
              messages,
            });
          }),
        );
      };

      /**
       * What is lost of the log to who waits for the URL's room: told before that room sends anything, whoever has
       * some of it has been told.
       */
      const foretell = ({ membership, resume }: Join): Observable<GapReason | undefined> => {
        if (resume === undefined) return of(undefined);
        const missed = broker.missedHere?.(name, resume);
        if (missed !== undefined) {
          tellGap(membership, missed.reason);
          return of(missed.reason);
        }
        return scopeTold() === 'pod' ? of(undefined) : recovered.foretell(membership, resume);
      };

      /** The log cannot be reached: what was said elsewhere is not known. `told`: the gap is. */
      const onPod = (
        membership: Membership,
        resume: Resume,
        told: boolean,
      ): Observable<Recovered> =>
        defer(() => {
          const at = members.reached();
          // opened on the pod alone, the room's place is the pod's own: by it no time can be judged
          const isKnown = resume._tag === 'After' || scope === 'cluster';
          if (isKnown && isAtTop(resume, at, name === GLOBAL))
            return of({ at, messages: 0, gap: undefined });
          membership.position = at;
          if (!told) tellGap(membership, 'broker_outage');
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

      const enter = (command: Join, caughtUp: Recovered | undefined): Observable<unknown> => {
        const { membership } = command;
        const { connection } = membership;
        const { held = [], again = [] } = joining.get(membership) ?? {};
        joining.delete(membership);
        seated.set(membership, members.enter(membership, caughtUp?.at ?? members.reached()));
        tell({ _tag: 'Occupied', room: name, members: members.size() });
        reviewPresence(connection.id);
        sayJoined(command, caughtUp);
        if (presence && !command.again) announce(connection, 'online');
        return merge(
          ...held.flatMap((said) => publish(said) ?? []),
          ...again.map((asked) => joinAgain(asked)),
        );
      };

      const tellGap = (membership: Membership, reason: GapReason): void => {
        tell({ _tag: 'GapTold', room: name, reason, members: 1 });
        const { connection } = membership;
        if (name === GLOBAL) connection.tell({ event: 'gap', reason });
        else connection.tell({ event: 'gap', room: name, reason }, membership);
      };

      const sayJoined = (
        { membership, resume, ref }: Join,
        caughtUp: Recovered | undefined,
      ): void => {
        membership.asked--;
        membership.connection.tell(
          {
            event: 'joined',
            room: name === GLOBAL ? undefined : name,
            position: (caughtUp?.at ?? members.reached()).id,
            members: members.size() + others,
            presence,
            recovered: resume === undefined ? undefined : (caughtUp?.messages ?? 0),
            scope: scopeTold(),
            ref,
          },
          membership,
        );
      };

      const scopeTold = (): 'pod' | undefined =>
        scope === 'pod' || status()._tag === 'Degraded' ? 'pod' : undefined;

      const leave = ({ membership, reason, ref }: Leave): Observable<unknown> => {
        const { connection } = membership;
        const place = joining.get(membership);
        const held = place?.held ?? [];
        place?.cancelled$.next();
        joining.delete(membership);
        const seat = seated.get(membership);
        seat?.unsubscribe();
        seated.delete(membership);
        members.leave(membership);
        const wasIn = seat !== undefined || place?.wasIn === true;
        if (wasIn) tell({ _tag: 'Occupied', room: name, members: members.size() });
        if (reason !== 'closed')
          connection.tell({ event: 'left', room: name, reason, ref }, membership);
        // what was said before the leave was said: the order of a connection's commands is its own
        const said$ = merge(...held.flatMap((said) => publish(said) ?? []));
        if (!wasIn) return merge(said$, recount());
        if (presence) announce(connection, 'offline');
        reviewPresence(undefined);
        return merge(said$, recount());
      };

      /** Who is on the way in counts: they come at once, and the others are told once a second. */
      const own = (): number => members.size() + joining.size;

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
        say(
          {
            event: 'joined',
            room: name,
            position: arrived.id,
            members: size + others,
            presence,
            scope: scopeTold(),
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
          joining.size === 0 || membership === undefined ? undefined : joining.get(membership);
        if (place === undefined) return send(command);
        place.held.push(command);
        return undefined;
      };

      const send = ({ draft, settled }: Publish): Observable<unknown> | undefined => {
        const now = broker.publishNow?.(draft);
        if (now === undefined) return placed(broker.publish(draft), settled);
        settled(now);
        return undefined;
      };

      const obey = (command: Command): Observable<unknown> | undefined => {
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
      const say = (control: Control, except?: readonly string[]): void =>
        down?.next(itemOf(control, except));

      const itemOf = (control: Control, except?: readonly string[]): Item => {
        const { tag, offset } = arrived;
        // the time of the later of a member's two logs, as in `idFor` of a connection
        const ms = Math.max(arrived.ms, globalPosition().ms);
        nonce = nextNonce(nonce);
        const id = { tag, offset, ms, global: name === GLOBAL, outside: true, nonce };
        const frame = controlFrame(id, clock.wall(), control);
        return { frame, top: arrived, offset: undefined, except, at: undefined };
      };

      const gapItem = (reason: GapReason): Item => {
        tell({ _tag: 'GapTold', room: name, reason, members: members.size() });
        const item = itemOf({ event: 'gap', room: name === GLOBAL ? undefined : name, reason });
        return reason === 'expired' ? { ...item, hole: true } : item;
      };

      const hear = (event: ChannelEvent): void => {
        switch (event._tag) {
          case 'Opened':
            return open(event);
          case 'Published': {
            const { publication, top } = event;
            const { id, type, frame, except } = publication;
            // unmoved by what is outside the log
            const offset = publication.isAt(top) ? top.offset : undefined;
            arrived = top;
            const not = except === undefined ? undefined : [except];
            const alone =
              offset === undefined && type !== 'presence' ? publication.idText : undefined;
            if (alone !== undefined) members.expect(alone);
            return down?.next({ frame, top, offset, alone, except: not, at: id.ms });
          }
          case 'Echoed': {
            const { publication, top } = event;
            const { frame } = publication;
            const offset = publication.isAt(top) ? top.offset : undefined;
            const { nth: after, known } = members.lastWith(event.as);
            arrived = top;
            return down?.next(
              known
                ? { frame, top, offset, after, except: undefined, at: undefined }
                : { ...gapItem('broker_outage'), hole: true, after },
            );
          }
          case 'Gap':
            // a room that was opened on the pod alone goes on in the log
            scope = 'cluster';
            if (arrived.tag !== event.top.tag) recovered.turned();
            arrived = event.top;
            return down?.next(gapItem(event.reason));
          case 'Counted':
            others = event.others;
            return reviewPresence(undefined);
          case 'Failed':
            refused = true;
            for (const { connection } of everybody()) connection.dismiss(name, 'failed');
            // ended, so that the next join builds a fresh one
            return down?.error(event.error);
        }
      };

      const open = (event: Extract<ChannelEvent, { readonly _tag: 'Opened' }>): void => {
        const first = scope === undefined;
        scope = event.scope;
        arrived = event.top;
        members.beginAt(arrived);
        if (name === GLOBAL) reached(arrived);
        if (first) void opening.deliver(undefined);
      };

      const hearStatus = (before: BrokerStatus, next: BrokerStatus): void => {
        if (next._tag === before._tag || next._tag === 'Starting') return;
        if (next._tag === 'Up' && before._tag !== 'Degraded') return;
        const control = statusControl(next);
        const isIdle = untold.length === 0;
        for (const membership of everybody()) untold.push({ membership, control });
        if (isIdle) tellSome();
      };

      /** Each under an id of its own, as it is of the URL's room's log where there is one: 8 us each, so by turns. */
      const tellSome = (): void => {
        for (const { membership, control } of untold.splice(0, TOLD_A_TURN))
          if (seated.has(membership) || joining.has(membership))
            membership.connection.tell(control);
        turn = untold.length > 0 ? clock.turn(tellSome) : undefined;
      };

      const everybody = (): readonly Membership[] => [...seated.keys(), ...joining.keys()];

      const heard$ = new Observable<Item>((subscriber) => {
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
                hearStatus(before, next);
                before = next;
              },
              error: failed,
            }),
          );
        }
        const channel = new DirectObserver(hear, failed, () => undefined);
        subscriber.add(channel);
        broker.channel(name).subscribe(channel);
      });

      const done$ = command$.pipe(
        mergeSome(obey),
        finalize(() => announced$.complete()),
      );
      const announcements$ = announced$.pipe(
        spaced({ ...ANNOUNCE, scheduler: clock.scheduler }),
        mergeMap((drafts) => merge(...drafts.map((draft) => broker.publish(draft)))),
      );
      return merge(
        heard$.pipe(members.toMembers),
        merge(done$, announcements$).pipe(finalize(() => down?.complete())),
      ).pipe(
        ignoreElements(),
        finalize(recovered.close),
        failing((error) => {
          if (refused) return;
          tell({ _tag: 'RoomFailed', error });
          for (const { connection } of everybody()) connection.close(CLOSE.failed);
        }),
      );
    });

const acceptanceOf = (items: readonly Item[]): readonly number[] => {
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

const statusControl = (status: BrokerStatus): Control => ({
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
