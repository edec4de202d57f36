/**
 * The members of a room on this pod, and what their commands do. One Map has the state of each membership
 * (member-state.ts has the diagram).
 */
import { defer, EMPTY, merge, mergeMap, type Observable, Subject, takeUntil, tap } from 'rxjs';
import type { Broker, BrokerStatus } from '../broker/index.js';
import type { Clock } from '../clock.js';
import type { Command, Membership } from '../connection/connection.js';
import type { Join, Leave, MemberState, Publish } from './member-state.js';
import type { HubEvent } from '../hub-event.js';
import { GLOBAL, type Room } from '../protocol/position.js';
import type { GapReason, SystemEvent } from '../protocol/system-event.js';
import { consume } from '../rx/consume.js';
import { statusEvent } from './broker-status.js';
import { catchUp } from './catch-up.js';
import type { RoomChannel } from './channel.js';
import type { FanOut } from './fan-out.js';
import { joinedEvent } from './joined-event.js';
import { type CaughtUp, joining } from './joining.js';
import type { Presence } from './presence.js';
import type { Recovered, Recovery } from './recovery/recovery.js';

export interface Members {
  /** The rest of a command's work; undefined when there is none, or when a publish waits for the join. */
  readonly handle: (command: Command) => Observable<unknown> | undefined;
  /** All members, and all who are joining. */
  readonly all: () => readonly Membership[];
  readonly has: (membership: Membership) => boolean;
  /** The size has changed: members may have to be sent that presence is on or off. */
  readonly reviewPresence: () => void;
}

export interface MembersDeps {
  readonly room: Room;
  readonly clock: Clock;
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

export const roomMembers = (deps: MembersDeps): Members => new RoomMembers(deps);

/** A class, as each room has one: with closures it takes 2 kB more, and each message loads more memory. */
class RoomMembers implements Members {
  private readonly states = new Map<Membership, MemberState>();
  private readonly caughtUp: CaughtUp;

  constructor(private readonly deps: MembersDeps) {
    this.caughtUp = joining({
      channel: deps.channel,
      opened$: deps.opened$,
      counted$: defer(() => this.counted()),
      catchUp: catchUp({ ...deps, isPodOnly: () => this.scope() === 'pod' }),
    });
  }

  readonly handle = (command: Command): Observable<unknown> | undefined => {
    switch (command._tag) {
      case 'Join':
        return this.join(command);
      case 'Publish':
        return this.publish(command);
      case 'Leave':
        return this.leave(command);
    }
  };

  all(): readonly Membership[] {
    return [...this.states.keys()];
  }

  has(membership: Membership): boolean {
    return this.states.has(membership);
  }

  /** The `scope` of answers to members; undefined when messages reach all pods. */
  private scope(): 'pod' | undefined {
    const { channel, status } = this.deps;
    return channel.scope() === 'pod' || status()._tag === 'Degraded' ? 'pod' : undefined;
  }

  /**
   * For a join the number is written once, before the joiner is a member. So connections that are joining
   * count too. Otherwise other pods would not count the last joiners until somebody joins or leaves here.
   */
  private counted(): Observable<number> {
    const { broker, room, presence } = this.deps;
    return broker.members(room, this.states.size).pipe(tap((others) => presence.setOthers(others)));
  }

  private sendJoined({ membership, resume, ref }: Join, recovered: Recovered | undefined): void {
    membership.unansweredJoins--;
    const { id } = recovered?.at ?? this.deps.fanOut.position();
    const messages = resume === undefined ? undefined : (recovered?.messages ?? 0);
    const event = joinedEvent(this.deps, id, this.scope(), { recovered: messages, ref });
    membership.connection.send(event, membership);
  }

  // join

  private join(command: Join): Observable<unknown> {
    if (command.isMember) return this.joinAgain(command);
    const status = this.deps.status();
    if (this.deps.room === GLOBAL && status._tag === 'Degraded')
      command.membership.connection.send(statusEvent(status));
    return this.startJoin(command);
  }

  private joinAgain(command: Join): Observable<unknown> {
    const { membership, resume } = command;
    const state = this.states.get(membership);
    switch (state?._tag) {
      case undefined:
        return EMPTY;
      case 'Joining':
        state.askedAgain.push(command);
        return EMPTY;
      case 'Member':
        if (resume === undefined) return this.answerAgain(command);
        state.fanOut.unsubscribe();
        this.states.delete(membership);
        this.deps.fanOut.leave(membership);
        return this.startJoin(command);
    }
  }

  /**
   * The answer to a member that joins again, with a new count. A member that has left by then gets no answer.
   */
  private answerAgain(command: Join): Observable<unknown> {
    return this.recount().pipe(
      tap(() => {
        const state = this.states.get(command.membership);
        if (state?._tag === 'Member') this.sendJoined(command, undefined);
        else state?.askedAgain.push(command);
      }),
    );
  }

  private startJoin(command: Join): Observable<unknown> {
    const cancelled$ = new Subject<void>();
    const { membership, isMember: wasMember } = command;
    membership.isJoining = true;
    this.states.set(membership, {
      _tag: 'Joining',
      cancelled$,
      queued: [],
      askedAgain: [],
      wasMember,
    });
    return this.caughtUp(command).pipe(
      mergeMap((recovered) => this.finishJoin(command, recovered)),
      takeUntil(cancelled$),
    );
  }

  private finishJoin(command: Join, recovered: Recovered | undefined): Observable<unknown> {
    const { room, fanOut, presence, emit } = this.deps;
    const { membership } = command;
    const { connection } = membership;
    const state = this.states.get(membership);
    const at = recovered?.at ?? fanOut.position();
    membership.isJoining = false;
    this.states.set(membership, { _tag: 'Member', fanOut: fanOut.enter(membership, at) });
    emit({ _tag: 'Occupied', room, members: fanOut.size() });
    this.reviewPresence(connection.id);
    this.sendJoined(command, recovered);
    if (presence.isOn() && !command.isMember) presence.announce(connection, 'online');
    if (state?._tag !== 'Joining') return EMPTY;
    return merge(
      ...submitAll(this.deps.broker, state.queued),
      ...state.askedAgain.map((asked) => this.joinAgain(asked)),
    );
  }

  // leave

  private leave({ membership, reason, ref }: Leave): Observable<unknown> {
    const { room, fanOut, presence, emit } = this.deps;
    const { connection } = membership;
    const state = this.states.get(membership);
    this.states.delete(membership);
    membership.isJoining = false;
    const wasMember = state?._tag === 'Member' || state?.wasMember === true;
    const queued = state?._tag === 'Joining' ? state.queued : [];
    if (state?._tag === 'Joining') state.cancelled$.next();
    else state?.fanOut.unsubscribe();
    fanOut.leave(membership);
    if (wasMember) emit({ _tag: 'Occupied', room, members: fanOut.size() });
    if (reason !== 'closed') connection.send({ event: 'left', room, reason, ref }, membership);
    // the commands of a connection keep their order: what it published before the leave is sent
    const published = submitAll(this.deps.broker, queued);
    if (wasMember) {
      if (presence.isOn()) presence.announce(connection, 'offline');
      this.reviewPresence();
    }
    return merge(...published, this.recount());
  }

  private recount(): Observable<unknown> {
    return this.counted().pipe(tap(() => this.reviewPresence()));
  }

  reviewPresence(newcomer?: string): void {
    const { fanOut, presence, channel, broadcast } = this.deps;
    if (!presence.review()) return;
    // a new member gets `presence` in its own `joined`
    if (fanOut.size() <= (newcomer === undefined ? 0 : 1)) return;
    const event = joinedEvent(this.deps, channel.position().id, this.scope());
    broadcast(event, newcomer === undefined ? undefined : [newcomer]);
  }

  // publish

  private publish(command: Publish): Observable<unknown> | undefined {
    const { membership } = command;
    const state = membership.isJoining ? this.states.get(membership) : undefined;
    if (state?._tag !== 'Joining') return submit(this.deps.broker, command);
    state.queued.push(command);
    return undefined;
  }
}

/** Passes the broker's answer to the sender. Undefined when the broker has answered at once. */
export const submit = (
  broker: Pick<Broker, 'publish' | 'publishNow'>,
  { draft, reply }: Publish,
): Observable<never> | undefined => {
  const now = broker.publishNow?.(draft);
  // an exception of `reply` is an error of the room, and does not end the process
  if (now === undefined) return broker.publish(draft).pipe(consume(reply));
  reply(now);
  return undefined;
};

/** The publishes that waited, in their order. */
export const submitAll = (
  broker: Pick<Broker, 'publish' | 'publishNow'>,
  queued: readonly Publish[],
): readonly Observable<never>[] => queued.flatMap((publish) => submit(broker, publish) ?? []);
