/**
 * Who counts and logs the hub's events. What one of them throws is caught here: an event that cannot be counted must not end the
 * process, nor be missed by the others. They are told of it as of any event, and the one that threw is not, as it would throw
 * again.
 */
import type { HubEvent } from './events.js';

export type FoldName = Extract<HubEvent, { _tag: 'FoldFailed' }>['fold'];

/** `take` may be an application's: it may be async, whatever its type says. */
export interface Fold {
  readonly name: FoldName;
  readonly take: (event: HubEvent) => unknown;
}

/** The same folds, in the same order, as functions that never throw. */
export const guarded = (folds: readonly Fold[]): readonly ((event: HubEvent) => void)[] => {
  /** Of a failure to take the news of a failure nobody hears: it would go round for ever. */
  const fail = (fold: FoldName, error: unknown, event: HubEvent): void => {
    if (event._tag === 'FoldFailed') return;
    for (const other of folds)
      if (other.name !== fold) attempt(other, { _tag: 'FoldFailed', fold, error });
  };

  const attempt = ({ name, take }: Fold, event: HubEvent): void => {
    try {
      const taken = take(event);
      if (taken instanceof Promise) taken.catch((error: unknown) => fail(name, error, event));
    } catch (error) {
      fail(name, error, event);
    }
  };

  return folds.map((fold) => (event) => attempt(fold, event));
};
