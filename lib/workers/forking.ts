/**
 * The processes of workers, by Node's cluster module. A worker runs this same program. What is rare travels on
 * Node's channel between the two processes, encoded by structured clone. The frames of the exchange have a pipe
 * of their own.
 */
import cluster, { type Worker } from 'node:cluster';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { fromEvent, merge, type Observable, take } from 'rxjs';
import type { Link } from '../broker/exchange/link.js';
import { framePipe } from './frame-pipe.js';

/** The program that started this worker, as the worker sees it. */
export interface Starter {
  /** The number of this worker among all that the program has started. */
  readonly worker: number;
  readonly send: (frame: object) => void;
  readonly frame$: Observable<unknown>;
  /** The way to the exchange. */
  readonly link: Link;
}

/** A worker, as the program that started it sees it. */
export interface Forked {
  readonly send: (frame: object) => void;
  readonly frame$: Observable<unknown>;
  /** The way from the exchange. */
  readonly link: Link;
  /** Emits the exit code once: 1 when a signal ended the process. */
  readonly ended$: Observable<number>;
  readonly kill: () => void;
}

export type Fork = (worker: number, env: Readonly<Record<string, string>>) => Forked;

const NUMBER = 'CHAT_API_WORKER';

/** The file descriptor of the pipe in a worker: after the three of every process, and Node's channel. */
const PIPE = 4;
const STDIO: ('inherit' | 'ipc' | 'pipe')[] = ['inherit', 'inherit', 'inherit', 'ipc', 'pipe'];

const pipeOf = ({ process }: Worker): Duplex => {
  const pipe = process.stdio[PIPE];
  // a process that could not be started has no pipe
  return pipe instanceof Duplex ? pipe : new Duplex({ read: () => undefined }).destroy();
};

/** A message of Node has a handle of a socket too, which is not used. */
const first = (frame: unknown): unknown => frame;

/** Starts a worker. It gets the environment of this process and `env`. */
export const forkProcess: Fork = (worker, env) => {
  // JSON leaves out a field that is undefined
  cluster.setupPrimary({ serialization: 'advanced', stdio: STDIO });
  const forked = cluster.fork({ ...env, [NUMBER]: String(worker) });
  closeUntaken(forked);
  return {
    send: (frame) => {
      // a worker that has just ended is noticed by its end
      if (forked.isConnected()) forked.send(frame, () => undefined);
    },
    frame$: fromEvent(forked, 'message', first),
    link: framePipe(pipeOf(forked)),
    ended$: merge(
      fromEvent(forked, 'exit', (code: number | null) => code ?? 1),
      // the process could not be started
      fromEvent(forked.process, 'error', () => 1),
    ).pipe(take(1)),
    kill: () => void forked.process.kill('SIGKILL'),
  };
};

/**
 * A connection that Node hands to a worker stays open in this process until the worker says that it has it. A
 * worker that is killed before that never says it, and Node keeps the connection: its client waits in
 * vain, and the file descriptor is lost. So the last connection that was handed over is closed when the
 * worker ends. Node hands over one at a time, and closing one that the worker has taken changes nothing.
 * Where each worker has a listener of its own, nothing is handed over.
 */
const closeUntaken = (forked: Worker): void => {
  const { process } = forked;
  const send = process.send.bind(process);
  let last: Handle | undefined;
  process.send = (...sent: readonly unknown[]): boolean => {
    const handle = sent[1];
    if (isHandle(handle)) last = handle;
    return Reflect.apply(send, process, sent) === true;
  };
  const close = (): void => last?.close();
  // the process can end before its channel does, and Node hands over connections until then
  forked.once('exit', close);
  forked.once('disconnect', close);
};

interface Handle {
  readonly close: () => void;
}

const isHandle = (value: unknown): value is Handle =>
  typeof value === 'object' &&
  value !== null &&
  'close' in value &&
  typeof value.close === 'function';

/** The starter of this process; undefined when it is no worker. */
export const starterOf = (process: NodeJS.Process): Starter | undefined => {
  const worker = Number(process.env[NUMBER]);
  if (cluster.isPrimary || !Number.isInteger(worker)) return undefined;
  return {
    worker,
    send: (frame) => {
      if (process.connected) process.send?.(frame, undefined, undefined, () => undefined);
    },
    frame$: fromEvent(process, 'message', first),
    link: framePipe(new Socket({ fd: PIPE, readable: true, writable: true })),
  };
};
