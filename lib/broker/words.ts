/**
 * Operators' words between pods. Said here a word is obeyed here at once, whatever becomes of Redis, and passed over when
 * it comes back; the answer says whether the others were told. A pod that is not subscribed at that moment does not
 * hear it: the channel is no log.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { defer, map, type Observable, Subject } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Bus } from './bus.js';
import { within } from './patience.js';
import type { Sink } from './subscriptions.js';
import { decodeWord, encodeWord, type Word } from './word.js';

export interface WordsDeps {
  readonly bus: Pick<Bus, 'control'>;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** What came on the channel was no word. */
  readonly dropped: (detail: string) => void;
}

export interface Words {
  readonly word$: Observable<Word>;
  readonly say: (word: Word) => Observable<Either<string, void>>;
  /** Takes what comes on the channel. */
  readonly sink: Sink;
  readonly close: () => void;
}

export const words = ({ bus, clock, timeoutMs, dropped }: WordsDeps): Words => {
  const word$ = new Subject<Word>();
  /** Drawn with the first word: few pods ever say one. */
  let self: string | undefined;
  return {
    word$: word$.asObservable(),
    say: (word) =>
      defer(() => {
        self ??= Math.floor(clock.random() * 2 ** 48).toString(36);
        word$.next(word);
        return bus.control(encodeWord(word, self)).pipe(
          within(timeoutMs, clock.scheduler),
          map((answer) =>
            isLeft(answer) ? left(`${answer.left._tag}: ${answer.left.detail}`) : right(undefined),
          ),
        );
      }),
    sink: {
      message: (payload) => {
        const heard = decodeWord(payload);
        if (isLeft(heard)) dropped(heard.left);
        else if (self === undefined || heard.right.by !== self) word$.next(heard.right.word);
      },
      subscribed: () => undefined,
      torn: () => undefined,
      denied: () => undefined,
    },
    close: () => word$.complete(),
  };
};
