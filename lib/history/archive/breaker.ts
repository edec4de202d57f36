/**
 * The breaker between this process and PostgreSQL, as a state machine. While it is not closed, calls are
 * answered at once, and only a probe is sent.
 *
 *   Starting ──────────────────── probe succeeded ──────────────┐
 *      └────────── probe failed ─────┐                            ▼
 *            Probing ──────────── probe succeeded ──────────────▶ Closed
 *              ▲  │                  │                            │  ▲ │
 *              │  └── probe failed ──┤    2 failures in a row,    │  └─┘ a failure, then
 *     backoff  │                     ▼    or 1 final one          │      a success
 *     is over  └─────────────────── Open ◀────────────────────────┘
 *
 * The failure of the first probe is an interruption too: an operator must see why nothing is stored.
 * After a final failure (`FINAL` in `circuit.ts`) the next call would fail too. After any other one it may
 * succeed: an old connection may have been cut, and the next one works. A call that was sent before the
 * breaker opened, and ends later, changes nothing.
 */
import type { ArchiveError } from './port.js';

export type Breaker =
  /** `failures`: calls that failed in a row. */
  | { readonly _tag: 'Closed'; readonly failures: number }
  /** `failures`: probes that failed in a row; the backoff grows with them. `cause`: the last failure. */
  | { readonly _tag: 'Open'; readonly failures: number; readonly cause: ArchiveError }
  | { readonly _tag: 'Probing'; readonly failures: number; readonly cause: ArchiveError }
  /** The first probe has been sent. */
  | { readonly _tag: 'Starting'; readonly cause: ArchiveError };

export type Input =
  | { readonly _tag: 'Succeeded' }
  /** `isFinal`: one such failure opens the breaker. */
  | { readonly _tag: 'Failed'; readonly cause: ArchiveError; readonly isFinal: boolean }
  | { readonly _tag: 'Elapsed' }
  | { readonly _tag: 'ProbeSucceeded' }
  | { readonly _tag: 'ProbeFailed'; readonly cause: ArchiveError };

export type Effect =
  | { readonly _tag: 'Nothing' }
  /** The breaker has opened: all that waits is answered. Then `Elapsed` comes after the backoff. */
  | { readonly _tag: 'Interrupt'; readonly cause: ArchiveError }
  /** `Elapsed` comes after the backoff of so many failures. */
  | { readonly _tag: 'Wait'; readonly failures: number }
  | { readonly _tag: 'Probe' }
  | { readonly _tag: 'Restore' };

export type Step = readonly [Breaker, Effect];

const MOST_FAILURES = 2;
const NOTHING: Effect = { _tag: 'Nothing' };
const CLOSED: Breaker = { _tag: 'Closed', failures: 0 };

/** It begins with a probe, which `PROBE` asks for. */
export const START: Breaker = {
  _tag: 'Starting',
  cause: { _tag: 'Unavailable', detail: 'PostgreSQL has not answered yet' },
};
export const PROBE: Effect = { _tag: 'Probe' };

/** One step; pure. */
export const step = (breaker: Breaker, input: Input): Step => {
  switch (input._tag) {
    case 'Succeeded':
      return [breaker._tag === 'Closed' && breaker.failures > 0 ? CLOSED : breaker, NOTHING];
    case 'Failed':
      return breaker._tag === 'Closed' ? failed(breaker.failures + 1, input) : [breaker, NOTHING];
    case 'Elapsed':
      return breaker._tag === 'Open'
        ? [{ ...breaker, _tag: 'Probing' }, PROBE]
        : [breaker, NOTHING];
    case 'ProbeSucceeded':
      return isProbing(breaker) ? [CLOSED, { _tag: 'Restore' }] : [breaker, NOTHING];
    case 'ProbeFailed':
      if (breaker._tag === 'Starting') return opened(input.cause);
      if (breaker._tag !== 'Probing') return [breaker, NOTHING];
      return [
        { _tag: 'Open', failures: breaker.failures + 1, cause: input.cause },
        { _tag: 'Wait', failures: breaker.failures },
      ];
  }
};

const failed = (
  failures: number,
  { cause, isFinal }: Extract<Input, { readonly _tag: 'Failed' }>,
): Step =>
  failures < MOST_FAILURES && !isFinal ? [{ _tag: 'Closed', failures }, NOTHING] : opened(cause);

const opened = (cause: ArchiveError): Step => [
  { _tag: 'Open', failures: 0, cause },
  { _tag: 'Interrupt', cause },
];

const isProbing = ({ _tag }: Breaker): boolean => _tag === 'Probing' || _tag === 'Starting';

/** What a call is answered now; undefined: it may be sent. */
export const refusalOf = (breaker: Breaker): ArchiveError | undefined =>
  breaker._tag === 'Closed' ? undefined : breaker.cause;
