/**
 * What a worker answers for all workers: it asks the program that started it for the reports of all. When
 * that takes too long, the worker answers with its own report alone.
 */
import { filter, firstValueFrom, map, Subject, timeout } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Whole } from '../http/routes.js';
import { wholeMetrics } from '../telemetry/whole-metrics.js';
import { wholeStats } from '../telemetry/whole-stats.js';
import type { About, FromWorker, ToWorker } from './frames.js';

export interface WholeOptions {
  readonly clock: Clock;
  readonly serverId: string;
  readonly send: (frame: FromWorker) => void;
  /** The report of this worker. */
  readonly own: (about: About) => Promise<unknown>;
}

export interface WholeOfWorker extends Whole {
  readonly take: (frame: Extract<ToWorker, { readonly _tag: 'PartAsked' | 'Whole' }>) => void;
}

/** Longer than the fleet waits for a worker (`reports.ts`). */
const ANSWER_MS = 2_000;

export const whole = ({ clock, serverId, send, own }: WholeOptions): WholeOfWorker => {
  const whole$ = new Subject<Extract<ToWorker, { readonly _tag: 'Whole' }>>();
  let questions = 0;

  const ask = async (about: About): Promise<readonly unknown[]> => {
    questions += 1;
    const question = questions;
    const parts$ = whole$.pipe(
      filter((frame) => frame.question === question),
      map(({ parts }): readonly unknown[] => parts),
      timeout({
        first: ANSWER_MS,
        scheduler: clock.scheduler,
        with: () => own(about).then((part) => [part]),
      }),
    );
    const parts = firstValueFrom(parts$);
    send({ _tag: 'WholeAsked', question, about });
    return parts;
  };

  return {
    serverId,
    metrics: async () => wholeMetrics(await ask({ _tag: 'Metrics' })),
    stats: async (stats, room) => wholeStats(await ask({ _tag: 'Stats', room }), serverId, stats),
    take: (frame) => {
      if (frame._tag === 'Whole') return whole$.next(frame);
      const { question, about } = frame;
      // a report that cannot be made is left out
      void own(about).then(
        (part) => send({ _tag: 'Part', question, part }),
        () => undefined,
      );
    },
  };
};
