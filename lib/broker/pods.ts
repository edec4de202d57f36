/**
 * The broker that makes many pods one service, over the port `Bus`. It has all the policy that a bus has not: what is
 * wanted is subscribed (`subscriptions`), what is heard is put in order (`repair`), what is published has a deadline and a
 * fallback on the pod (`publisher`), and whether the others are reached is judged by what comes back (`outage`).
 */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import { isSome } from 'fp-ts/lib/Option.js';
import {
  BehaviorSubject,
  defer,
  Observable,
  Subject,
  type Subscriber,
  Subscription,
  timer,
} from 'rxjs';
import type { Clock } from '../clock.js';
import { decodePublication, type Publication, pushedPublication, retold } from '../codec.js';
import { drawTag, GLOBAL, NO_EPOCH, type Id, parseId, type Room, type Top } from '../position.js';
import {
  type Bus,
  type BusError,
  type BusEvent,
  CONTROL_CHANNEL,
  channelOf,
  GLOBAL_CHANNEL,
  podChannel,
} from './bus.js';
import { counts } from './counts.js';
import { echoes } from './echoes.js';
import { epochs } from './epochs.js';
import type { Broker, BrokerEvent, BrokerStatus, ChannelEvent } from './index.js';
import { namesakes } from './namesake.js';
import { type Input, type Outage, outage, statusOf } from './outage.js';
import { patience, within } from './patience.js';
import { podOnly } from './pod-only.js';
import { probe } from './probe.js';
import { publisher } from './publisher.js';
import { LONG, type RawEvent, repair } from './repair.js';
import { receipts } from './receipts.js';
import { subscriptions } from './subscriptions.js';
import { words } from './words.js';

export interface PodsDeps {
  readonly bus: Bus;
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

export interface PodsBroker extends Broker {
  holdings(): Holdings;
}

/** A room as far as this pod's members got, for ids outside the log. */
interface Place {
  readonly raws: Set<Subject<RawEvent>>;
  /** Whose channel has said where it stands. */
  readonly open: Set<Subscriber<ChannelEvent>>;
  top: Top | undefined;
}

const DAY_MS = 86_400_000;
const LOG_TTL_MS = 600_000;
const PROBE_MS = 500;
/** An open room's position is used so often, at least: without a message it lives 10 minutes. */
const READ_MS = 60_000;
/** A third of the lease of 10 s: one or two that fail cost nothing. */
const LEASE_MS = 3_000;

export const podsBroker = (deps: PodsDeps): PodsBroker => {
  const { bus, clock, serverId, timeoutMs, positionTtlMs = DAY_MS, logTtlMs = LOG_TTL_MS } = deps;
  const { scheduler, wall, random } = clock;
  const life = new Subscription();
  const event$ = new Subject<BrokerEvent>();
  const status$ = new BehaviorSubject<BrokerStatus>({ _tag: 'Starting' });
  const input$ = new Subject<Input>();
  const end$ = new Subject<void>();
  const places = new Map<Room, Place>();
  const unsettled = new Set<object>();
  let ready = false;
  let turn = 0;
  let phase: Outage['phase'] = 'Starting';
  /** Of the ids that are given before any log was seen; one for the pod, so they sort among each other. */
  const podTag = drawTag(random);
  let podMs = 0;
  /** Such places: of no log, though once in 4,095 a log has their tag. */
  const ownTops = new WeakSet<Top>();

  const patient = patience(LONG * timeoutMs, scheduler, life);
  const isNamesake = namesakes(clock);
  const pulse = probe({ bus, clock, timeoutMs });
  const heard = subscriptions({ bus, clock });
  const said = echoes(deps);
  const keys = receipts({ clock });
  /** What Redis's clock is ahead of ours, as last known: an outage forgets it for deadlines. */
  let ahead: number | undefined;
  const redisNow = (): number => {
    ahead = pulse.ahead() ?? ahead;
    return ahead === undefined ? wall() : scheduler.now() + ahead;
  };
  const here = podOnly({ now: redisNow });
  /** Of all places: the clock of the next Redis may be behind it. */
  let latest = 0;
  const turns = epochs({ now: () => Math.max(latest, redisNow()) });
  const members = counts({
    bus,
    clock,
    ready: () => ready,
    changed: (room, others) => {
      for (const out of places.get(room)?.open ?? []) out.next({ _tag: 'Counted', others });
    },
  });

  /** By the pattern, not by the room: rooms are many, and the right is one. */
  const denied =
    (pattern: string) =>
    (detail: string): void =>
      event$.next({ _tag: 'Refused', detail, right: `+subscribe &${pattern}` });

  const dropped = (detail: string): void => event$.next({ _tag: 'PayloadDropped', detail });

  const operators = words({ bus, clock, timeoutMs, keepMs: logTtlMs, dropped });

  /** The one place whose time is the pod's own, and so may be wrong: no log is known yet. */
  const podTop = (): Top => {
    podMs = Math.max(podMs, Math.floor(wall()));
    const top: Top = { tag: podTag, offset: 0, ms: podMs, id: null };
    ownTops.add(top);
    return top;
  };

  const idOutside = (room: Room, nonce: number): Id => {
    const { tag, offset, ms } = places.get(room)?.top ?? podTop();
    // of the later of a member's two logs: both were live here
    const later = Math.max(ms, places.get(GLOBAL)?.top?.ms ?? ms);
    return { tag, offset, ms: later, global: room === GLOBAL, outside: true, nonce };
  };

  const sayTo = (room: Room, event: RawEvent): void => {
    for (const raw$ of [...(places.get(room)?.raws ?? [])]) raw$.next(event);
  };

  const lines = publisher({
    bus,
    clock,
    timeoutMs,
    probe: pulse,
    echoes: said,
    receipts: keys,
    way: () => WAY[status$.value._tag],
    ready: () => ready,
    idOutside,
    deliver: (room, publication: Publication) => {
      if (publication.type !== 'presence') here.said(room, publication.id, publication.idText);
      sayTo(room, { _tag: 'Said', publication });
    },
    look: (room) => sayTo(room, { _tag: 'Check' }),
    failed: ({ _tag, detail }, messages) => {
      event$.next({ _tag: 'PublishFailed', detail: `${_tag}: ${detail}`, messages });
      if (_tag === 'ReadOnly') input$.next({ _tag });
    },
    placed: (room, ids) => {
      if (places.has(room)) sayTo(room, { _tag: 'Placed', ids: ids.flatMap(loggedId) });
    },
  });

  const settled = (who: object, yes: boolean): void => {
    const whole = unsettled.size === 0;
    if (yes) unsettled.delete(who);
    else unsettled.add(who);
    if (whole !== (unsettled.size === 0)) input$.next({ _tag: 'Whole', whole: !whole });
  };

  const turnTo = (status: BrokerStatus): void => {
    status$.next(status);
    // channels first: what falls back needs somewhere to go
    if (status._tag === 'Degraded')
      for (const room of [...places.keys()]) sayTo(room, { _tag: 'Stranded' });
    lines.turned();
  };

  /** What is no answer stands in `ConnectionLost`, or passes. */
  const refused = ({ _tag, detail }: BusError): void => {
    if (_tag !== 'Unreachable' && _tag !== 'Late') event$.next({ _tag: 'Refused', detail });
  };

  const pulseOnce = (probe$ = pulse.send$): void => {
    if (!ready) return;
    life.add(
      probe$.subscribe((answer) => {
        if (isLeft(answer)) refused(answer.left);
        if (isLeft(answer) && answer.left._tag === 'ReadOnly') input$.next({ _tag: 'ReadOnly' });
        lines.answered();
      }),
    );
  };

  /** Some rooms each half second: a few hundred each 2 s, thousands each 10 s, so that Redis hardly feels it. */
  const lookAfter = (): void => {
    if (!ready) return;
    const turns = Math.min(20, Math.max(4, Math.ceil(places.size / 100)));
    turn += 1;
    [...places.keys()].forEach((room, i) => {
      if ((i + turn) % turns === 0) sayTo(room, { _tag: 'Check' });
    });
  };

  const renewLease = (): void => {
    if (ready) life.add(bus.lease().pipe(within(LEASE_MS, scheduler)).subscribe());
  };

  const accept = (event: BusEvent): void => {
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
      const place = places.get(room) ?? { raws: new Set(), open: new Set(), top: undefined };
      places.set(room, place);
      const raw$ = new Subject<RawEvent>();
      place.raws.add(raw$);
      const who = {};
      out.add(() => {
        place.raws.delete(raw$);
        place.open.delete(out);
        if (place.raws.size === 0 && places.get(room) === place) places.delete(room);
      });
      const ordered$ = raw$.pipe(
        repair({
          room,
          clock,
          patienceMs: timeoutMs,
          readEveryMs: Math.min(READ_MS, positionTtlMs / 3),
          page: (from, most) => bus.page(room, from, most, drawTag(random)),
          renew: (old) => bus.renew(room, old, otherTag(old, random)),
          position: () => patient(bus.position(room)),
          isUnderWay: ({ id }) => lines.isUnderWay(room, id),
          whole: ({ payload }) => {
            const publication = decodePublication(payload, room);
            if (isRight(publication)) return publication.right;
            dropped(publication.left);
            return undefined;
          },
          retell: (publication, id, isForeign) => retold(publication, room, id, isForeign),
          dropped,
          echoOf: (publication) => {
            lines.heard(room, publication);
            return said.find(room, publication);
          },
          moved: (top) => {
            if (place.top?.tag !== top.tag && !ownTops.has(top)) turns.reached(room, top);
            if (top.ms > latest) latest = top.ms;
            place.top = top;
            place.open.add(out);
          },
          settled: (yes) => settled(who, yes),
          podTop,
        }),
      );
      out.add(ordered$.subscribe(out));
      out.add(end$.subscribe(() => out.complete()));
      if (status$.value._tag === 'Degraded') raw$.next({ _tag: 'Stranded' });
      out.add(
        heard.open(channelOf(room), {
          message: (payload) => {
            const publication = pushedPublication(payload, room);
            if (isLeft(publication)) return dropped(publication.left);
            lines.heard(room, publication.right);
            raw$.next({ _tag: 'Heard', publication: publication.right });
          },
          subscribed: () => raw$.next({ _tag: 'Subscribed' }),
          torn: () => raw$.next({ _tag: 'Torn' }),
          denied: (detail) => {
            // of the global channel it is told below
            if (room !== GLOBAL) denied(channelOf('*'))(detail);
            raw$.next({ _tag: 'Denied', detail });
          },
        }),
      );
    });

  life.add(
    outage(clock, input$).subscribe((state) => {
      phase = state.phase;
      const status = statusOf(state);
      if (status._tag !== status$.value._tag) turnTo(status);
      if (state.reconnect) bus.reconnect();
    }),
  );
  life.add(
    heard.open(podChannel(serverId), {
      message: (payload) => {
        const back = pulse.take(payload);
        if (back === undefined) {
          if (!pulse.isOwn(payload) && isNamesake(payload)) event$.next({ _tag: 'NamesakeHeard' });
          return;
        }
        event$.next({ _tag: 'ProbeReturned', seconds: back.seconds });
        if (phase === 'Degraded')
          for (const room of [...places.keys()])
            sayTo(room, { _tag: 'Reached', since: back.sentAt });
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
  life.add(heard.open(GLOBAL_CHANNEL, { ...DEAF, denied: denied(GLOBAL_CHANNEL) }));
  life.add(heard.open(CONTROL_CHANNEL, { ...operators.sink, denied: denied(CONTROL_CHANNEL) }));
  life.add(timer(PROBE_MS, PROBE_MS, scheduler).subscribe(() => pulseOnce()));
  life.add(timer(PROBE_MS, PROBE_MS, scheduler).subscribe(lookAfter));
  life.add(timer(LEASE_MS, LEASE_MS, scheduler).subscribe(renewLease));
  input$.next({ _tag: 'Whole', whole: true });
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
        const page$ = places.has(room)
          ? bus.page(room, from, most, drawTag(random))
          : bus.peek(room, from, most);
        return page$.pipe(within(timeoutMs, scheduler));
      },
    },
    publish: (draft) => lines.publish(draft),
    missedHere: (room, resume) => here.missed(room, resume) ?? turns.missed(room, resume),
    remembered: () => ({ echoes: said.size(), keys: keys.size(), rooms: here.size() }),
    waiting: () => lines.waiting(),
    members: (room, own) => members.members(room, own),
    elsewhere: (room) => members.elsewhere(room),
    word$: operators.word$,
    say: operators.say,
    holdings: () => ({
      channels: heard.size(),
      rooms: places.size,
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
const loggedId = (text: string): readonly Id[] => {
  const id = parseId(text);
  return isSome(id) && !id.value.outside ? [id.value] : [];
};

const DEAF = {
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
