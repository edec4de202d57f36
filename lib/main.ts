#!/usr/bin/env node
/**
 * The service as a process: environment → config → app, signals → shutdown, exit code. Besides the default of
 * SERVER_ID this is the only file that reads `process`.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { destination, type DestinationStream, pino } from 'pino';
import { app } from './app.js';
import { systemClock } from './clock.js';
import { readConfig } from './config.js';
import { warningsOf } from './config/warnings.js';
import { journal } from './journal.js';

/** sysexits.h: EX_CONFIG. */
const EX_CONFIG = 78;

/**
 * V8 lets the heap grow to about twice what lives before it collects: with 10,000 idle connections that is 2 kB each of
 * garbage. A seventh more is enough, for a collection more often.
 */
const HEAP_GROWTH = '--heap-growing-percent=15';
/**
 * V8 learns while connections come that what is made here lives long, and from then on puts every message's objects
 * straight into the old generation: a collection of all of it each second, 7 ms at p99, a fifth of the throughput.
 */
const NO_PRETENURING = '--no-allocation-site-pretenuring';

const main = async (): Promise<void> => {
  for (const flag of [HEAP_GROWTH, NO_PRETENURING]) setFlagsFromString(flag);
  const read = readConfig(process.env, fileURLToPath(new URL('../config', import.meta.url)));
  if (isLeft(read)) {
    for (const { key, value, expected } of read.left)
      process.stderr.write(`${key}=${value}: expected ${expected}\n`);
    process.exit(EX_CONFIG);
  }
  const config = read.right;
  const { host, port, serverId, logLevel } = config.server;
  const logger = pino({ level: logLevel, base: { server_id: serverId } }, log());
  const chat = app({ config, onEvent: journal(logger, () => systemClock.scheduler.now()) });

  let signals = 0;
  const stop = (signal: NodeJS.Signals): void => {
    signals++;
    if (signals > 1) process.exit(SECOND_SIGNAL);
    logger.info({ signal }, 'draining');
    chat.stop().then(
      () => {
        logger.info('ended');
        process.exit(0);
      },
      (error: unknown) => {
        logger.fatal({ err: error }, 'could not end in order');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);

  try {
    const address = await chat.start();
    logger.info({ host, port: address?.port ?? port }, 'listening');
    for (const warning of warningsOf(config)) logger.warn({ host }, warning);
  } catch (error) {
    logger.fatal({ err: error }, `could not listen on ${host}:${port}`);
    process.exit(1);
  }
};

/**
 * Standard output, written at once: asynchronously, a reader that has gone held the end up for ever, as what is left is
 * tried again until it is taken. Few lines are written, so it costs nothing. What cannot be written is dropped.
 */
const log = (): DestinationStream =>
  destination({ fd: 1, sync: true, maxLength: MAX_UNWRITTEN }).on('error', () => undefined);

/** Bytes kept for a disk that is full. */
const MAX_UNWRITTEN = 1_048_576;

/** What a shell reports for a process that a signal ended: 128 and SIGTERM's number. */
const SECOND_SIGNAL = 143;

await main();
