/**
 * Whether the node of a sharded subscriber is alive and still owns the slots of the subscribed channels.
 * Pure: `step` takes an input and returns the next state and an effect. `sharded-subscriber.ts` runs it, with
 * two ticks a second for each node.
 *
 * The check of the slots (CLUSTER SLOTS), one at a time:
 *
 *   Idle ── every 10th tick ──▶ Routine ── moved ──┐
 *    │ ▲                         │                 ▼
 *    │ └── slots, or a failure ──┘      ┌──────▶ Again ──┐
 *    │                                moved              │ slots: check once more
 *    └── moved ─────────────────────▶ Moved ◀────────────┘
 *                                       │
 *                                       └── slots ──▶ Idle
 *
 * Once a slot has moved, the running check must succeed. Without an answer, or with an error as the answer,
 * the connection is given up. In Routine a failure does no harm: a later tick begins another check.
 */

export type SlotCheck = 'Idle' | 'Routine' | 'Moved' | 'Again';

export interface ShardCheck {
  /** Ticks since the last answer, not a time: a stall of this process counts as one tick. */
  readonly silentTicks: number;
  /** A PING has no answer yet. */
  readonly isPinged: boolean;
  readonly slots: SlotCheck;
}

export type CheckInput =
  /** `asksSlots`: this tick asks for the slots; the answer serves as a PONG. */
  | { readonly _tag: 'Tick'; readonly asksSlots: boolean }
  /** `isAnswer`: Redis answered, even if with an error. When it is false, this process may have stalled. */
  | { readonly _tag: 'PingEnded'; readonly isAnswer: boolean }
  /** The node reported that a slot has moved. */
  | { readonly _tag: 'SlotMoved' }
  | { readonly _tag: 'SlotsRead' }
  | { readonly _tag: 'SlotsFailed'; readonly isAnswer: boolean };

export type CheckEffect = 'Ping' | 'ReadSlots' | 'GiveUp' | undefined;

/** After this many ticks without an answer a node counts as frozen. */
const MAX_SILENT_TICKS = 3;

export const UNCHECKED: ShardCheck = { silentTicks: 0, isPinged: false, slots: 'Idle' };

export const step = (
  check: ShardCheck,
  input: CheckInput,
): readonly [ShardCheck, effect: CheckEffect] => {
  const { silentTicks, slots } = check;
  switch (input._tag) {
    case 'Tick': {
      if (silentTicks >= MAX_SILENT_TICKS) return [check, 'GiveUp'];
      const next = { ...check, silentTicks: silentTicks + 1 };
      if (check.isPinged || slots === 'Routine') return [next, undefined];
      return input.asksSlots && slots === 'Idle'
        ? [{ ...next, slots: 'Routine' }, 'ReadSlots']
        : [{ ...next, isPinged: true }, 'Ping'];
    }
    case 'PingEnded':
      return [
        { ...check, isPinged: false, silentTicks: input.isAnswer ? 0 : silentTicks },
        undefined,
      ];
    case 'SlotMoved':
      return slots === 'Idle'
        ? [{ ...check, slots: 'Moved' }, 'ReadSlots']
        : [{ ...check, slots: 'Again' }, undefined];
    case 'SlotsRead':
      return slots === 'Again'
        ? [{ ...check, silentTicks: 0, slots: 'Moved' }, 'ReadSlots']
        : [{ ...check, silentTicks: 0, slots: 'Idle' }, undefined];
    case 'SlotsFailed':
      return [
        { ...check, slots: 'Idle', silentTicks: input.isAnswer ? 0 : silentTicks },
        slots === 'Routine' ? undefined : 'GiveUp',
      ];
  }
};
