/**
 * The session of one worker at the exchange: it carries out the worker's requests in their order, and sends
 * the answers and the messages in one frame for each turn of the event loop.
 */
import type { Clock } from '../../clock.js';
import type { Exchange, Subscriber } from './exchange.js';
import { ByteWriter } from './byte-writer.js';
import { readAsked, writeAnswered } from './frame-codec.js';
import type { Answered } from './frames.js';

export interface WorkerSessionOptions {
  readonly exchange: Exchange;
  readonly clock: Clock;
  /** The name of the worker: its `SERVER_ID`. */
  readonly name: string;
  readonly send: (frame: Buffer) => void;
}

export interface WorkerSession {
  /** A frame of the worker. A frame that cannot be read is ignored. */
  readonly take: (frame: Buffer) => void;
  /** The worker has ended. */
  readonly end: () => void;
}

export const workerSession = ({
  exchange,
  clock,
  name,
  send,
}: WorkerSessionOptions): WorkerSession => {
  /** The events of this turn. */
  const writer = new ByteWriter();
  let hasEnded = false;

  const flush = (): void => {
    const frame = writer.take();
    if (!hasEnded) send(frame);
  };
  const add = (event: Answered): void => {
    if (writer.length === 0) clock.turn(flush);
    writeAnswered(writer, event);
  };

  const worker: Subscriber = {
    name,
    push: (channel, payload) => add({ _tag: 'Message', channel, payload }),
    published: (channel, publication) => add({ _tag: 'Published', channel, publication }),
  };

  return {
    take: (frame) => {
      if (hasEnded) return;
      for (const { call, request } of readAsked(frame) ?? [])
        add({ _tag: 'Answer', call, reply: exchange.answer(worker, request) });
    },
    end: () => {
      hasEnded = true;
      exchange.left(worker);
    },
  };
};
