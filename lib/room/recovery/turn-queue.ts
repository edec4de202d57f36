/**
 * Work that waits for a turn of the event loop. One turn runs at most `most` items, so the pod does other
 * work in between.
 */
import { Subscription } from 'rxjs';
import type { Clock } from '../../clock.js';

export interface TurnQueue {
  readonly push: (work: () => void) => void;
  /** Drops what waits. */
  readonly clear: () => void;
}

export const turnQueue = ({ turn }: Pick<Clock, 'turn'>, most: number): TurnQueue => {
  let waiting: (() => void)[] = [];
  let scheduled = Subscription.EMPTY;

  const run = (): void => {
    const due = waiting.slice(0, most);
    waiting = waiting.slice(most);
    scheduled = waiting.length > 0 ? turn(run) : Subscription.EMPTY;
    for (const work of due) work();
  };

  return {
    push: (work) => {
      waiting.push(work);
      if (waiting.length === 1 && scheduled === Subscription.EMPTY) scheduled = turn(run);
    },
    clear: () => {
      scheduled.unsubscribe();
      waiting = [];
    },
  };
};
