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
export type Look = 'Idle' | 'Routine' | 'Moved' | 'Again';

export interface ShardCheck {
  /** Ticks since the last answer. Ticks, not time: a stall of this process is one tick. */
  readonly silentTicks: number;
  /** A PING has no answer yet. */
  readonly isPinged: boolean;
  readonly look: Look;
}

export type CheckInput =
  /** `isLook`: this tick asks for the slots in place of a PONG. */
  | { readonly _tag: 'Tick'; readonly isLook: boolean }
  /** `isAnswer`: Redis answered, be it with an error. No answer may be a stall of this process. */
  | { readonly _tag: 'PingEnded'; readonly isAnswer: boolean }
  /** The node said that a slot moved. */
  | { readonly _tag: 'SlotMoved' }
  | { readonly _tag: 'SlotsRead' }
  | { readonly _tag: 'SlotsFailed'; readonly isAnswer: boolean };

export type CheckEffect = 'Ping' | 'ReadSlots' | 'GiveUp' | undefined;

/** A node is frozen that has not answered for so many ticks. */
const MAX_SILENT_TICKS = 3;

export const UNCHECKED: ShardCheck = { silentTicks: 0, isPinged: false, look: 'Idle' };

export const step = (
  check: ShardCheck,
  input: CheckInput,
): readonly [ShardCheck, effect: CheckEffect] => {
  const { silentTicks, look } = check;
  switch (input._tag) {
    case 'Tick': {
      if (silentTicks >= MAX_SILENT_TICKS) return [check, 'GiveUp'];
      const next = { ...check, silentTicks: silentTicks + 1 };
      if (check.isPinged || look === 'Routine') return [next, undefined];
      return input.isLook && look === 'Idle'
        ? [{ ...next, look: 'Routine' }, 'ReadSlots']
        : [{ ...next, isPinged: true }, 'Ping'];
    }
    case 'PingEnded':
      return [
        { ...check, isPinged: false, silentTicks: input.isAnswer ? 0 : silentTicks },
        undefined,
      ];
    case 'SlotMoved':
      return look === 'Idle'
        ? [{ ...check, look: 'Moved' }, 'ReadSlots']
        : [{ ...check, look: 'Again' }, undefined];
    case 'SlotsRead':
      return look === 'Again'
        ? [{ ...check, silentTicks: 0, look: 'Moved' }, 'ReadSlots']
        : [{ ...check, silentTicks: 0, look: 'Idle' }, undefined];
    case 'SlotsFailed':
      return [
        { ...check, look: 'Idle', silentTicks: input.isAnswer ? 0 : silentTicks },
        look === 'Routine' ? undefined : 'GiveUp',
      ];
  }
};
