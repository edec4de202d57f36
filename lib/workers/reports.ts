/**
 * One report of all workers: a worker that is asked for its metrics or stats asks the program that started
 * it, which asks every worker. A worker that does not answer in time is left out.
 */
import {
  defer,
  filter,
  map,
  type Observable,
  Subject,
  take,
  takeUntil,
  timer,
  toArray,
} from 'rxjs';
import type { Clock } from '../clock.js';
import type { About, ToWorker } from './frames.js';

/** A worker that can be asked. */
export interface Reporter {
  readonly send: (frame: ToWorker) => void;
}

export interface Reports {
  /** Asks all living workers. Emits their reports once and completes. */
  readonly ask: (about: About, workers: readonly Reporter[]) => Observable<unknown[]>;
  /** A worker has answered. */
  readonly answered: (question: number, part: unknown) => void;
}

/** Longer than a collection of the heap; shorter than the patience of a scraper (10 s). */
const ANSWER_MS = 1_000;

export const reports = ({ scheduler }: Clock): Reports => {
  const answer$ = new Subject<{ readonly question: number; readonly part: unknown }>();
  let questions = 0;
  return {
    ask: (about, workers) =>
      defer(() => {
        questions += 1;
        const question = questions;
        for (const { send } of workers) send({ _tag: 'PartAsked', question, about });
        return answer$.pipe(
          filter((answer) => answer.question === question),
          map(({ part }) => part),
          take(workers.length),
          takeUntil(timer(ANSWER_MS, scheduler)),
          toArray(),
        );
      }),
    answered: (question, part) => answer$.next({ question, part }),
  };
};
