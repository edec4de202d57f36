/**
 * The tries of one call of the publish script, as data: what the errors so far mean, and what to do next.
 * Pure; `queue-runner.ts` performs it.
 *
 *   Late ─────────▶ AskAfterProbe: the clock of Redis is read again. The second time: GiveUp
 *   Unreachable ──▶ AskLater: no answer came, and this try may have run
 *   odd ──────────▶ Ask: another error; this try may have run, and the log shows whether it did. GiveUp the
 *                     second time, or when the log does not reach back to the first try
 *   refused ──────▶ GiveUp: an error that shows that this try did not run
 */
import { mayHaveRun, type RedisError } from '../redis/port.js';

export interface Tries {
  readonly count: number;
  /** A try may have run: the next one asks whether it did. */
  readonly isUnsure: boolean;
  /** A `Late` answer came before: a second one shows nothing new. */
  readonly wasLate: boolean;
  /** An odd error came before: a second one shows nothing new. */
  readonly wasOdd: boolean;
}

export type NextTry = 'Ask' | 'AskAfterProbe' | 'AskLater' | 'GiveUp';

export const UNTRIED: Tries = { count: 0, isUnsure: false, wasLate: false, wasOdd: false };

/** One more try is sent. */
export const sent = (tries: Tries): Tries => ({ ...tries, count: tries.count + 1 });

/** A try was answered with an error. */
export const step = (tries: Tries, error: RedisError): readonly [Tries, NextTry] => {
  switch (error._tag) {
    case 'Late':
      // the answer is about the earlier tries of the call too: none of them has run
      return tries.wasLate
        ? [{ ...tries, isUnsure: false }, 'GiveUp']
        : [{ ...tries, isUnsure: false, wasLate: true }, 'AskAfterProbe'];
    case 'Unreachable':
      return [{ ...tries, isUnsure: true }, 'AskLater'];
    default:
      if (!mayHaveRun(error)) return [tries, 'GiveUp'];
      return tries.wasOdd || error._tag === 'Untold'
        ? [{ ...tries, isUnsure: true }, 'GiveUp']
        : [{ ...tries, isUnsure: true, wasOdd: true }, 'Ask'];
  }
};
