/**
 * The broker that makes one service of many pods, over the port to Redis. This file wires the parts.
 *
 * Source: it subscribes to the events of Redis, the health of the broker and the upkeep; `close` ends all
 * three.
 *
 *   Redis ─▶ subscriptions ─▶ room channels ─▶ members        publish ─▶ publisher ─▶ Redis, or this pod only
 *     └────▶ probe ─▶ health ─▶ status: the route of the publisher; whether channels open without the log
 */
import * as E from 'fp-ts/lib/Either.js';
import {
  BehaviorSubject,
  defer,
  finalize,
  map,
  merge,
  startWith,
  Subject,
  Subscription,
} from 'rxjs';
import type { RedisEvent } from '../redis/port.js';
import { openChannels } from './channels.js';
import type { ClusterBrokerDeps } from './cluster-broker-deps.js';
import { clusterLog } from './cluster-log.js';
import { redisTime } from './redis-time.js';
import { localIds } from './local-ids.js';
import { memberCounts } from './member-counts.js';
import { fallbackDedup } from './fallback-dedup.js';
import { epochs } from './epochs.js';
import type { Broker, BrokerEvent, BrokerStatus } from '../index.js';
import { type Input, type Health, health, statusOf } from './health.js';
import { patience } from './timeout.js';
import { fallbackLog } from '../fallback-log.js';
import { healthProbe } from './health-probe.js';
import { publisher } from './publisher.js';
import { LONG } from './log-questions.js';
import { clusterChannel, type ClusterChannelDeps } from './cluster-channel.js';
import { fallbackKeys } from './fallback-keys.js';
import { subscriptions } from './subscriptions.js';
import { systemChannels } from './system-channels.js';
import { controlChannel } from './control-channel.js';
import { upkeep } from './upkeep.js';

/**
 * What the cluster broker keeps in memory. When no room is used, all counts are 0, except that there are
 * three channels: the pod's own for probes, the global channel, and `realtime:control`.
 */
export interface Holdings {
  readonly channels: number;
  readonly rooms: number;
  readonly queues: number;
  readonly counts: number;
}

export interface ClusterBroker extends Broker {
  holdings(): Holdings;
}

const DAY_MS = 86_400_000;
/** The log of an open room is read about this often: so Redis keeps a position that has no message. */
const READ_MS = 60_000;

export const clusterBroker = (deps: ClusterBrokerDeps): ClusterBroker => {
  const { redis, clock, serverId, timeoutMs, positionTtlMs = DAY_MS } = deps;
  const { scheduler } = clock;
  const common = { redis, clock, timeoutMs };
  const life = new Subscription();
  const event$ = new Subject<BrokerEvent>();
  const status$ = new BehaviorSubject<BrokerStatus>({ _tag: 'Starting' });
  const input$ = new Subject<Input>();
  const end$ = new Subject<void>();
  let ready = false;
  let phase: Health['phase'] = 'Starting';
  const emit = (event: BrokerEvent): void => event$.next(event);

  const channels = openChannels();
  const ids = localIds(clock, channels.position);
  const position = patience(LONG * timeoutMs, scheduler, life);
  const probe = healthProbe(common);
  const channelSubscriptions = subscriptions({ redis, clock });
  const dedup = fallbackDedup(deps);
  const keys = fallbackKeys({ clock });
  const time = redisTime(clock, probe);
  const podOnly = fallbackLog({ now: time.now });
  const knownEpochs = epochs({ now: time.nowOrLatest, positionTtlMs });
  const counts = memberCounts({ redis, clock, ready: () => ready, changed: channels.count });
  const control = controlChannel({
    ...common,
    keepMs: positionTtlMs,
    dropped: (detail) => emit({ _tag: 'PayloadDropped', detail }),
  });

  const roomPublisher = publisher({
    ...common,
    probe,
    dedup,
    keys,
    route: () => ROUTE[status$.value._tag],
    ready: () => ready,
    idOutside: ids.idOutside,
    deliver: (room, publication) => {
      if (publication.type !== 'presence') podOnly.add(room, publication.id, publication.idText);
      channels.send(room, { _tag: 'LocalOnly', publication });
    },
    recheck: (room) => channels.send(room, { _tag: 'Poll' }),
    failed: ({ _tag, detail }, messages) => {
      emit({ _tag: 'PublishFailed', detail: `${_tag}: ${detail}`, messages });
      if (_tag === 'ReadOnly') input$.next({ _tag });
    },
    placed: channels.placed,
    ackedByPush: channels.ackedByPush,
  });

  const channelDeps: ClusterChannelDeps = {
    ...common,
    readEveryMs: Math.min(READ_MS, positionTtlMs / 3),
    ids,
    channels,
    subscriptions: channelSubscriptions,
    publisher: roomPublisher,
    fallbackDedup: dedup,
    epochs: knownEpochs,
    position: (room) => position(redis.position(room)),
    isDegraded: () => status$.value._tag === 'Degraded',
    reached: (room, to) => {
      if (channels.position(room)?.tag !== to.tag && !ids.isOwn(to)) knownEpochs.reached(room, to);
      time.seen(to.ms);
    },
    emit,
    end$,
  };

  const care = upkeep({
    ...common,
    probe,
    channels,
    ready: () => ready,
    answered: (answer) => {
      if (E.isLeft(answer)) {
        const { _tag, detail } = answer.left;
        // no answer is not reported: the next probe is answered, or `ConnectionLost` reports the connection
        if (_tag !== 'Unreachable' && _tag !== 'Late') emit({ _tag: 'Refused', detail });
        if (_tag === 'ReadOnly') input$.next({ _tag });
      }
      roomPublisher.answered();
    },
  });

  const accept = (event: Exclude<RedisEvent, { readonly _tag: 'Message' | 'Published' }>): void => {
    if (life.closed) return;
    switch (event._tag) {
      case 'Dropped':
        return channelSubscriptions.accept(event);
      case 'Ready':
        ready = true;
        input$.next(event);
        // the clock of Redis first: publishes wait for it
        care.probe();
        channelSubscriptions.accept(event);
        care.renewLease();
        return counts.again();
      case 'Refused':
        return emit(event);
      case 'Lost':
        ready = false;
        probe.forget();
        emit({ _tag: 'ConnectionLost', detail: event.detail });
        input$.next({ _tag: 'Lost' });
        return channelSubscriptions.accept(event);
    }
  };

  const allSynced$ = channels.allSynced$.pipe(
    startWith(true),
    map((allSynced): Input => ({ _tag: 'AllRoomsSynced', allSynced })),
  );

  life.add(
    health(clock, merge(input$, allSynced$)).subscribe((state) => {
      phase = state.phase;
      const status = statusOf(state);
      if (status._tag !== status$.value._tag) {
        status$.next(status);
        // the channels first: messages that fall back are delivered through them
        if (status._tag === 'Degraded') channels.sendToAll({ _tag: 'Degraded' });
        roomPublisher.routeChanged();
      }
      if (state.reconnect) redis.reconnect(probe.whyNotBack());
    }),
  );
  life.add(
    systemChannels({
      redis,
      subscriptions: channelSubscriptions,
      clock,
      serverId,
      probe,
      control: control.sink,
      emit,
      // at once, as `restored` waits for this probe
      subscribed: care.probeAnew,
      probeReturned: ({ seconds, sentAt, number }) => {
        emit({ _tag: 'ProbeReturned', seconds });
        if (phase === 'Degraded') channels.sendToAll({ _tag: 'Recovered', since: sentAt });
        input$.next({ _tag: 'Returned' });
        roomPublisher.probed(number);
      },
    }),
  );
  life.add(care.run$.subscribe());
  // outlives the rest: without a subscriber Redis is disconnected, and the lease cannot be given back
  const session = redis.event$.pipe(channelSubscriptions.messages).subscribe(accept);

  return {
    name: deps.name ?? 'redis',
    status$: status$.asObservable(),
    event$: event$.asObservable(),
    clockMs: time.known,
    channel: (room) => clusterChannel(room, channelDeps),
    log: clusterLog(redis, clock, timeoutMs, channels.has),
    publish: roomPublisher.publish,
    missedHere: (room, resume) => podOnly.missed(room, resume) ?? knownEpochs.missed(room, resume),
    remembered: () => ({ echoes: dedup.size(), keys: keys.size(), rooms: podOnly.size() }),
    waiting: () => roomPublisher.waiting(),
    members: (room, own) => counts.members(room, own),
    membersElsewhere: (room) => counts.membersElsewhere(room),
    control$: control.control$,
    sendControl: control.send,
    holdings: () => ({
      channels: channelSubscriptions.size(),
      rooms: channels.size(),
      queues: roomPublisher.size(),
      counts: counts.size(),
    }),
    close: () =>
      defer(() => {
        life.unsubscribe();
        end$.next();
        roomPublisher.close();
        counts.close();
        channelSubscriptions.close();
        control.close();
        event$.complete();
        status$.complete();
        return redis.close().pipe(finalize(() => session.unsubscribe()));
      }),
  };
};

const ROUTE = { Starting: 'wait', Up: 'cluster', Degraded: 'pod' } as const;
