#!/usr/bin/env node
/**
 * The entry of the process: signals, then the service, or a command (`cli/`). The handlers of signals are
 * added before the other modules are loaded, which takes 200 ms: a signal that comes in that time is
 * remembered, and ends the process in order. Only this file and the default of SERVER_ID read `process`.
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

const [command, ...args] = process.argv.slice(2);
const complain = (line: string): void => void process.stderr.write(`${line}\n`);

const runCommand = async (name: string): Promise<number> => {
  const { cli } = await import('./cli/index.js');
  const { openFilesIn } = await import('./cli/open-files.js');
  // the reader of the output has gone, as with `| head`: nothing is left to do
  process.stdout.on('error', () => process.exit(0));
  return cli(name, args, {
    env: process.env,
    directory: process.cwd(),
    openFiles: openFilesIn(process.report.getReport()),
    print: (line) => void process.stdout.write(`${line}\n`),
    complain,
    stopped,
  });
};

const runService = async (): Promise<number> => {
  const { daemon } = await import('./daemon.js');
  const { forkProcess, starterOf } = await import('./workers/forking.js');
  const { fromEvent } = await import('rxjs');
  return daemon({
    env: process.env,
    directory: process.cwd(),
    nodeVersion: process.version,
    isTerminal: process.stdout.isTTY,
    complain,
    stopped,
    starter: starterOf(process),
    fork: forkProcess,
    // only workers need it: without them nobody subscribes, and SIGHUP ends the process, as is usual
    reload$: fromEvent(process, 'SIGHUP'),
    cores: availableParallelism(),
  });
};

process.exit(command === undefined ? await runService() : await runCommand(command));
