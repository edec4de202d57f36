/**
 * Control commands between pods. A pod applies its own command at once, even when Redis is down, and ignores
 * it when the channel delivers it. The answer of `send` shows whether Redis accepted the command for the
 * other pods. A pod that is not subscribed at that moment does not get it: the channel is no log. So Redis
 * keeps the `catch_up` commands of pods for a while, and each pod reads them when it has subscribed: after
 * its start, and after its connection to Redis was lost.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import {
  defer,
  EMPTY,
  map,
  merge,
  mergeMap,
  type Observable,
  share,
  Subject,
  switchMap,
  takeUntil,
  timer,
} from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Kept, RedisPort } from '../redis/port.js';
import { backoffMs } from '../../rx/backoff.js';
import { orTimeout } from './timeout.js';
import type { Sink } from './subscriptions.js';
import {
  type CatchUp,
  type CatchUpsLost,
  decodeControlCommand,
  encodeControlCommand,
  type ControlCommand,
} from '../control-command.js';

export interface ControlChannelDeps {
  readonly redis: Pick<RedisPort, 'control' | 'recall'>;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** How long Redis keeps a `catch_up` command: `LOG_POSITION_TTL_MS`. */
  readonly keepMs: number;
  /** A payload of the channel was no command. */
  readonly dropped: (detail: string) => void;
}

export interface ControlChannel {
  readonly control$: Observable<ControlCommand | CatchUpsLost>;
  readonly send: (command: ControlCommand) => Observable<Either<string, void>>;
  /** Receives what comes on the channel. */
  readonly sink: Sink;
  readonly close: () => void;
}

export const controlChannel = ({
  redis,
  clock,
  timeoutMs,
  keepMs,
  dropped,
}: ControlChannelDeps): ControlChannel => {
  const command$ = new Subject<ControlCommand>();
  const subscribed$ = new Subject<boolean>();
  const closed$ = new Subject<void>();
  /** This pod's mark in its commands (`by`). Drawn with the first command, as few pods ever send one. */
  let self: string | undefined;

  /**
   * The `catch_up` commands that Redis keeps. The time since Redis was asked is added to each age that it
   * answers: so no command that was read seems younger than a command that was received after it.
   */
  const recalled = (failures: number): Observable<CatchUp | CatchUpsLost> =>
    defer(() => {
      const askedAt = clock.scheduler.now();
      return redis.recall(keepMs).pipe(
        orTimeout(timeoutMs, clock.scheduler),
        mergeMap((answer) => {
          // asked again: without these commands, the clients that they are about would miss messages without
          // a `gap`
          if (isLeft(answer))
            return timer(backoffMs(failures, clock.random), clock.scheduler).pipe(
              mergeMap(() => recalled(failures + 1)),
            );
          const sinceMs = clock.scheduler.now() - askedAt;
          return answer.right.flatMap(({ text, ageMs }): (CatchUp | CatchUpsLost)[] => {
            if (text === '') return [{ _tag: 'CatchUpsLost', ageMs: ageMs + sinceMs }];
            const decoded = decodeControlCommand(Buffer.from(text));
            if (isLeft(decoded) || decoded.right.command._tag !== 'CatchUp') return [];
            if (self !== undefined && decoded.right.by === self) return [];
            return [{ ...decoded.right.command, ageMs: ageMs + sinceMs }];
          });
        }),
      );
    });

  return {
    control$: merge(command$, subscribed$.pipe(switchMap((is) => (is ? recalled(0) : EMPTY)))).pipe(
      takeUntil(closed$),
      share(),
    ),
    send: (command) =>
      defer(() => {
        self ??= Math.floor(clock.random() * 2 ** 48).toString(36);
        command$.next(command);
        return redis.control(encodeControlCommand(command, self), keptOf(command, keepMs)).pipe(
          orTimeout(timeoutMs, clock.scheduler),
          map((answer) =>
            isLeft(answer) ? left(`${answer.left._tag}: ${answer.left.detail}`) : right(undefined),
          ),
        );
      }),
    sink: {
      message: (payload) => {
        const decoded = decodeControlCommand(payload);
        if (isLeft(decoded)) dropped(decoded.left);
        else if (self === undefined || decoded.right.by !== self)
          command$.next(decoded.right.command);
      },
      subscribed: () => subscribed$.next(true),
      unsubscribed: () => subscribed$.next(false),
      denied: () => undefined,
    },
    close: () => {
      closed$.next();
    },
  };
};

/**
 * Redis keeps the last of a pod's commands on the same clients. A command that says that these clients have
 * caught up (`until` 0) removes it.
 */
const keptOf = (command: ControlCommand, ms: number): Kept | undefined =>
  command._tag === 'CatchUp' ? { name: command.pod, ms, isOver: command.until === 0 } : undefined;
