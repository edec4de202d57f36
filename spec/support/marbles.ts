/**
 * Marbles: one column is one millisecond, a group's values are in the column of its bracket. A turn of the event loop is
 * the end of a column.
 */
import { Subscription } from 'rxjs';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import t, { type Test } from 'tap';
import type { Clock } from '../../lib/clock.js';

export type Time = Pick<Clock, 'scheduler' | 'turn'>;
type Marbles = RunHelpers & { readonly clock: Time; readonly t: Test };

export const marbles = (name: string, body: (helpers: Marbles) => void): void => {
  t.test(name, async (t) => {
    const scheduler = new TestScheduler((actual, expected) => t.strictSame(actual, expected));
    const turn = (work: () => void): Subscription => scheduler.schedule(work, 0);
    scheduler.run((helpers) => body({ ...helpers, t, clock: { scheduler, turn } }));
  });
};

/** Turns of the event loop that a spec takes by hand. */
export const turnsByHand = () => {
  const due: (() => void)[] = [];
  return {
    turn: (work: () => void): Subscription => {
      due.push(work);
      return new Subscription(() => {
        const at = due.indexOf(work);
        if (at !== -1) due.splice(at, 1);
      });
    },
    next: (): boolean => {
      const work = due.shift();
      work?.();
      return work !== undefined;
    },
    due: () => due.length,
  };
};
