/**
 * The session of one worker at the exchange: it carries out the worker's requests in their order, and sends
 * the answers and the messages in one frame for each turn of the event loop.
 */
import type { Clock } from '../../clock.js';
import type { Exchange, Subscriber } from './exchange.js';
import { Asked, type Answered } from './frames.js';

export interface WorkerSessionOptions {
  readonly exchange: Exchange;
  readonly clock: Clock;
  /** The name of the worker: its `SERVER_ID`. */
  readonly name: string;
  readonly send: (frame: Answered) => void;
}

export interface WorkerSession {
  /** A frame of the worker. A frame that is no request is ignored. */
  readonly take: (frame: unknown) => void;
  /** The worker has ended. */
  readonly end: () => void;
}

export const workerSession = ({
  exchange,
  clock,
  name,
  send,
}: WorkerSessionOptions): WorkerSession => {
  let events: Answered['events'] = [];
  let hasEnded = false;

  const flush = (): void => {
    const all = events;
    events = [];
    if (!hasEnded) send({ _tag: 'Answered', events: all });
  };
  const add = (event: Answered['events'][number]): void => {
    if (events.push(event) === 1) clock.turn(flush);
  };

  const worker: Subscriber = {
    name,
    push: (channel, payload) => add({ _tag: 'Message', channel, payload }),
    published: (channel, { id, type, frame, except }) =>
      add({ _tag: 'Published', channel, id, type, frame, except }),
  };

  return {
    take: (frame) => {
      if (hasEnded || !Asked.is(frame)) return;
      for (const { call, request } of frame.requests)
        add({ _tag: 'Answer', call, reply: exchange.answer(worker, request) });
    },
    end: () => {
      hasEnded = true;
      exchange.left(worker);
    },
  };
};
