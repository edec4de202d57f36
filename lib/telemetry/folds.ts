/**
 * The folds that count and log the hub's events. An exception of a fold is caught here: it must neither end
 * the process nor keep the event from the other folds. The other folds get the exception as an event. The
 * fold that threw does not get it, as it could throw again.
 */
import type { HubEvent } from '../hub-event.js';

export type FoldName = Extract<HubEvent, { _tag: 'FoldFailed' }>['fold'];

/** `take` may be a function of the application, which may be async although the type does not show that. */
export interface Fold {
  readonly name: FoldName;
  readonly take: (event: HubEvent) => unknown;
}

/** The same folds, in the same order, as functions that never throw. */
export const guarded = (folds: readonly Fold[]): readonly ((event: HubEvent) => void)[] => {
  /** A fold that fails while it takes a `FoldFailed` is not reported: the reports would never end. */
  const fail = (fold: FoldName, error: unknown, event: HubEvent): void => {
    if (event._tag === 'FoldFailed') return;
    for (const other of folds)
      if (other.name !== fold) attempt(other, { _tag: 'FoldFailed', fold, error });
  };

  const attempt = ({ name, take }: Fold, event: HubEvent): void => {
    try {
      const taken = take(event);
      if (taken !== undefined && taken instanceof Promise)
        taken.catch((error: unknown) => fail(name, error, event));
    } catch (error) {
      fail(name, error, event);
    }
  };

  return folds.map((fold) => (event) => attempt(fold, event));
};
