/**
 * `RedisPort` on a model of Redis, in virtual time. Each pod has two connections, one for commands and one
 * for subscriptions. Each is in order by itself, but not with the other, so an answer can come before a
 * message that was published earlier. Connections break, hang and come back with backoff. A command whose
 * connection broke may have run.
 */
import { left, type Either } from 'fp-ts/lib/Either.js';
import { Observable, Subject, type Subscription } from 'rxjs';
import { backoffMs } from '../../lib/rx/backoff.js';
import {
  type RedisReply,
  type RedisPort,
  type RedisError,
  type RedisEvent,
  podChannel,
} from '../../lib/broker/redis/port.js';
import type { Clock } from '../../lib/clock.js';
import { type ModelRedis, type Peer, type Reply } from './model-redis-port.js';
import { type Pipe, pipe } from './pipe.js';

export interface ModelBus extends RedisPort {
  /** The connections break now. */
  cut(): void;
  /**
   * Redis closes one connection, or both. The session ends with either; commands sent on the other one may
   * still arrive.
   */
  breakOff(which: 'subscriber' | 'publisher' | 'both'): void;
  /** Nothing passes in either direction, without an error, until it is switched off. */
  blackHole(on: boolean): void;
  /** Commands arrive and run; their answers wait until it is switched off. */
  holdAnswers(on: boolean): void;
  /** Pushes do not arrive, though the connection answers: a stale subscriber. */
  deafen(on: boolean): void;
  /** Whether a probe could come back, as far as the connections of this pod matter. */
  isClear(): boolean;
  /** Redis (a Cluster's node) forgot these subscriptions. */
  drop(channels: readonly string[]): void;
  /** A packet takes up to this long in one direction. */
  slow(ms: number): void;
  /** These channels are refused by the ACL. */
  readonly denied: Set<string>;
  /** Commands sent so far, by name. */
  readonly sent: Map<string, number>;
  /**
   * The process ends as with `kill -9`: commands that were sent arrive, and Redis notices the end a while
   * later.
   */
  kill(): void;
}

/** Redis notices the end of a killed process at most this much later. */
const KILLED_MS = 50;

/** The same as in `lib/broker/redis/connection.ts`. */
const AT_ONCE_MS = 10;
/** Commands on a connection that the pod gave up reach Redis this much later. */
const STRAGGLING_MS = 200;

const LOST: Either<RedisError, never> = left({ _tag: 'Unreachable', detail: 'no connection' });

/** `clock` is the pod's, which may stop; `network` is the world's, and goes on. */
export const modelBus = (
  redis: ModelRedis,
  clock: Clock,
  serverId: string,
  network: Clock = clock,
): ModelBus => {
  const { scheduler, random } = clock;
  const event$ = new Subject<RedisEvent>();
  const denied = new Set<string>();
  const sent = new Map<string, number>();
  let stuck: (() => void)[] = [];
  const unanswered = new Set<() => void>();
  let links: { readonly peer: Peer; readonly pipes: readonly [Pipe, Pipe, Pipe, Pipe] } | undefined;
  let ready = false;
  let hole = false;
  let answersWait = false;
  let deaf = false;
  let ended = false;
  let delayMs = 2;
  let failures = 0;
  let due: Subscription | undefined;

  const way = (over: Clock, isBlocked: () => boolean): Pipe =>
    pipe({
      clock: over,
      delayMs: () => delayMs,
      blocked: (deliver) => {
        if (isBlocked()) stuck.push(deliver);
        return isBlocked();
      },
    });

  const isHole = (): boolean => hole;

  const unblock = (): void => {
    const waiting = stuck;
    stuck = [];
    for (const deliver of waiting) deliver();
  };

  const connect = (atOnce = false): void => {
    if (ended) return;
    due?.unsubscribe();
    due = scheduler.schedule(
      () => {
        due = undefined;
        failures += 1;
        if (!redis.isUp() || hole) return connect();
        const pipes = [
          way(network, isHole),
          way(clock, () => hole || answersWait),
          way(network, isHole),
          way(clock, isHole),
        ] as const;
        const peer: Peer = {
          channels: new Set(),
          push: (channel, payload) => {
            if (!deaf) pipes[3].send(() => event$.next({ _tag: 'Message', channel, payload }));
          },
          broken: () => lose('broken by Redis'),
        };
        links = { peer, pipes };
        redis.peers.add(peer);
        pipes[0].send(() =>
          redis.run(() => {
            if (links?.peer !== peer) return;
            pipes[1].send(() => {
              ready = true;
              failures = 0;
              event$.next({ _tag: 'Ready' });
            });
          }),
        );
      },
      atOnce ? random() * AT_ONCE_MS : failures === 0 ? 0 : backoffMs(failures - 1, random),
    );
  };

  const lose = (detail: string, staysOpen = false): void => {
    if (links === undefined) return;
    const [first, ...others] = links.pipes;
    if (staysOpen) first.delay(random() * STRAGGLING_MS);
    else first.close();
    for (const { close } of others) close();
    redis.peers.delete(links.peer);
    links = undefined;
    const was = ready;
    ready = false;
    for (const answer of [...unanswered]) answer();
    if (was) event$.next({ _tag: 'Lost', detail });
    connect(was);
  };

  const command = <A>(
    name: string,
    isSubscriber: boolean,
    run: (peer: Peer) => Reply<A>,
  ): RedisReply<A> =>
    new Observable((out) => {
      sent.set(name, (sent.get(name) ?? 0) + 1);
      const answer = (reply: Reply<A>): void => {
        unanswered.delete(lost);
        out.next(reply);
        out.complete();
      };
      const lost = (): void => answer(LOST);
      if (links === undefined || !ready) return lost();
      const { peer, pipes } = links;
      unanswered.add(lost);
      pipes[isSubscriber ? 2 : 0].send(() =>
        redis.run(() => {
          const reply = run(peer);
          pipes[isSubscriber ? 3 : 1].send(() => answer(reply));
        }),
      );
    });

  connect();

  return {
    event$,
    denied,
    sent,
    subscribeCommand: 'subscribe',
    subscribe: (channels) =>
      command('subscribe', true, (peer) => {
        if (channels.some((channel) => denied.has(channel)))
          return left({ _tag: 'NoPermission', detail: 'NOPERM' });
        for (const channel of channels) peer.channels.add(channel);
        return { _tag: 'Right', right: undefined };
      }),
    unsubscribe: (channels) =>
      command('unsubscribe', true, (peer) => {
        for (const channel of channels) peer.channels.delete(channel);
        return { _tag: 'Right', right: undefined };
      }),
    publish: (room, drafts, nonces, tag, deadline, call) =>
      command('publish', false, () => redis.publish(room, drafts, nonces, tag, deadline, call)),
    position: (room) => command('position', false, () => redis.standing(room)),
    top: (room, tag) => command('top', false, () => redis.top(room, tag)),
    page: (room, from, most, tag, known) =>
      command('page', false, () => redis.page(room, from, most, tag, known)),
    peek: (room, from, most) => command('peek', false, () => redis.peek(room, from, most)),
    renew: (room, old, tag) => command('renew', false, () => redis.renew(room, old, tag)),
    members: (room, own) => command('members', false, () => redis.members(room, serverId, own)),
    probe: (text) =>
      command('probe', false, () => {
        const done = redis.send(podChannel(serverId), Buffer.from(text));
        return done._tag === 'Left' ? done : { _tag: 'Right', right: redis.now() };
      }),
    lease: () => command('lease', false, () => redis.lease(serverId)),
    control: (text, kept) =>
      command('control', false, () => {
        const done = redis.send('realtime:control', Buffer.from(text));
        if (kept !== undefined && done._tag === 'Right') redis.keep(text, kept);
        return done;
      }),
    recall: (ms) => command('recall', false, () => redis.recall(ms)),
    reconnect: (why) => lose(why),
    close: () =>
      new Observable((out) => {
        ended = true;
        due?.unsubscribe();
        // without a connection the lease cannot be given back
        if (ready && event$.observed) redis.resign(serverId);
        lose('closed');
        event$.complete();
        out.next();
        out.complete();
      }),
    cut: () => lose('cut'),
    breakOff: (which) => lose(`${which} broken off`, which === 'subscriber'),
    blackHole: (on) => {
      hole = on;
      if (!on) unblock();
    },
    holdAnswers: (on) => {
      answersWait = on;
      if (!on) unblock();
    },
    deafen: (on) => {
      deaf = on;
    },
    isClear: () => !hole && !deaf,
    drop: (channels) => {
      const gone = channels.filter((channel) => links?.peer.channels.delete(channel));
      if (ready && gone.length > 0) event$.next({ _tag: 'Dropped', channels: gone });
    },
    slow: (ms) => {
      delayMs = ms;
    },
    kill: () => {
      ended = true;
      due?.unsubscribe();
      const peer = links?.peer;
      links = undefined;
      ready = false;
      unanswered.clear();
      network.scheduler.schedule(() => peer && redis.peers.delete(peer), random() * KILLED_MS);
    },
  };
};
