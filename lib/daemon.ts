/** The service as a process: environment → config → app → exit code. */
import { isLeft } from 'fp-ts/lib/Either.js';
import { from, type Observable } from 'rxjs';
import { setFlagsFromString } from 'node:v8';
import { type Logger, pino } from 'pino';
import { type App, workerApp } from './app.js';
import { systemClock } from './clock.js';
import { type Config, type Fault, faultLine } from './config/index.js';
import { configOfProcess, EX_CONFIG } from './config/of-process.js';
import { archiveText, brokerText, urlText } from './config/summary.js';
import { warningsOf } from './config/warnings.js';
import { eventLog } from './telemetry/event-log.js';
import { tracingOf } from './telemetry/optional-tracing.js';
import { log, loggerOf } from './telemetry/process-log.js';
import type { Tracing } from './telemetry/tracing.js';
import { VERSION } from './version.js';
import { fleetLog } from './workers/fleet-log.js';
import type { Fork, Starter } from './workers/forking.js';
import { drainOf, worker, workerConfig } from './workers/worker.js';

/** What the service sees of the process. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that may have a `.env`. */
  readonly directory: string;
  readonly nodeVersion: string;
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Writes a line to standard error. */
  readonly complain: (line: string) => void;
  /** Resolves with the signal that ends the service. */
  readonly stopped: Promise<string>;
  /** Undefined: this process is no worker. */
  readonly starter: Starter | undefined;
  /** Starts a worker. */
  readonly fork: Fork;
  /** The operator wants new workers in place of the old ones. */
  readonly reload$: Observable<unknown>;
  /** How many processes can run at the same time. */
  readonly cores: number;
}

/**
 * V8 lets the heap grow to about twice its live size before it collects: with 10,000 idle connections that is
 * 2 kB of garbage for each. A growth of a seventh is enough, at the cost of more frequent collections.
 */
const HEAP_GROWTH = '--heap-growing-percent=15';
/**
 * For the process that starts the workers: it has no connections, and the logs that it keeps are outside the
 * heap. With `HEAP_GROWTH` it collects its heap of 16 MB once a second, which costs 3 % of a core.
 */
const USUAL_HEAP_GROWTH = '--heap-growing-percent=0';
/**
 * While connections come, V8 learns which lines of code make objects that live long. From then on it
 * allocates in the old generation what these lines make for each message. It then collects all of that
 * generation each second, which costs 7 ms at p99 and a fifth of the throughput.
 */
const NO_PRETENURING = '--no-allocation-site-pretenuring';

/**
 * Node 20 compiles a function for speed late: the work of a pod is spread over many small functions, so a pod
 * with a thousand messages a second runs slow code for a minute. With this flag functions are compiled
 * earlier: two pods on Redis deliver 14% more for each second of CPU in the first seconds, and 3% more after
 * half a minute. Later versions of Node have a compiler of their own for this time.
 */
const EARLY_TURBOFAN = '--interrupt-budget=40000';

const v8Flags = (nodeVersion: string): readonly string[] =>
  nodeVersion.startsWith('v20.')
    ? [HEAP_GROWTH, NO_PRETENURING, EARLY_TURBOFAN]
    : [HEAP_GROWTH, NO_PRETENURING];

/** Runs the service. Resolves with the exit code of the process when the service has ended. */
export const daemon = async (world: World): Promise<number> => {
  for (const flag of v8Flags(world.nodeVersion)) setFlagsFromString(flag);
  const { config: read, warnings } = configOfProcess(world.env, world.directory);
  if (isLeft(read)) {
    // a missing variable may be set under another name, or in a line that is no assignment
    for (const line of warnings) world.complain(line);
    return misconfigured(read.left, world);
  }

  const config = read.right;
  const { starter, cores, stopped } = world;
  if (starter !== undefined) {
    const logger = loggerOf(workerConfig(config, starter));
    const tracing = await tracingTo(logger, workerConfig(config, starter), world.env);
    const chat = worker({ config, starter, tracing, onEvent: eventsTo(logger, config) });
    const ended = Promise.race([stopped, drainOf(starter)]);
    return ofPod({ chat, logger, config, tracing, starter, stopped, ended });
  }
  const { workers } = config.server;
  const count = workers === 'auto' ? cores : workers;
  const logger = loggerOf(config);
  const archive = archiveText(config);
  logger.info(
    {
      version: VERSION,
      node: world.nodeVersion,
      broker: brokerText(config),
      ...(archive === undefined ? {} : { archive }),
      auth: config.access.authEnabled,
      base_path: config.server.basePath,
      ...(count === 1 ? {} : { workers: count }),
    },
    'starting',
  );
  for (const line of warnings) logger.warn(line);
  if (count > 1) return ofFleet(config, count, logger, world);
  const tracing = await tracingTo(logger, config, world.env);
  const chat = workerApp({ config, onEvent: eventsTo(logger, config) }, { tracing });
  return ofPod({ chat, logger, config, tracing, starter, stopped, ended: stopped });
};

const tracingTo = (
  logger: Logger,
  { server: { serverId } }: Config,
  env: World['env'],
): Promise<Tracing | undefined> =>
  tracingOf(
    env,
    {
      clock: systemClock,
      serverId,
      failed: (detail) =>
        logger.warn({ detail }, 'tracing: a warning of OpenTelemetry; spans may be missing'),
    },
    (line) => logger.warn(line),
  );

const eventsTo = (logger: Logger, config: Config): ReturnType<typeof eventLog> =>
  eventLog(logger, () => systemClock.scheduler.now(), brokerText(config) !== 'local');

interface PodProcess {
  readonly chat: App;
  readonly logger: Logger;
  readonly config: Config;
  readonly tracing: Tracing | undefined;
  readonly starter: Starter | undefined;
  readonly stopped: World['stopped'];
  /** As `stopped`; for a worker also when the fleet ends it. */
  readonly ended: Promise<string>;
}

/** Runs one pod. */
const ofPod = async (pod: PodProcess): Promise<number> => {
  const { stopped, ended } = pod;
  // when a signal came while the modules were loaded, the service does not begin to listen
  const early = await Promise.race([stopped, Promise.resolve(undefined)]);
  // a signal ends the service even while the start still waits for its address
  const failure =
    early === undefined
      ? await Promise.race([started(pod), ended.then(() => undefined)])
      : undefined;
  return failure ?? drained(pod, await ended);
};

/** Runs the workers of this command. */
const ofFleet = async (
  config: Config,
  count: number,
  logger: Logger,
  { fork, reload$, stopped }: World,
): Promise<number> => {
  setFlagsFromString(USUAL_HEAP_GROWTH);
  // a single pod does not need it
  const { fleet } = await import('./workers/fleet.js');
  for (const warning of warningsOf(config)) logger.warn({ host: config.server.host }, warning);
  const code = await fleet({
    config,
    count,
    clock: systemClock,
    fork,
    reload$,
    stop$: from(stopped),
    onEvent: fleetLog(logger),
  });
  logger.info('ended');
  return code;
};

/**
 * One line for each fault on standard error. When standard output is no terminal, it is a log, and gets the
 * faults too.
 */
const misconfigured = (faults: readonly Fault[], { complain, isTerminal }: World): number => {
  for (const fault of faults) complain(faultLine(fault));
  if (isTerminal) return EX_CONFIG;
  const logger = pino({ base: null }, log());
  for (const fault of faults) logger.fatal({ ...fault }, `configuration: ${faultLine(fault)}`);
  return EX_CONFIG;
};

/** Starts the service. Resolves with the exit code when it cannot start, else with undefined. */
const started = async ({
  chat,
  logger,
  config,
  starter,
}: PodProcess): Promise<number | undefined> => {
  const { host, port } = config.server;
  try {
    const bound = (await chat.start())?.port ?? port;
    starter?.send({ _tag: 'Listening', port: bound });
    logger.info({ url: urlText(host, bound), host, port: bound }, 'listening');
    // the warnings of a worker were logged by the process that started it
    if (starter === undefined)
      for (const warning of warningsOf(config)) logger.warn({ host }, warning);
    return undefined;
  } catch (error) {
    const { code, hint } = listenFault(error);
    logger.fatal({ code }, `could not listen on ${host}:${port}: ${hint}`);
    return 1;
  }
};

/**
 * After the drain, the service waits for OpenTelemetry to send the last spans. This wait ends `MIN_FLUSH_MS`
 * before `DRAIN_MS` is over, and after `FLUSH_MS` at the latest. It may always take `MIN_FLUSH_MS`.
 */
const FLUSH_MS = 2_000;
const MIN_FLUSH_MS = 100;

const drained = async (
  { chat, logger, config, tracing }: PodProcess,
  signal: string,
): Promise<number> => {
  logger.info({ signal }, 'draining');
  const { scheduler } = systemClock;
  const until = scheduler.now() + config.server.drainMs - MIN_FLUSH_MS;
  try {
    await chat.stop();
    await tracing?.close(Math.min(FLUSH_MS, Math.max(MIN_FLUSH_MS, until - scheduler.now())));
    logger.info('ended');
    return 0;
  } catch (error) {
    logger.fatal({ err: error }, 'could not end in order');
    return 1;
  }
};

/** What to do when an address cannot be used, by the code of the system. */
const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program has the port. End it, or choose another port, such as PORT=8001',
  EACCES: 'this user may not use the port. Choose one from 1024 on, such as PORT=8000',
  EADDRNOTAVAIL: 'this machine has no such address. Set HOST to one of its own, or to 0.0.0.0',
  ENOTFOUND: 'the name is not known. Set HOST to an address of this machine',
  EAI_AGAIN: 'the name could not be looked up. Set HOST to an address of this machine',
};

const listenFault = (error: unknown): { readonly code: string; readonly hint: string } => {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { code, hint: HINTS[code] ?? String(error) };
};
