/**
 * Whether the node of a sharded subscriber is alive and still owns the slots of the subscribed channels. Pure: `step` takes an
 * input and gives the next state and what to do. `sharded-subscriber.ts` does it, a few times a second for each node.
 *
 * The look at the slots (CLUSTER SLOTS), one at a time:
 *
 *   Idle ── every 10th tick ──▶ Routine ── moved ──┐
 *    │ ▲                         │                 ▼
 *    │ └── slots, or no answer ──┘      ┌──────▶ Again ──┐
 *    │                                moved              │ slots: look once more
 *    └── moved ─────────────────────▶ Moved ◀────────────┘
 *                                       │
 *                                       └── slots ──▶ Idle
 *
 * A look that was asked for because a slot moved has to succeed: without an answer, the connection is given up.
 */

/** Idle: none. Routine: asked for by a tick. Moved: a slot moved. Again: a slot moved while a look was under way. */
export type SlotCheck = 'Idle' | 'Routine' | 'Moved' | 'Again';

export interface ShardCheck {
  /** Ticks since the last answer. Ticks, not time: a stall of this process is one tick. */
  readonly silentTicks: number;
  /** A PING has no answer yet. */
  readonly isPinged: boolean;
  readonly slots: SlotCheck;
}

export type CheckInput =
  /** `isLook`: this tick asks for the slots in place of a PONG. */
  | { readonly _tag: 'Tick'; readonly asksSlots: boolean }
  /** `isAnswer`: Redis answered, be it with an error. No answer may be a stall of this process. */
  | { readonly _tag: 'PingEnded'; readonly isAnswer: boolean }
  /** The node said that a slot moved. */
  | { readonly _tag: 'SlotMoved' }
  | { readonly _tag: 'SlotsRead' }
  | { readonly _tag: 'SlotsFailed'; readonly isAnswer: boolean };

export type CheckEffect = 'Ping' | 'ReadSlots' | 'GiveUp' | undefined;

/** A node is frozen that has not answered for so many ticks. */
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
