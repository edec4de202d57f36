/**
 * The workers (`WORKERS`), as data. Each has a slot:
 *
 *   Starting ──listening──▶ Running ──ended──▶ Waiting ──due──▶ Starting
 *      └──ended────────────────────────────────▲
 *
 * When the worker that ended had run for at least a second (`STABLE_MS`), its successor does not wait: the
 * slot goes from Running to Starting.
 *
 * Reload (SIGHUP) replaces the workers one after the other: a new one starts beside the old one; when the new
 * one listens, the old one drains; when the old one has ended, the next slot is replaced. A new worker that
 * ends before it listens stops the reload, and the old workers go on.
 *
 * When a worker ends before any worker has listened, the configuration or the port is wrong: the fleet ends
 * with the exit code of that worker (1 in place of 0).
 */

export type Slot =
  | { readonly _tag: 'Starting'; readonly worker: number; readonly failures: number }
  | {
      readonly _tag: 'Running';
      readonly worker: number;
      readonly failures: number;
      /** Monotonic ms. */
      readonly since: number;
    }
  | { readonly _tag: 'Waiting'; readonly failures: number };

interface ReloadState {
  readonly slot: number;
  /** The new worker of the slot. */
  readonly worker: number;
  /** The slots after this one. */
  readonly rest: readonly number[];
  /** The old worker, once it drains. */
  readonly draining: number | undefined;
}

export interface FleetState {
  readonly slots: readonly Slot[];
  /** Living workers that have no slot any more: they drain. */
  readonly leaving: readonly number[];
  /** The number of the next worker. */
  readonly next: number;
  readonly reload: ReloadState | undefined;
  /** Whether a worker has listened. */
  readonly hasListened: boolean;
  /** The exit code, once the fleet ends. */
  readonly ending: number | undefined;
}

export type FleetInput =
  | { readonly _tag: 'Listening'; readonly worker: number; readonly now: number }
  | { readonly _tag: 'Ended'; readonly worker: number; readonly code: number; readonly now: number }
  | { readonly _tag: 'Due'; readonly slot: number }
  | { readonly _tag: 'Reload' }
  | { readonly _tag: 'Stop' }
  /** The workers had enough time to end. */
  | { readonly _tag: 'Deadline' };

export type FleetEffect =
  | { readonly _tag: 'Fork'; readonly worker: number }
  | { readonly _tag: 'Drain'; readonly worker: number }
  | { readonly _tag: 'Kill'; readonly worker: number }
  /** Wait before a new worker is started in the slot: the longer, the more failures in a row. */
  | { readonly _tag: 'Wait'; readonly slot: number; readonly failures: number }
  | { readonly _tag: 'Finish'; readonly code: number }
  | FleetReport;

/** What the operator reads in the log. */
export type FleetReport =
  | { readonly _tag: 'Replaced'; readonly worker: number; readonly code: number }
  | { readonly _tag: 'Reloaded'; readonly worker: number }
  | { readonly _tag: 'ReloadStopped'; readonly worker: number };

export type Stepped = readonly [FleetState, readonly FleetEffect[]];

/** A worker that has run for less than this counts as failed, and its successor waits. */
const STABLE_MS = 1_000;

export const newFleet = (count: number): Stepped => {
  const slots = Array.from(
    { length: count },
    (_, i): Slot => ({ _tag: 'Starting', worker: i + 1, failures: 0 }),
  );
  return [
    {
      slots,
      leaving: [],
      next: count + 1,
      reload: undefined,
      hasListened: false,
      ending: undefined,
    },
    slots.map((_, i) => ({ _tag: 'Fork', worker: i + 1 })),
  ];
};

export const step = (state: FleetState, input: FleetInput): Stepped => {
  switch (input._tag) {
    case 'Listening':
      return listening(state, input.worker, input.now);
    case 'Ended':
      return ended(state, input);
    case 'Due':
      return due(state, input.slot);
    case 'Reload': {
      const running = state.slots.flatMap(({ _tag }, i) => (_tag === 'Running' ? [i] : []));
      const isFree = state.reload === undefined && state.ending === undefined;
      return isFree ? reloadNext(state, running) : [state, []];
    }
    case 'Stop':
      return state.ending === undefined ? stop(state, 0) : [state, []];
    case 'Deadline':
      return [state, livingOf(state).map((worker) => ({ _tag: 'Kill', worker }))];
  }
};

/** The workers that live. */
export const livingOf = ({ slots, leaving, reload }: FleetState): readonly number[] => [
  ...slots.flatMap((slot) => (slot._tag === 'Waiting' ? [] : [slot.worker])),
  ...leaving,
  ...(reload === undefined || slots.some((slot) => isOf(slot, reload.worker))
    ? []
    : [reload.worker]),
];

const isOf = (slot: Slot, worker: number): boolean =>
  slot._tag !== 'Waiting' && slot.worker === worker;

const withSlot = (state: FleetState, at: number, slot: Slot): FleetState => ({
  ...state,
  slots: state.slots.map((each, i) => (i === at ? slot : each)),
});

const listening = (state: FleetState, worker: number, now: number): Stepped => {
  const { reload } = state;
  const after = { ...state, hasListened: true };
  const at = state.slots.findIndex((slot) => isOf(slot, worker));
  const running: Slot = { _tag: 'Running', worker, since: now, failures: 0 };
  if (reload?.worker !== worker) {
    const failures = state.slots[at]?.failures ?? 0;
    return at === -1 ? [after, []] : [withSlot(after, at, { ...running, failures }), []];
  }
  const old = state.slots[reload.slot];
  const next = withSlot(after, reload.slot, running);
  // the old worker ended by itself while the new one started
  if (old === undefined || old._tag === 'Waiting' || old.worker === worker)
    return reloadNext({ ...next, reload: undefined }, reload.rest);
  return [
    {
      ...next,
      leaving: [...state.leaving, old.worker],
      reload: { ...reload, draining: old.worker },
    },
    [{ _tag: 'Drain', worker: old.worker }],
  ];
};

const ended = (
  state: FleetState,
  { worker, code, now }: Extract<FleetInput, { readonly _tag: 'Ended' }>,
): Stepped => {
  const { reload, ending } = state;
  const at = state.slots.findIndex((slot) => isOf(slot, worker));
  const left = { ...state, leaving: state.leaving.filter((each) => each !== worker) };
  if (ending !== undefined) return endedLate(at === -1 ? left : without(left, at), worker, code);
  if (at === -1) {
    if (reload?.draining === worker) return reloadNext({ ...left, reload: undefined }, reload.rest);
    if (reload?.worker === worker)
      return [{ ...left, reload: undefined }, [{ _tag: 'ReloadStopped', worker }]];
    return [left, []];
  }
  if (!state.hasListened) return stop(without(left, at), code === 0 ? 1 : code);
  const slot = state.slots[at];
  // its successor starts already
  if (reload?.slot === at && reload.worker !== worker && reload.draining === undefined)
    return [withSlot(left, at, { _tag: 'Starting', worker: reload.worker, failures: 0 }), []];
  const isStable = slot?._tag === 'Running' && now - slot.since >= STABLE_MS;
  const log: FleetEffect = { _tag: 'Replaced', worker, code };
  const open = reload?.slot === at ? { ...left, reload: undefined } : left;
  if (isStable) {
    const [forked, effects] = fork(open, at, 0);
    return [forked, [log, ...effects]];
  }
  const failures = (slot?.failures ?? 0) + 1;
  return [
    withSlot(open, at, { _tag: 'Waiting', failures }),
    [log, { _tag: 'Wait', slot: at, failures }],
  ];
};

const due = (state: FleetState, at: number): Stepped => {
  const slot = state.slots[at];
  return slot?._tag === 'Waiting' && state.ending === undefined
    ? fork(state, at, slot.failures)
    : [state, []];
};

const fork = (state: FleetState, at: number, failures: number): Stepped => {
  const worker = state.next;
  return [
    withSlot({ ...state, next: worker + 1 }, at, { _tag: 'Starting', worker, failures }),
    [{ _tag: 'Fork', worker }],
  ];
};

const reloadNext = (state: FleetState, [slot, ...rest]: readonly number[]): Stepped => {
  if (slot === undefined)
    return [{ ...state, reload: undefined }, [{ _tag: 'Reloaded', worker: state.next - 1 }]];
  const worker = state.next;
  return [
    { ...state, next: worker + 1, reload: { slot, worker, rest, draining: undefined } },
    [{ _tag: 'Fork', worker }],
  ];
};

const without = (state: FleetState, at: number): FleetState =>
  withSlot(state, at, { _tag: 'Waiting', failures: 0 });

const stop = (state: FleetState, code: number): Stepped => {
  const ending = { ...state, ending: code };
  const living = livingOf(state);
  return living.length === 0
    ? [ending, [{ _tag: 'Finish', code }]]
    : [ending, living.map((worker) => ({ _tag: 'Drain', worker }))];
};

const endedLate = (state: FleetState, worker: number, code: number): Stepped => {
  const reload = state.reload?.worker === worker ? undefined : state.reload;
  const total = state.ending === 0 ? code : (state.ending ?? code);
  const left = { ...state, reload, ending: total };
  return livingOf(left).length === 0 ? [left, [{ _tag: 'Finish', code: total }]] : [left, []];
};
