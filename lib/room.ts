/**
 * One room of one pod: who is in it, up to the broker, down to the outboxes.
 *
 *   command$ ──► Join ─────► opened? members? ─► in the Set, `joined`
 *            ──► Publish ──► broker.publish ──► receipt to whoever asked
 *            ──► Leave ────► out of the Set, `left`
 *   broker.channel ─► coalesce (a turn) ─► multicast (the Set) ─► outboxes
 *
 * A room lives as long as its group in the hub: it ends when `command$` has completed and nothing that it asked of the
 * broker is open; unsubscribing the channel UNSUBSCRIBEs. It knows neither sockets nor Redis.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import {
  defer,
  EMPTY,
  finalize,
  ignoreElements,
  merge,
  mergeMap,
  Observable,
  Subject,
  type Subscription,
  switchMap,
  take,
  takeUntil,
} from 'rxjs';
import type { Broker, BrokerStatus, ChannelEvent, Scope } from './broker/index.js';
import type { Clock } from './clock.js';
import { CLOSE } from './close.js';
import { controlPayload, draftOf, framesOf, presenceData, SERVER } from './codec.js';
import type { Config } from './config.js';
import type { Command, Connection, Membership } from './command.js';
import type { Control, GapReason } from './control.js';
import type { HubEvent } from './events.js';
import { coalesce } from './operators/coalesce.js';
import { multicast } from './operators/multicast.js';
import type { Batch } from './outbox.js';
import { drawNonce, GLOBAL, type Position, type Room, type Top } from './position.js';

export interface RoomDeps {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly config: Config;
  readonly tell: (event: HubEvent) => void;
  /** Told of each position that the global log has reached on this pod. */
  readonly reached: (position: Position) => void;
}

type Join = Extract<Command, { readonly _tag: 'Join' }>;
type Leave = Extract<Command, { readonly _tag: 'Leave' }>;
type Publish = Extract<Command, { readonly _tag: 'Publish' }>;

/** One message on its way to the members; `top` is where the room stands after it. */
interface Item {
  readonly payload: Buffer;
  readonly top: Top;
  readonly except: string | undefined;
  /** Unix ms of its acceptance; undefined for what the server says itself. */
  readonly at: number | undefined;
}

interface RoomBatch extends Batch {
  readonly top: Top;
  readonly items: readonly Item[];
  /** Connections for which some of it is not. */
  readonly excepted: ReadonlySet<string> | undefined;
}

/** Subscribers that get a batch within one turn: 512 writes of 5 µs keep the loop for 2.5 ms. */
const SLICE = 512;
/** A turn's worth for one member: more would outrun the kernel of a reader that keeps up. */
const BATCH = { messages: 128, bytes: 65_536 };
/** What may wait in a room for its turn; beyond it the members are told `gap`. */
const BACKLOG = { messages: 65_536, bytes: 64 * 1024 * 1024 };

export const room =
  ({ broker, clock, config, tell, reached }: RoomDeps) =>
  (name: Room) =>
  (command$: Observable<Command>): Observable<never> =>
    defer(() => {
      const seats = multicast<RoomBatch>({ slice: SLICE, turn: clock.turn });
      const seated = new Map<Membership, Subscription>();
      const joining = new Map<Membership, { readonly cancelled: Subject<void>; readonly held: Publish[] }>();
      const opening = multicast<void>({ slice: Number.POSITIVE_INFINITY, turn: clock.turn });
      const aside = new Subject<Item>();
      const late = new Set<Connection>();
      const bound = { messages: config.limits.sendBufferMessages, bytes: config.limits.sendBufferBytes };
      let scope: Scope | undefined;
      /** Where the channel has come to, and where its members have. */
      let arrived: Top = { tag: 1, offset: 0, ms: 0, id: null };
      let delivered: Top = arrived;
      let others = 0;
      let presence = false;
      let status: BrokerStatus = { _tag: 'Starting' };

      /** Emits once, when the channel is open. */
      const opened$ = new Observable<void>((subscriber) =>
        opening.subscribe(() => {
          subscriber.next();
          subscriber.complete();
        }),
      );

      // in and out

      const join = (command: Join): Observable<unknown> => {
        const { membership } = command;
        if (command.again) {
          if (seated.has(membership)) sayJoined(command);
          return EMPTY;
        }
        const place = { cancelled: new Subject<void>(), held: [] };
        joining.set(membership, place);
        if (name === GLOBAL && status._tag === 'Degraded') membership.connection.tell(statusControl(status), membership);
        const members$ = defer(() => broker.members(name, seats.size() + 1)).pipe(take(1));
        return (scope === undefined ? opened$.pipe(switchMap(() => members$)) : members$).pipe(
          takeUntil(place.cancelled),
          mergeMap((count) => {
            others = count;
            return enter(command);
          }),
        );
      };

      const enter = (command: Join): Observable<unknown> => {
        const { membership } = command;
        const { connection } = membership;
        const held = joining.get(membership)?.held ?? [];
        joining.delete(membership);
        membership.position = delivered;
        const seat = seats.subscribe((batch) => hand(membership, batch));
        seated.set(membership, seat);
        tell({ _tag: 'Occupied', room: name, members: seats.size() });
        reviewPresence(connection.id);
        sayJoined(command);
        return merge(presence ? announce(connection, 'online') : EMPTY, ...held.map(publish));
      };

      const sayJoined = ({ membership, ref }: Join): void =>
        membership.connection.tell(
          {
            event: 'joined',
            room: name === GLOBAL ? undefined : name,
            position: delivered.id,
            members: seats.size() + others,
            presence,
            scope: scope === 'pod' || status._tag === 'Degraded' ? 'pod' : undefined,
            ref,
          },
          membership,
        );

      const leave = ({ membership, reason, ref }: Leave): Observable<unknown> => {
        const { connection } = membership;
        const place = joining.get(membership);
        const held = place?.held ?? [];
        place?.cancelled.next();
        joining.delete(membership);
        const seat = seated.get(membership);
        seat?.unsubscribe();
        if (seated.delete(membership)) tell({ _tag: 'Occupied', room: name, members: seats.size() });
        late.delete(connection);
        if (reason !== 'closed') connection.tell({ event: 'left', room: name, reason, ref }, membership);
        // what was said before the leave was said: the order of a connection's commands is its own
        const said$ = merge(...held.map(publish));
        if (seat === undefined) return said$;
        const offline$ = presence ? announce(connection, 'offline') : EMPTY;
        reviewPresence(undefined);
        return merge(said$, offline$, recount());
      };

      const recount = (): Observable<unknown> =>
        defer(() => broker.members(name, seats.size())).pipe(
          mergeMap((count) => {
            others = count;
            reviewPresence(undefined);
            return EMPTY;
          }),
        );

      // presence

      const reviewPresence = (newcomer: string | undefined): void => {
        const told = config.presence.presenceEvents && name !== GLOBAL && seats.size() + others <= config.presence.presenceMaxRoom;
        if (told === presence) return;
        presence = told;
        if (seats.size() > (newcomer === undefined ? 0 : 1)) {
          const members = seats.size() + others;
          say({ event: 'joined', room: name, position: arrived.id, members, presence }, newcomer);
        }
      };

      const announce = (connection: Connection, what: 'online' | 'offline'): Observable<unknown> => {
        const data = presenceData(connection.userId, connection.id, what);
        const draft = draftOf({ room: name, type: 'presence', from: SERVER, data, at: clock.wall() });
        return isLeft(draft) ? EMPTY : broker.publish(draft.right);
      };

      // up

      const publish = (command: Publish): Observable<unknown> => {
        const place = command.membership === undefined ? undefined : joining.get(command.membership);
        if (place !== undefined) {
          place.held.push(command);
          return EMPTY;
        }
        return new Observable<never>((subscriber) =>
          broker.publish(command.draft).subscribe({
            next: command.settled,
            error: (error: unknown) => subscriber.error(error),
            complete: () => subscriber.complete(),
          }),
        );
      };

      const obey = (command: Command): Observable<unknown> => {
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
      const say = (control: Control, except?: string): void => aside.next(itemOf(control, arrived, except));

      const itemOf = (control: Control, top: Top, except?: string): Item => {
        const at = clock.wall();
        const id = { ...top, ms: Math.max(at, top.ms), global: name === GLOBAL, outside: true, nonce: drawNonce(clock.random) };
        return { payload: controlPayload(id, at, control), top, except, at: undefined };
      };

      const gapItem = (reason: GapReason): Item => {
        tell({ _tag: 'GapTold', reason, members: seats.size() });
        return itemOf({ event: 'gap', room: name === GLOBAL ? undefined : name, reason }, arrived);
      };

      const incoming = (event: ChannelEvent, out: (item: Item) => void): void => {
        switch (event._tag) {
          case 'Published': {
            const { id, payload, except } = event.publication;
            arrived = event.top;
            return out({ payload, top: arrived, except, at: id.ms });
          }
          case 'Gap':
            arrived = event.top;
            return out(gapItem(event.reason));
          case 'Opened':
            return opened(event);
          case 'Failed':
            for (const membership of [...seated.keys(), ...joining.keys()]) membership.connection.dismiss(name, 'failed');
        }
      };

      const opened = (event: Extract<ChannelEvent, { readonly _tag: 'Opened' }>): void => {
        const first = scope === undefined;
        scope = event.scope;
        arrived = event.top;
        if (seats.size() === 0 && !seats.busy()) delivered = arrived;
        if (name === GLOBAL) reached(arrived);
        if (first) opening.deliver(undefined).subscribe();
      };

      const hand = (membership: Membership, batch: RoomBatch): void => {
        const { connection } = membership;
        membership.position = batch.top;
        if (batch.excepted?.has(connection.id) === true) {
          const own = batch.items.filter(({ except }) => except !== connection.id);
          if (own.length > 0) connection.outbox.send({ count: own.length, bytes: framesOf(own.map(({ payload }) => payload)) });
        } else connection.outbox.send(batch);
        if (connection.outbox.messages > 0) late.add(connection);
      };

      /** Somebody who keeps up would be cut by this batch, and has not had the time to take the last one. */
      const hold = (messages: number, bytes: number): boolean => {
        for (const connection of late) {
          const { outbox } = connection;
          if (outbox.messages === 0) late.delete(connection);
          else if (!outbox.hasRoom(messages, bytes) && outbox.keepsUp()) return true;
        }
        return false;
      };

      const deliver = (batch: RoomBatch): Observable<never> => {
        const members = seats.size();
        const delivery = members === 0 ? EMPTY : seats.deliver(batch);
        const done = (): void => {
          delivered = batch.top;
          if (name === GLOBAL) reached(delivered);
          const acceptedAt = batch.items.flatMap(({ at }) => (at === undefined ? [] : [at]));
          tell({ _tag: 'Delivered', messages: batch.count, members, acceptedAt, handedAt: clock.wall() });
        };
        if (delivery !== EMPTY) return delivery.pipe(finalize(done));
        done();
        return EMPTY;
      };

      const fanOut = coalesce<Item, RoomBatch>({
        clock,
        batch: { messages: Math.min(BATCH.messages, Math.ceil(bound.messages / 2)), bytes: Math.min(BATCH.bytes, Math.ceil(bound.bytes / 2)) },
        limit: BACKLOG,
        size: ({ payload }) => payload.length,
        join: (items) => ({
          items,
          count: items.length,
          bytes: framesOf(items.map(({ payload }) => payload)),
          top: items.at(-1)?.top ?? delivered,
          excepted: exceptedBy(items),
        }),
        deliver,
        hold,
        overflow: () => gapItem('too_many'),
      });

      const channel$ = new Observable<Item>((subscriber) =>
        broker.channel(name).subscribe({
          next: (event) => incoming(event, (item) => subscriber.next(item)),
          error: (error: unknown) => subscriber.error(error),
        }),
      );

      const status$ = new Observable<Item>((subscriber) =>
        broker.status$.subscribe((next) => {
          const before = status;
          status = next;
          if (name !== GLOBAL || next._tag === 'Starting' || (next._tag === 'Up' && before._tag !== 'Degraded')) return;
          const control = statusControl(next);
          for (const membership of joining.keys()) membership.connection.tell(control, membership);
          subscriber.next(itemOf(control, arrived));
        }),
      );

      const over = new Subject<void>();
      return merge(
        merge(status$, channel$, aside).pipe(takeUntil(over), fanOut),
        command$.pipe(mergeMap(obey), finalize(() => over.next())),
      ).pipe(
        ignoreElements(),
        failing((error) => {
          tell({ _tag: 'RoomFailed', error });
          for (const { connection } of [...seated.keys(), ...joining.keys()]) connection.close(CLOSE.failed);
        }),
      );
    });

const exceptedBy = (items: readonly Item[]): ReadonlySet<string> | undefined => {
  const ids = items.flatMap(({ except }) => (except === undefined ? [] : [except]));
  return ids.length === 0 ? undefined : new Set(ids);
};

const statusControl = (status: BrokerStatus): Control => ({
  event: status._tag === 'Degraded' ? 'degraded' : 'restored',
  since: new Date(status._tag === 'Starting' ? 0 : status.since).toISOString(),
});

/** Sees an error on its way out. */
const failing =
  (seen: (error: unknown) => void) =>
  (source: Observable<never>): Observable<never> =>
    new Observable((subscriber) =>
      source.subscribe({
        error: (error: unknown) => {
          seen(error);
          subscriber.error(error);
        },
        complete: () => subscriber.complete(),
      }),
    );
