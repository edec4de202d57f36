/**
 * The locks of a tab: its own, and the one of the leader. The callbacks and promises of Web Locks become
 * calls.
 */
import type { ClientClock } from '../options.js';
import type { Locks } from './browser.js';

export interface TabLocks {
  /** Takes the tab's own lock, then waits for the leader's. `as`: the name of this stay of the tab. */
  enter(as: string): void;
  steal(): void;
  /** Gives the leader's lock to another tab, and waits for it again. */
  resign(): void;
  /** Gives both locks back, that of the leader after `keepMs`. */
  exit(keepMs: number): void;
  /** Calls when a tab has gone, while this tab leads. */
  whenGone(tab: string, gone: () => void): void;
}

export interface TabLockDeps {
  readonly locks: Locks;
  readonly scheduler: ClientClock['scheduler'];
  readonly name: string;
  readonly entered: () => void;
  readonly elected: () => void;
  readonly deposed: () => void;
}

/** The name of a tab's own lock. */
const ofTab = (name: string, tab: string): string => `${name} ${tab}`;

export const tabLocks = ({ locks, scheduler, name, ...on }: TabLockDeps): TabLocks => {
  /** Ends what this stay of the tab waits for. */
  let stay = new AbortController();
  /** Ends the leader's requests for the locks of the other tabs. It makes them anew each time it leads. */
  let reign = new AbortController();
  /** Each gives a held lock back. */
  let own = (): void => undefined;
  let lead = (): void => undefined;
  let isWaiting = false;

  const kept = (keep: (release: () => void) => void): Promise<void> =>
    new Promise((resolve) => keep(resolve));

  /**
   * Waits for the leader's lock. When the lock is granted after the stay of the tab has ended, it is given
   * back at once.
   */
  const wait = (): void => {
    const { signal } = stay;
    if (isWaiting) return;
    isWaiting = true;
    locks
      .request(name, { signal }, () => {
        isWaiting = false;
        if (signal.aborted) return Promise.resolve();
        return leading();
      })
      .catch(() => {
        isWaiting = false;
        lost(signal);
      });
  };

  const leading = (): Promise<void> =>
    kept((release) => {
      lead = release;
      reign = new AbortController();
      on.elected();
    });

  /** The request rejects when the lock was stolen, and when the tab waits no more. */
  const lost = (signal: AbortSignal): void => {
    if (!signal.aborted) on.deposed();
  };

  return {
    enter: (as) => {
      stay = new AbortController();
      const { signal } = stay;
      void locks
        .request(ofTab(name, as), {}, () =>
          kept((release) => {
            own = release;
            if (signal.aborted) return release();
            on.entered();
            wait();
          }),
        )
        .catch(() => undefined);
    },
    steal: () => {
      const { signal } = stay;
      locks
        .request(name, { steal: true }, () => (signal.aborted ? Promise.resolve() : leading()))
        .catch(() => lost(signal));
    },
    resign: () => {
      reign.abort();
      lead();
      wait();
    },
    exit: (keepMs) => {
      stay.abort();
      reign.abort();
      own();
      if (keepMs > 0) scheduler.schedule(lead, keepMs);
      else lead();
      isWaiting = false;
    },
    whenGone: (other, gone) => {
      const { signal } = reign;
      locks
        .request(ofTab(name, other), { signal }, () => {
          gone();
          return Promise.resolve();
        })
        .catch(() => undefined);
    },
  };
};
