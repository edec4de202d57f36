/** What a signal to end means: the first one drains, a second one ends the process at once. */

export type Meaning = 'drain' | 'repeated' | 'end';

/**
 * One Ctrl-C at `npm start` reaches the process twice within milliseconds: once from the terminal, once from
 * npm. So the same signal within this time after the first one counts as the first one. To end the process at
 * once, send the signal again after this time.
 */
export const SAME_SIGNAL_MS = 500;

/** Classifies the signals of a process in the order in which they come. `now`: monotonic milliseconds. */
export const signals = (now: () => number): ((signal: string) => Meaning) => {
  let first: { readonly signal: string; readonly at: number } | undefined;
  return (signal) => {
    if (first === undefined) {
      first = { signal, at: now() };
      return 'drain';
    }
    return signal === first.signal && now() - first.at < SAME_SIGNAL_MS ? 'repeated' : 'end';
  };
};
