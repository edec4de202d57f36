/** `chat-api check`: whether the service would work here as it is configured. */
import { isLeft } from 'fp-ts/lib/Either.js';
import { brokerNameOf } from '../broker/from-config.js';
import type { Config } from '../config/index.js';
import { configOfProcess } from '../config/of-process.js';
import { brokerText } from '../config/summary.js';
import { warningsOf } from '../config/warnings.js';
import { exitCodeOf, type Finding, lineOf, openFilesFinding, summaryOf } from './findings.js';
import { redisFindings } from './redis-check.js';
import { misconfigured, misused, optionsIn, type Terminal } from './terminal.js';

export const check = async (args: readonly string[], terminal: Terminal): Promise<number> => {
  const options = optionsIn(args, {});
  if (isLeft(options)) return misused(options.left, terminal);
  const { config: read, warnings } = configOfProcess(terminal.env, terminal.directory);
  if (isLeft(read)) {
    for (const line of warnings) terminal.complain(line);
    return misconfigured(read.left, terminal);
  }
  const config = read.right;
  const findings: Finding[] = [];
  const add = (found: readonly Finding[]): void => {
    for (const finding of found) terminal.print(lineOf(finding));
    findings.push(...found);
  };
  add([
    { level: 'ok', about: 'configuration', text: 'every value is valid' },
    ...[...warnings, ...warningsOf(config)].map(
      (text): Finding => ({ level: 'warning', about: 'configuration', text }),
    ),
    openFilesFinding(terminal.openFiles, config.server.maxConnections),
  ]);
  // a server that does not answer takes seconds: a signal ends the check
  const found = await Promise.race([serverFindings(config), terminal.stopped]);
  if (typeof found === 'string') return INTERRUPTED;
  add(found);
  terminal.print(summaryOf(findings));
  return exitCodeOf(findings);
};

/** What a shell reports for SIGINT. */
const INTERRUPTED = 130;

const serverFindings = async (config: Config): Promise<readonly Finding[]> => {
  const found = await Promise.all([brokerFindings(config), archiveFindings(config)]);
  return found.flat();
};

const archiveFindings = async (config: Config): Promise<readonly Finding[]> => {
  if (config.log.databaseUrl === '') return [];
  // PostgreSQL's modules take 0.1 s to load
  const { databaseFindings } = await import('./database-check.js');
  return databaseFindings(config);
};

const brokerFindings = async (config: Config): Promise<readonly Finding[]> =>
  brokerNameOf(config) === 'local'
    ? [
        {
          level: 'ok',
          about: 'broker',
          text: 'local: without Redis, each start of chat-api is a service of its own',
        },
      ]
    : redisFindings(config, brokerText(config));
