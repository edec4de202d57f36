#!/usr/bin/env node
/**
 * The entry of the process: signals, then the service. The handlers of signals are added before the other
 * modules are loaded, which takes 200 ms: a signal that comes in that time is remembered, and ends the
 * process in order. Only this file and the default of SERVER_ID read `process`.
 */
import { availableParallelism, constants } from 'node:os';
import { type Meaning, signals } from './signals.js';

/** A shell reports 128 plus the number of the signal for a process that a signal has ended. */
const ENDED_BY_SIGNAL = 128;

const stopped = new Promise<string>((resolve) => {
  const meaningOf = signals(() => performance.now());
  const onSignal = (signal: NodeJS.Signals): void => {
    const meaning: Meaning = meaningOf(signal);
    if (meaning === 'drain') resolve(signal);
    else if (meaning === 'end') process.exit(ENDED_BY_SIGNAL + constants.signals[signal]);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
});

const { daemon } = await import('./daemon.js');
const { forkProcess, starterOf } = await import('./workers/forking.js');
const { fromEvent } = await import('rxjs');
process.exit(
  await daemon({
    env: process.env,
    directory: process.cwd(),
    nodeVersion: process.version,
    isTerminal: process.stdout.isTTY,
    complain: (line) => void process.stderr.write(`${line}\n`),
    stopped,
    starter: starterOf(process),
    fork: forkProcess,
    // without workers, SIGHUP ends the process, as is usual
    reload$: fromEvent(process, 'SIGHUP'),
    cores: availableParallelism(),
  }),
);
