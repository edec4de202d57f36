/**
 * The broker that makes many pods one service, over the port `Bus`. It has all the policy that a bus has not: what is
 * wanted is subscribed (`subscriptions`), what is heard is put in order (`repair`), what is published has a deadline and a
 * fallback on the pod (`publisher`), and whether the others are reached is judged by what comes back (`outage`).
 */
import * as E from 'fp-ts/lib/Either.js';
import type { LogError } from '../../history/index.js';
import { isSome } from 'fp-ts/lib/Option.js';
import {
  BehaviorSubject,
  defer,
  map,
  Observable,
  Subject,
  type Subscriber,
  Subscription,
  tap,
  timer,
} from 'rxjs';
import type { Clock } from '../../clock.js';
import { decodePublication, pushedPublication, reissued } from '../../protocol/channel-payload.js';
import type { Publication } from '../../protocol/publication.js';
import {
  drawTag,
  GLOBAL,
  NO_EPOCH,
  type MessageId,
  parseId,
  type Room,
  type LogPosition,
} from '../../protocol/position.js';
import {
  type RedisPort,
  type RedisError,
  type RedisEvent,
  CONTROL_CHANNEL,
  channelOf,
  GLOBAL_CHANNEL,
  podChannel,
} from '../redis/port.js';
import { memberCounts } from './member-counts.js';
import { fallbackDedup } from './fallback-dedup.js';
import { epochs } from './epochs.js';
import type { Broker, BrokerEvent, BrokerStatus, ChannelEvent } from '../index.js';
import { namesakes } from './namesake.js';
import { type Input, type Health, health, statusOf } from './health.js';
import { patience, orTimeout } from './timeout.js';
import { fallbackLog } from '../fallback-log.js';
import { healthProbe } from './health-probe.js';
import { publisher } from './publisher.js';
import type { RawEvent } from './channel-events.js';
import { LONG } from './log-questions.js';
import { orderedChannel } from './ordered-channel.js';
import { fallbackKeys } from './fallback-keys.js';
import { subscriptions } from './subscriptions.js';
import { controlChannel } from './control-channel.js';

export interface ClusterBrokerDeps {
  readonly bus: RedisPort;
  readonly clock: Clock;
  readonly serverId: string;
  /** `BROKER_TIMEOUT_MS`. */
  readonly timeoutMs: number;
  /** `LOG_POSITION_TTL_MS`; a day when it is not said. */
  readonly positionTtlMs?: number;
  /** `LOG_TTL_MS`: so long a message may be read that this pod has said already. */
  readonly logTtlMs?: number;
}

/** What a broker of pods holds at a moment: all zero but three channels (its probe, global, control) when nobody uses it. */
export interface Holdings {
  readonly channels: number;
  readonly rooms: number;
  readonly lines: number;
  readonly counts: number;
}

export interface ClusterBroker extends Broker {
  holdings(): Holdings;
}

/** A room as far as this pod's members got, for ids outside the log. */
interface OpenChannels {
  readonly raws: Set<Subject<RawEvent>>;
  /** Whose channel has said where it stands. */
  readonly open: Set<Subscriber<ChannelEvent>>;
  top: LogPosition | undefined;
}

const DAY_MS = 86_400_000;
const LOG_TTL_MS = 600_000;
const PROBE_MS = 500;
/** An open room's position is used so often, at least: without a message it lives 10 minutes. */
const READ_MS = 60_000;
/** A third of the lease of 10 s: one or two that fail cost nothing. */
const LEASE_RENEWAL_MS = 3_000;

export const clusterBroker = (deps: ClusterBrokerDeps): ClusterBroker => {
  const { bus, clock, serverId, timeoutMs, positionTtlMs = DAY_MS, logTtlMs = LOG_TTL_MS } = deps;
  const { scheduler, wall, random } = clock;
  const life = new Subscription();
  const event$ = new Subject<BrokerEvent>();
  const status$ = new BehaviorSubject<BrokerStatus>({ _tag: 'Starting' });
  const input$ = new Subject<Input>();
  const end$ = new Subject<void>();
  const channels = new Map<Room, OpenChannels>();
  const unsettled = new Set<object>();
  let ready = false;
  let turn = 0;
  let phase: Health['phase'] = 'Starting';
  /** Of the ids that are given before any log was seen; one for the pod, so they sort among each other. */
  const podTag = drawTag(random);
  let podMs = 0;
  /** Such places: of no log, though once in 4,095 a log has their tag. */
  const ownTops = new WeakSet<LogPosition>();

  const patient = patience(LONG * timeoutMs, scheduler, life);
  const isNamesake = namesakes(clock);
  const pulse = healthProbe({ bus, clock, timeoutMs });
  const heard = subscriptions({ bus, clock });
  const said = fallbackDedup(deps);
  const keys = fallbackKeys({ clock });
  /** What Redis's clock is ahead of ours, as last known: an outage forgets it for deadlines. */
  let ahead: number | undefined;
  const redisNow = (): number => {
    ahead = pulse.ahead() ?? ahead;
    return ahead === undefined ? wall() : scheduler.now() + ahead;
  };
  const here = fallbackLog({ now: redisNow });
  /** Of all places: the clock of the next Redis may be behind it. */
  let latest = 0;
  const turns = epochs({ now: () => Math.max(latest, redisNow()) });
  const members = memberCounts({
    bus,
    clock,
    ready: () => ready,
    changed: (room, others) => {
      for (const out of channels.get(room)?.open ?? []) out.next({ _tag: 'Counted', others });
    },
  });

  /** By the pattern, not by the room: rooms are many, and the right is one. */
  const denied =
    (pattern: string) =>
    (detail: string): void =>
      event$.next({ _tag: 'Refused', detail, right: `+subscribe &${pattern}` });

  const dropped = (detail: string): void => event$.next({ _tag: 'PayloadDropped', detail });

  const operators = controlChannel({ bus, clock, timeoutMs, keepMs: logTtlMs, dropped });

  /** The one place whose time is the pod's own, and so may be wrong: no log is known yet. */
  const podPosition = (): LogPosition => {
    podMs = Math.max(podMs, Math.floor(wall()));
    const top: LogPosition = { tag: podTag, offset: 0, ms: podMs, id: null };
    ownTops.add(top);
    return top;
  };

  const idOutside = (room: Room, nonce: number): MessageId => {
    const { tag, offset, ms } = channels.get(room)?.top ?? podPosition();
    // of the later of a member's two logs: both were live here
    const later = Math.max(ms, channels.get(GLOBAL)?.top?.ms ?? ms);
    return { tag, offset, ms: later, global: room === GLOBAL, outside: true, nonce };
  };

  const toRoom = (room: Room, event: RawEvent): void => {
    for (const raw$ of [...(channels.get(room)?.raws ?? [])]) raw$.next(event);
  };

  const lines = publisher({
    bus,
    clock,
    timeoutMs,
    probe: pulse,
    echoes: said,
    receipts: keys,
    route: () => WAY[status$.value._tag],
    ready: () => ready,
    idOutside,
    deliver: (room, publication: Publication) => {
      if (publication.type !== 'presence') here.add(room, publication.id, publication.idText);
      toRoom(room, { _tag: 'LocalOnly', publication });
    },
    recheck: (room) => toRoom(room, { _tag: 'Poll' }),
    failed: ({ _tag, detail }, messages) => {
      event$.next({ _tag: 'PublishFailed', detail: `${_tag}: ${detail}`, messages });
      if (_tag === 'ReadOnly') input$.next({ _tag });
    },
    placed: (room, ids) => {
      if (channels.has(room)) toRoom(room, { _tag: 'Placed', ids: ids.flatMap(loggedId) });
    },
  });

  const settled = (who: object, yes: boolean): void => {
    const whole = unsettled.size === 0;
    if (yes) unsettled.delete(who);
    else unsettled.add(who);
    if (whole !== (unsettled.size === 0)) input$.next({ _tag: 'AllRoomsSynced', whole: !whole });
  };

  const setStatus = (status: BrokerStatus): void => {
    status$.next(status);
    // channels first: what falls back needs somewhere to go
    if (status._tag === 'Degraded')
      for (const room of [...channels.keys()]) toRoom(room, { _tag: 'Degraded' });
    lines.routeChanged();
  };

  /** What is no answer stands in `ConnectionLost`, or passes. */
  const refused = ({ _tag, detail }: RedisError): void => {
    if (_tag !== 'Unreachable' && _tag !== 'Late') event$.next({ _tag: 'Refused', detail });
  };

  const pulseOnce = (probe$ = pulse.send$): void => {
    if (!ready) return;
    life.add(
      probe$.subscribe((answer) => {
        if (E.isLeft(answer)) refused(answer.left);
        if (E.isLeft(answer) && answer.left._tag === 'ReadOnly') input$.next({ _tag: 'ReadOnly' });
        lines.answered();
      }),
    );
  };

  /** Some rooms each half second: a few hundred each 2 s, thousands each 10 s, so that Redis hardly feels it. */
  const pollRooms = (): void => {
    if (!ready) return;
    const turns = Math.min(20, Math.max(4, Math.ceil(channels.size / 100)));
    turn += 1;
    [...channels.keys()].forEach((room, i) => {
      if ((i + turn) % turns === 0) toRoom(room, { _tag: 'Poll' });
    });
  };

  const renewLease = (): void => {
    if (ready) life.add(bus.lease().pipe(orTimeout(LEASE_RENEWAL_MS, scheduler)).subscribe());
  };

  const accept = (event: RedisEvent): void => {
    switch (event._tag) {
      case 'Message':
      case 'Dropped':
        return heard.accept(event);
      case 'Ready':
        ready = true;
        input$.next(event);
        // the clock first: publishes wait for it
        pulseOnce();
        heard.accept(event);
        renewLease();
        return members.again();
      case 'Refused':
        return event$.next(event);
      case 'Lost':
        ready = false;
        pulse.forget();
        event$.next({ _tag: 'ConnectionLost', detail: event.detail });
        input$.next({ _tag: 'Lost' });
        return heard.accept(event);
    }
  };

  const channel = (room: Room): Observable<ChannelEvent> =>
    new Observable((out) => {
      const place = channels.get(room) ?? { raws: new Set(), open: new Set(), top: undefined };
      channels.set(room, place);
      const raw$ = new Subject<RawEvent>();
      place.raws.add(raw$);
      const who = {};
      out.add(() => {
        place.raws.delete(raw$);
        place.open.delete(out);
        if (place.raws.size === 0 && channels.get(room) === place) channels.delete(room);
      });
      const moved = (top: LogPosition): void => {
        if (place.top?.tag !== top.tag && !ownTops.has(top)) turns.reached(room, top);
        if (top.ms > latest) latest = top.ms;
        place.top = top;
        place.open.add(out);
      };
      /** What the channel's events say to the rest of the broker, before the members get them. */
      const record = (event: ChannelEvent): void => {
        switch (event._tag) {
          case 'Published':
          case 'Echoed':
            moved(event.top);
            // the log has it: a publish of ours that waits for its answer has succeeded
            if (event.offset !== undefined) lines.received(room, event.publication);
            return;
          case 'Opened':
          case 'Gap':
            return moved(event.top);
          case 'Counted':
          case 'Failed':
            return;
        }
      };
      const ordered$ = raw$.pipe(
        orderedChannel({
          room,
          clock,
          timeoutMs,
          readEveryMs: Math.min(READ_MS, positionTtlMs / 3),
          page: (from, most) => bus.page(room, from, most, drawTag(random)),
          renew: (old) => bus.renew(room, old, otherTag(old, random)),
          position: () => patient(bus.position(room)),
          isUnderWay: ({ id }) => lines.isUnderWay(room, id),
          whole: ({ payload }) => {
            const publication = decodePublication(payload, room);
            if (E.isRight(publication)) return publication.right;
            dropped(publication.left);
            return undefined;
          },
          reissue: (publication, id, isForeign) => reissued(publication, room, id, isForeign),
          dropped,
          echoOf: (publication) => said.find(room, publication),
          synced: (yes) => settled(who, yes),
          podPosition,
        }),
      );
      out.add(ordered$.pipe(tap(record)).subscribe(out));
      out.add(end$.subscribe(() => out.complete()));
      if (status$.value._tag === 'Degraded') raw$.next({ _tag: 'Degraded' });
      out.add(
        heard.open(channelOf(room), {
          message: (payload) => {
            const publication = pushedPublication(payload, room);
            if (E.isLeft(publication)) return dropped(publication.left);
            lines.received(room, publication.right);
            raw$.next({ _tag: 'Received', publication: publication.right });
          },
          subscribed: () => raw$.next({ _tag: 'Subscribed' }),
          torn: () => raw$.next({ _tag: 'Unsubscribed' }),
          denied: (detail) => {
            // of the global channel it is told below
            if (room !== GLOBAL) denied(channelOf('*'))(detail);
            raw$.next({ _tag: 'Denied', detail });
          },
        }),
      );
    });

  life.add(
    health(clock, input$).subscribe((state) => {
      phase = state.phase;
      const status = statusOf(state);
      if (status._tag !== status$.value._tag) setStatus(status);
      if (state.reconnect) bus.reconnect();
    }),
  );
  life.add(
    heard.open(podChannel(serverId), {
      message: (payload) => {
        const back = pulse.read(payload);
        if (back === undefined) {
          if (isNamesake(payload)) event$.next({ _tag: 'NamesakeHeard' });
          return;
        }
        event$.next({ _tag: 'ProbeReturned', seconds: back.seconds });
        if (phase === 'Degraded')
          for (const room of [...channels.keys()])
            toRoom(room, { _tag: 'Recovered', since: back.sentAt });
        input$.next({ _tag: 'Returned' });
        lines.probed(back.number);
      },
      // at once, as `restored` waits for it
      subscribed: () => pulseOnce(pulse.sendNew$),
      torn: () => undefined,
      denied: denied(podChannel(serverId)),
    }),
  );
  // contract section 5: always, whoever is connected
  life.add(heard.open(GLOBAL_CHANNEL, { ...IGNORE, denied: denied(GLOBAL_CHANNEL) }));
  life.add(heard.open(CONTROL_CHANNEL, { ...operators.sink, denied: denied(CONTROL_CHANNEL) }));
  life.add(timer(PROBE_MS, PROBE_MS, scheduler).subscribe(() => pulseOnce()));
  life.add(timer(PROBE_MS, PROBE_MS, scheduler).subscribe(pollRooms));
  life.add(timer(LEASE_RENEWAL_MS, LEASE_RENEWAL_MS, scheduler).subscribe(renewLease));
  input$.next({ _tag: 'AllRoomsSynced', whole: true });
  life.add(bus.event$.subscribe(accept));

  return {
    name: 'redis',
    status$: status$.asObservable(),
    event$: event$.asObservable(),
    clockMs: () => {
      const ahead = pulse.ahead();
      return ahead === undefined ? undefined : scheduler.now() + ahead;
    },
    channel,
    log: {
      page: (room, from, most) => {
        // an open room has an epoch: should Redis have lost it, whoever notices first makes the next
        const page$ = channels.has(room)
          ? bus.page(room, from, most, drawTag(random))
          : bus.peek(room, from, most);
        return page$.pipe(orTimeout(timeoutMs, scheduler), map(E.mapLeft(logErrorOf)));
      },
    },
    publish: (draft) => lines.publish(draft),
    missedHere: (room, resume) => here.missed(room, resume) ?? turns.missed(room, resume),
    remembered: () => ({ echoes: said.size(), keys: keys.size(), rooms: here.size() }),
    waiting: () => lines.waiting(),
    members: (room, own) => members.members(room, own),
    membersElsewhere: (room) => members.membersElsewhere(room),
    control$: operators.word$,
    sendControl: operators.send,
    holdings: () => ({
      channels: heard.size(),
      rooms: channels.size,
      lines: lines.size(),
      counts: members.size(),
    }),
    close: () =>
      defer(() => {
        life.unsubscribe();
        end$.next();
        lines.close();
        members.close();
        heard.close();
        operators.close();
        event$.complete();
        status$.complete();
        return bus.close();
      }),
  };
};

/** What takes no offset says of the log only where it stood. */
const loggedId = (text: string): readonly MessageId[] => {
  const id = parseId(text);
  return isSome(id) && !id.value.outside ? [id.value] : [];
};

/** These pass by themselves. */
const PASSING: ReadonlySet<RedisError['_tag']> = new Set([
  'Unreachable',
  'Loading',
  'Busy',
  'ReadOnly',
  'Late',
]);

const logErrorOf = ({ _tag, detail }: RedisError): LogError => ({
  _tag: PASSING.has(_tag) ? 'Unreachable' : 'Unreadable',
  detail,
});

const IGNORE = {
  message: () => undefined,
  subscribed: () => undefined,
  torn: () => undefined,
  denied: () => undefined,
};

const WAY = { Starting: 'wait', Up: 'cluster', Degraded: 'pod' } as const;

/** A new epoch's tag that is not the old one's. */
const otherTag = (old: number, random: () => number): number => {
  const tag = drawTag(random);
  return tag === old ? (tag % (NO_EPOCH - 1)) + 1 : tag;
};
