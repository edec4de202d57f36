/**
 * Operators' words between pods. Said here a word is obeyed here at once, whatever becomes of Redis, and passed over when
 * it comes back; the answer says whether the others were told. A pod that is not subscribed at that moment does not
 * hear it: the channel is no log. Pods' own words are kept in Redis for a while, and read by each pod that has subscribed: one
 * that starts, and one whose connection broke.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { defer, map, type Observable, Subject, Subscription } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { RedisPort } from '../redis/port.js';
import { orTimeout } from './timeout.js';
import type { Sink } from './subscriptions.js';
import {
  decodeControlCommand,
  encodeControlCommand,
  type ControlCommand,
} from '../control-command.js';

export interface ControlChannelDeps {
  readonly bus: Pick<RedisPort, 'control' | 'recall'>;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** For so long pods' own words are kept: `LOG_TTL_MS`. */
  readonly keepMs: number;
  /** What came on the channel was no word. */
  readonly dropped: (detail: string) => void;
}

export interface ControlChannel {
  readonly control$: Observable<ControlCommand>;
  readonly send: (command: ControlCommand) => Observable<Either<string, void>>;
  /** Takes what comes on the channel. */
  readonly sink: Sink;
  readonly close: () => void;
}

export const controlChannel = ({
  bus,
  clock,
  timeoutMs,
  keepMs,
  dropped,
}: ControlChannelDeps): ControlChannel => {
  const control$ = new Subject<ControlCommand>();
  /** Drawn with the first word: few pods ever say one. */
  let self: string | undefined;
  const life = new Subscription();

  /** Dates a word by when it was asked for: so it is never younger than one that was heard after it. */
  const recall = (): void => {
    const askedAt = clock.scheduler.now();
    life.add(
      bus
        .recall(keepMs)
        .pipe(orTimeout(timeoutMs, clock.scheduler))
        .subscribe((answer) => {
          if (isLeft(answer)) return;
          const sinceMs = clock.scheduler.now() - askedAt;
          for (const { text, ageMs } of answer.right) {
            const decoded = decodeControlCommand(Buffer.from(text));
            if (isLeft(decoded) || decoded.right.command._tag !== 'CatchUp') continue;
            if (self !== undefined && decoded.right.by === self) continue;
            control$.next({ ...decoded.right.command, ageMs: ageMs + sinceMs });
          }
        }),
    );
  };

  return {
    control$: control$.asObservable(),
    send: (command) =>
      defer(() => {
        self ??= Math.floor(clock.random() * 2 ** 48).toString(36);
        control$.next(command);
        const kept = command._tag === 'CatchUp' ? keepMs : undefined;
        return bus.control(encodeControlCommand(command, self), kept).pipe(
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
          control$.next(decoded.right.command);
      },
      subscribed: recall,
      unsubscribed: () => undefined,
      denied: () => undefined,
    },
    close: () => {
      life.unsubscribe();
      control$.complete();
    },
  };
};
