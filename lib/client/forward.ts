/**
 * Time that never goes back: pure. It follows the wall clock, which jumps when a page has slept. When the wall
 * clock was set back, time stands still for that moment, and goes on from there.
 */
export interface Forward {
  /** Time of the last step, Unix ms; never goes back. */
  readonly nowMs: number;
  /** How far the wall clock is behind `nowMs`, as it was set back. */
  readonly setBack: number;
}

/** `before`, at the time that the wall clock `wallMs` shows. */
export const forward = <T extends Forward>(before: T, wallMs: number): T => {
  const setBack = Math.max(before.setBack, before.nowMs - wallMs);
  return { ...before, setBack, nowMs: wallMs + setBack };
};
