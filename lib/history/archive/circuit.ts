/**
 * Runs the breaker (`breaker.ts`): its probe and its backoff.
 *
 * Source: it subscribes to the probe, and ends it with `close`.
 */
import { type Observable, Subscription } from 'rxjs';
import type { Clock } from '../../clock.js';
import { backoffMs } from '../../rx/backoff.js';
import { type Breaker, type Effect, type Input, PROBE, refusalOf, START, step } from './breaker.js';
import { errorOf, type Failure } from './failure.js';
import type { ArchiveError } from './port.js';

export interface CircuitDeps {
  readonly clock: Pick<Clock, 'scheduler' | 'random'>;
  /** Emits once and completes; a failure, or undefined when PostgreSQL answers as it should. */
  readonly probe$: Observable<Failure | undefined>;
  readonly interrupted: (cause: ArchiveError) => void;
  readonly restored: () => void;
}

export interface Circuit {
  /** The error that calls get now; undefined when they may be sent. */
  readonly refusal: () => ArchiveError | undefined;
  readonly succeeded: () => void;
  readonly failed: (failure: Failure) => void;
  /** Sends the first probe. */
  readonly open: () => void;
  readonly close: () => void;
}

const CLOSED: ArchiveError = { _tag: 'Unavailable', detail: 'the archive is closed' };

export const circuit = ({ clock, probe$, interrupted, restored }: CircuitDeps): Circuit => {
  const current: { breaker: Breaker; closed: boolean; pending: Subscription } = {
    breaker: START,
    closed: false,
    pending: Subscription.EMPTY,
  };

  const accept = (input: Input): void => {
    const [breaker, effect] = step(current.breaker, input);
    current.breaker = breaker;
    perform(effect);
  };

  const wait = (failures: number): void => {
    const elapsed = (): void => accept({ _tag: 'Elapsed' });
    current.pending = clock.scheduler.schedule(elapsed, backoffMs(failures, clock.random));
  };

  const perform = (effect: Effect): void => {
    if (current.closed) return;
    switch (effect._tag) {
      case 'Nothing':
        return;
      case 'Interrupt':
        interrupted(effect.cause);
        return wait(0);
      case 'Wait':
        return wait(effect.failures);
      case 'Restore':
        return restored();
      case 'Probe':
        current.pending = probe$.subscribe((failure) =>
          accept(
            failure === undefined
              ? { _tag: 'ProbeSucceeded' }
              : { _tag: 'ProbeFailed', cause: unsent(failure) },
          ),
        );
    }
  };

  return {
    refusal: () => (current.closed ? CLOSED : refusalOf(current.breaker)),
    succeeded: () => accept({ _tag: 'Succeeded' }),
    failed: (failure) =>
      accept({ _tag: 'Failed', cause: unsent(failure), isFinal: FINAL.has(failure.kind) }),
    open: () => perform(PROBE),
    close: () => {
      current.closed = true;
      current.pending.unsubscribe();
    },
  };
};

/** After these failures, the next statement would fail as this one did. */
const FINAL: ReadonlySet<Failure['kind']> = new Set(['Silent', 'Cancelled', 'Refused']);

/** The error of calls that are not sent, as the breaker is open. */
const unsent = (failure: Failure): ArchiveError => errorOf({ ...failure, mayHaveRun: false });
