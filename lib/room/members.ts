/**
 * The members of a room on this pod, and what their commands do. One Map has the state of each membership
 * (member-state.ts has the diagram).
 */
import { defer, EMPTY, merge, mergeMap, type Observable, Subject, takeUntil, tap } from 'rxjs';
import type { Broker, BrokerStatus } from '../broker/index.js';
import type { Command, Membership } from '../connection/connection.js';
import type { Join, Joining, Leave, MemberState, Publish } from './member-state.js';
import type { HubEvent } from '../hub-event.js';
import { GLOBAL, type Room } from '../protocol/position.js';
import type { GapReason, SystemEvent } from '../protocol/system-event.js';
import { statusEvent } from './broker-status.js';
import { catchUp } from './catch-up.js';
import type { RoomChannel } from './channel.js';
import { consume } from '../rx/consume.js';
import type { FanOut } from './fan-out.js';
import { joining } from './joining.js';
import type { Presence } from './presence.js';
import type { Recovered, Recovery } from './recovery/recovery.js';

export interface Members {
  /** The rest of a command's work; undefined when the command is done. */
  readonly handle: (command: Command) => Observable<unknown> | undefined;
  /** All members, and all who are joining. */
  readonly all: () => readonly Membership[];
  readonly has: (membership: Membership) => boolean;
  /** The size has changed: members may have to be sent that presence is on or off. */
  readonly reviewPresence: () => void;
}

export interface MembersDeps {
  readonly room: Room;
  readonly broker: Pick<Broker, 'publish' | 'publishNow' | 'members' | 'missedHere'>;
  readonly channel: RoomChannel;
  /** Emits once, when the channel is open. */
  readonly opened$: Observable<void>;
  readonly fanOut: FanOut;
  readonly presence: Presence;
  readonly recovery: Pick<Recovery, 'recover' | 'foretell'>;
  readonly status: () => BrokerStatus;
  readonly emit: (event: HubEvent) => void;
  /** Sends one member a `gap`. */
  readonly sendGap: (membership: Membership, reason: GapReason) => void;
  /** Sends to all members but `except` (ids of connections). */
  readonly broadcast: (event: SystemEvent, except?: readonly string[]) => void;
}

export const roomMembers = (deps: MembersDeps): Members => {
  const { room, broker, channel, fanOut, presence, emit } = deps;
  const isGlobal = room === GLOBAL;
  const states = new Map<Membership, MemberState>();

  const effectiveScope = (): 'pod' | undefined =>
    channel.scope() === 'pod' || deps.status()._tag === 'Degraded' ? 'pod' : undefined;

  const joiningOf = (membership: Membership | undefined): Joining | undefined => {
    // the usual case first: nobody is joining
    if (membership === undefined || states.size === fanOut.size()) return undefined;
    const state = states.get(membership);
    return state?._tag === 'Joining' ? state : undefined;
  };

  /**
   * Connections that are joining count too: many may join at once, and other pods read the number once a
   * second.
   */
  const counted$ = defer(() => broker.members(room, states.size)).pipe(tap(presence.setOthers));

  const caughtUp = joining({
    channel,
    opened$: deps.opened$,
    counted$,
    catchUp: catchUp({ ...deps, isPodOnly: () => effectiveScope() === 'pod' }),
  });

  // what members are sent

  const sendJoined = (
    { membership, resume, ref }: Join,
    recovered: Recovered | undefined,
  ): void => {
    membership.unansweredJoins--;
    membership.connection.send(
      {
        event: 'joined',
        room: isGlobal ? undefined : room,
        position: (recovered?.at ?? fanOut.position()).id,
        members: fanOut.size() + presence.others(),
        presence: presence.isOn(),
        recovered: resume === undefined ? undefined : (recovered?.messages ?? 0),
        scope: effectiveScope(),
        ref,
      },
      membership,
    );
  };

  // join

  const join = (command: Join): Observable<unknown> => {
    const { membership } = command;
    if (command.isMember) return joinAgain(command);
    const status = deps.status();
    if (isGlobal && status._tag === 'Degraded') membership.connection.send(statusEvent(status));
    return startJoin(command);
  };

  const joinAgain = (command: Join): Observable<unknown> => {
    const { membership, resume } = command;
    const state = states.get(membership);
    switch (state?._tag) {
      case undefined:
        return EMPTY;
      case 'Joining':
        state.askedAgain.push(command);
        return EMPTY;
      case 'Member':
        if (resume === undefined) return answerAgain(command);
        state.fanOut.unsubscribe();
        states.delete(membership);
        fanOut.leave(membership);
        return startJoin(command);
    }
  };

  /**
   * The answer to a member that joins again, with a new count. A member that has left by then gets no answer.
   */
  const answerAgain = (command: Join): Observable<unknown> =>
    recount().pipe(
      tap(() => {
        const state = states.get(command.membership);
        if (state?._tag === 'Member') sendJoined(command, undefined);
        else state?.askedAgain.push(command);
      }),
    );

  const startJoin = (command: Join): Observable<unknown> => {
    const cancelled$ = new Subject<void>();
    const { membership, isMember: wasMember } = command;
    states.set(membership, { _tag: 'Joining', cancelled$, queued: [], askedAgain: [], wasMember });
    return caughtUp(command).pipe(
      mergeMap((recovered) => finishJoin(command, recovered)),
      takeUntil(cancelled$),
    );
  };

  const finishJoin = (command: Join, recovered: Recovered | undefined): Observable<unknown> => {
    const { membership } = command;
    const { connection } = membership;
    const { queued = [], askedAgain = [] } = joiningOf(membership) ?? {};
    const at = recovered?.at ?? fanOut.position();
    states.set(membership, { _tag: 'Member', fanOut: fanOut.enter(membership, at) });
    emit({ _tag: 'Occupied', room, members: fanOut.size() });
    reviewPresence(connection.id);
    sendJoined(command, recovered);
    if (presence.isOn() && !command.isMember) presence.announce(connection, 'online');
    return merge(
      ...queued.flatMap((publish) => submit(publish) ?? []),
      ...askedAgain.map((asked) => joinAgain(asked)),
    );
  };

  // leave

  const leave = ({ membership, reason, ref }: Leave): Observable<unknown> => {
    const { connection } = membership;
    const state = states.get(membership);
    states.delete(membership);
    const wasMember = state?._tag === 'Member' || state?.wasMember === true;
    const queued = state?._tag === 'Joining' ? state.queued : [];
    if (state?._tag === 'Joining') state.cancelled$.next();
    else state?.fanOut.unsubscribe();
    fanOut.leave(membership);
    if (wasMember) emit({ _tag: 'Occupied', room, members: fanOut.size() });
    if (reason !== 'closed') connection.send({ event: 'left', room, reason, ref }, membership);
    // the commands of a connection keep their order: what it published before the leave is sent
    const published$ = merge(...queued.flatMap((publish) => submit(publish) ?? []));
    if (wasMember) {
      if (presence.isOn()) presence.announce(connection, 'offline');
      reviewPresence(undefined);
    }
    return merge(published$, recount());
  };

  const recount = (): Observable<unknown> => counted$.pipe(tap(() => reviewPresence(undefined)));

  const reviewPresence = (newcomer: string | undefined): void => {
    if (!presence.review()) return;
    // a new member gets `presence` in its own `joined`
    if (fanOut.size() <= (newcomer === undefined ? 0 : 1)) return;
    deps.broadcast(
      {
        event: 'joined',
        room,
        position: channel.position().id,
        members: fanOut.size() + presence.others(),
        presence: presence.isOn(),
        scope: effectiveScope(),
      },
      newcomer === undefined ? undefined : [newcomer],
    );
  };

  // publish

  const publish = (command: Publish): Observable<unknown> | undefined => {
    const joining = joiningOf(command.membership);
    if (joining === undefined) return submit(command);
    joining.queued.push(command);
    return undefined;
  };

  const submit = ({ draft, reply }: Publish): Observable<unknown> | undefined => {
    const now = broker.publishNow?.(draft);
    // an exception of `reply` is an error of the room, and does not end the process
    if (now === undefined) return broker.publish(draft).pipe(consume(reply));
    reply(now);
    return undefined;
  };

  return {
    handle: (command) => {
      switch (command._tag) {
        case 'Join':
          return join(command);
        case 'Publish':
          return publish(command);
        case 'Leave':
          return leave(command);
      }
    },
    all: () => [...states.keys()],
    has: (membership) => states.has(membership),
    reviewPresence: () => reviewPresence(undefined),
  };
};
