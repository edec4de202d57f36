/**
 * What a joiner waits for before it is a member.
 *
 *   channel open ─► the gap that is due now ─► the other room ─► channel open ─► others counted ─► caught up
 *   └──────── only with `looked` ─────────┘    └ with `after$` ┘
 */
import { defer, EMPTY, merge, mergeMap, type Observable, of, switchMap, take } from 'rxjs';
import type { GapReason } from '../protocol/system-event.js';
import type { CatchUp } from './catch-up.js';
import type { RoomChannel } from './channel.js';
import type { Join } from './member-state.js';
import type { Recovered } from './recovery/recovery.js';

export interface JoiningDeps {
  readonly channel: Pick<RoomChannel, 'scope'>;
  /** Emits once, when the channel is open. */
  readonly opened$: Observable<void>;
  /**
   * Reports to other pods how many connections the room has here; emits once, when the connections of other
   * pods are known.
   */
  readonly counted$: Observable<unknown>;
  readonly catchUp: CatchUp;
}

/**
 * Emits once, in the turn in which the joiner has what the members have. Emits undefined when it does not
 * resume.
 */
export type CaughtUp = (join: Join) => Observable<Recovered | undefined>;

export const joining = ({ channel, opened$, counted$, catchUp }: JoiningDeps): CaughtUp => {
  const isOpen = (): boolean => channel.scope() !== undefined;
  const open$ = defer(() => (isOpen() ? of(undefined) : opened$));
  const known$ = counted$.pipe(take(1));
  // most joins come when the channel is open: these need no `switchMap`
  const othersKnown$ = defer(() => (isOpen() ? known$ : opened$.pipe(switchMap(() => known$))));

  const inTurn = (
    { membership, resume, after$ }: Join,
    foretold: GapReason | undefined,
  ): Observable<Recovered | undefined> => {
    const ready$ = othersKnown$.pipe(mergeMap(() => catchUp.run(membership, resume, foretold)));
    return after$ === undefined
      ? ready$
      : after$.pipe(
          take(1),
          switchMap(() => ready$),
        );
  };

  return (join) => {
    const { membership, resume, looked } = join;
    if (looked === undefined) return inTurn(join, undefined);
    return open$.pipe(
      switchMap(() => catchUp.foretell(membership, resume)),
      switchMap((foretold) =>
        merge(
          // subscribed first, as the other room may catch up before `looked` returns
          inTurn(join, foretold),
          called(() => looked(foretold !== undefined)),
        ),
      ),
    );
  };
};

/** Completes when the call has returned. */
const called = (call: () => void): Observable<never> =>
  defer(() => {
    call();
    return EMPTY;
  });
