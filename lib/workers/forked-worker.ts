/**
 * One worker as the fleet sees it: its session at the exchange, its reports, and its end. The bytes that wait
 * to be written to its pipe are bounded. A worker that stands still is killed, and its clients resume at
 * another one.
 *
 * Source: it subscribes to the frames and the end of the process; all subscriptions end with the process.
 */
import { type Observable, Subscription } from 'rxjs';
import type { Exchange } from '../broker/exchange/exchange.js';
import { workerSession } from '../broker/exchange/worker-session.js';
import type { Clock } from '../clock.js';
import { type About, FromWorker, type ToWorker } from './frames.js';
import type { Forked } from './forking.js';

export interface ForkedWorkerOptions {
  /** Its `SERVER_ID`. */
  readonly name: string;
  readonly forked: Forked;
  /** Undefined: the workers use Redis. */
  readonly exchange: Exchange | undefined;
  readonly clock: Clock;
  readonly listening: (port: number) => void;
  readonly ended: (code: number) => void;
  /** Too many bytes wait to be written to the worker's pipe: the worker is killed. */
  readonly stalled: (bytes: number) => void;
  /** Emits once: the reports of all workers. */
  readonly wholeAsked: (about: About) => Observable<unknown[]>;
  /** The worker has answered a question of `reports.ts`. */
  readonly answered: (question: number, part: unknown) => void;
}

export interface ForkedWorker {
  readonly send: (frame: ToWorker) => void;
  readonly drain: () => void;
  readonly kill: () => void;
  /** Bytes of messages that wait to be written to the worker's pipe. */
  readonly unsentBytes: () => number;
}

/** Twice what Redis allows a subscriber (`client-output-buffer-limit pubsub`, 32 MB). */
const MAX_UNSENT_BYTES = 67_108_864;

export const forkedWorker = ({
  name,
  forked,
  exchange,
  clock,
  listening,
  ended,
  stalled,
  wholeAsked,
  answered,
}: ForkedWorkerOptions): ForkedWorker => {
  const life = new Subscription();
  const { link } = forked;
  let isStalled = false;

  const pass = (frame: Buffer): void => {
    link.send(frame);
    const bytes = link.unsentBytes();
    if (bytes <= MAX_UNSENT_BYTES || isStalled) return;
    isStalled = true;
    stalled(bytes);
    forked.kill();
  };
  const session =
    exchange === undefined ? undefined : workerSession({ exchange, clock, name, send: pass });

  const take = (frame: FromWorker): void => {
    if (frame._tag === 'Listening') listening(frame.port);
    else if (frame._tag === 'Part') answered(frame.question, frame.part);
    else {
      const { question, about } = frame;
      life.add(
        wholeAsked(about).subscribe((parts) => forked.send({ _tag: 'Whole', question, parts })),
      );
    }
  };

  life.add(
    forked.frame$.subscribe((frame) => {
      if (FromWorker.is(frame)) take(frame);
    }),
  );
  if (session !== undefined) life.add(link.frame$.subscribe(session.take));
  life.add(
    forked.ended$.subscribe((code) => {
      life.unsubscribe();
      session?.end();
      ended(code);
    }),
  );

  return {
    send: (frame) => forked.send(frame),
    drain: () => forked.send({ _tag: 'Drain' }),
    kill: forked.kill,
    unsentBytes: link.unsentBytes,
  };
};
