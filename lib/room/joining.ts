/**
 * What a joiner waits for before it is a member.
 *
 *   channel open ─► the gap that is due now ─► the other room ─► channel open ─► others counted ─► caught up
 *                   └── only of a joiner that waits for another room ──┘
 */
import { defer, EMPTY, merge, mergeMap, type Observable, of, switchMap, take } from 'rxjs';
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
export const joining = ({ channel, opened$, counted$, catchUp }: JoiningDeps) => {
  const open$ = defer(() => (channel.scope() === undefined ? opened$ : of(undefined)));
  const othersKnown$ = open$.pipe(switchMap(() => counted$.pipe(take(1))));

  return ({ membership, resume, after$, looked }: Join): Observable<Recovered | undefined> => {
    const foretold$ =
      looked === undefined
        ? of(undefined)
        : open$.pipe(switchMap(() => catchUp.foretell(membership, resume)));
    return foretold$.pipe(
      switchMap((foretold) => {
        const ready$ = othersKnown$.pipe(mergeMap(() => catchUp.run(membership, resume, foretold)));
        const inTurn$ =
          after$ === undefined
            ? ready$
            : after$.pipe(
                take(1),
                switchMap(() => ready$),
              );
        // `after$` is subscribed first: the other room may catch up before `looked` returns
        return looked === undefined
          ? inTurn$
          : merge(
              inTurn$,
              called(() => looked(foretold !== undefined)),
            );
      }),
    );
  };
};

/** Completes when the call has returned. */
const called = (call: () => void): Observable<never> =>
  defer(() => {
    call();
    return EMPTY;
  });
