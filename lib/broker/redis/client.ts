/**
 * The Redis port over sessions: what one Redis, Sentinel and a Cluster have in common. The client is
 * connected while `event$` is subscribed. While no session is ready, every answer is `Unreachable` at once:
 * nothing waits here.
 *
 * Source: it makes a stream of the callbacks of the sessions, and ends with its subscriber.
 */
import {
  catchError,
  concat,
  defer,
  EMPTY,
  ignoreElements,
  merge,
  Observable,
  of,
  share,
  Subject,
  takeUntil,
  timeout,
} from 'rxjs';
import type { Cluster, Redis } from 'ioredis';
import type { RedisPort, RedisEvent } from './port.js';
import { answer, done, isReply } from './errors.js';
import { type Fields, redisCommands } from './commands.js';
import type { Run } from './lua/scripts.js';
import { namesIn } from './names.js';
import type { RedisClientOptions } from './options.js';
import type { Reason } from './reasons.js';
import { redisConnections } from './connection.js';

/** What a session can do when it is ready. */
export interface Session {
  readonly redis: Redis | Cluster;
  /** Called before each command of `redis`: the commands of one turn of the event loop are one write. */
  readonly hold: () => void;
  /** Called when the connection broke, or the time was over, before a command was answered. */
  readonly unanswered?: () => void;
  readonly subscribe: (channels: readonly string[]) => Promise<unknown>;
  readonly unsubscribe: (channels: readonly string[]) => Promise<unknown>;
}

/** The events of a session. */
export interface SessionEvents {
  readonly ready: (session: Session) => void;
  readonly lost: (reason: Reason) => void;
  readonly dropped: (channels: readonly string[]) => void;
  readonly message: (channel: Buffer, payload: Buffer) => void;
}

/** Opens connections. Returns a function that drops them at once. */
export type Connect = (attempt: number, events: SessionEvents) => () => void;

const failed = ({ unanswered }: Session, thrown: unknown): never => {
  if (!isReply(thrown)) unanswered?.();
  throw thrown;
};

/** How long `close` waits until the lease is given back. */
const LEAVE_MS = 400;

export const redisClient = (
  options: RedisClientOptions,
  sharded: boolean,
  connect: Connect,
): RedisPort => {
  const { clock } = options;
  const again$ = new Subject<string>();
  const closed$ = new Subject<void>();
  const { channelAt, channelIn } = namesIn(options.prefix);
  let session: Session | undefined;

  const live = (): Session => {
    if (session === undefined) throw new Error('not connected to Redis');
    return session;
  };
  /**
   * EVALSHA; where Redis does not know the script (restarted, flushed, another node), EVAL of the same call.
   */
  const run: Run = async (script, keys, args) => {
    const opened = live();
    const { redis, hold } = opened;
    hold();
    try {
      return await redis.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (thrown) {
      if (!isReply(thrown) || !thrown.message.startsWith('NOSCRIPT')) return failed(opened, thrown);
      return redis
        .eval(script.lua, keys.length, ...keys, ...args)
        .catch((again: unknown) => failed(opened, again));
    }
  };
  const fields: Fields = async (key, names) => {
    const opened = live();
    opened.hold();
    try {
      return await opened.redis.hmget(key, ...names);
    } catch (thrown) {
      return failed(opened, thrown);
    }
  };
  const { leave, forget, ...calls } = redisCommands(options, sharded, run, fields);

  /** Messages go straight to `emit`. The operators that keep the session see only its few other events. */
  const open = (attempt: number, emit: (event: RedisEvent) => void): Observable<RedisEvent> =>
    new Observable((observer) => {
      const drop = connect(attempt, {
        ready: (opened) => {
          session = opened;
          observer.next({ _tag: 'Ready' });
        },
        lost: ({ detail, isAnswer }) => {
          if (isAnswer) observer.next({ _tag: 'Refused', detail });
          observer.error(new Error(detail));
        },
        dropped: (names) =>
          observer.next({
            _tag: 'Dropped',
            channels: names.map((name) => channelIn(Buffer.from(name))),
          }),
        message: (name, payload) => emit({ _tag: 'Message', channel: channelIn(name), payload }),
      });
      return () => {
        session = undefined;
        forget();
        drop();
      };
    });

  const connected$ = new Observable<RedisEvent>((observer) =>
    redisConnections(
      (attempt) => open(attempt, (event) => observer.next(event)),
      again$,
      clock,
    ).subscribe(observer),
  );
  const session$ = connected$.pipe(takeUntil(closed$), share());

  return {
    ...calls,
    subscribeCommand: sharded ? 'ssubscribe' : 'subscribe',
    event$: defer(() =>
      session === undefined ? session$ : merge(of<RedisEvent>({ _tag: 'Ready' }), session$),
    ),
    subscribe: (channels) => answer(async () => live().subscribe(channels.map(channelAt)), done),
    unsubscribe: (channels) =>
      answer(async () => live().unsubscribe(channels.map(channelAt)), done),
    reconnect: (why) => again$.next(why),
    close: () =>
      concat(
        defer(() =>
          session === undefined
            ? EMPTY
            : leave().pipe(timeout({ each: LEAVE_MS, scheduler: clock.scheduler })),
        ).pipe(catchError(() => EMPTY)),
        defer(() => {
          closed$.next();
          return EMPTY;
        }),
      ).pipe(ignoreElements()),
  };
};
