/** The part of `chat-api check` about the PostgreSQL of the archive. It changes nothing there. */
import { isLeft } from 'fp-ts/lib/Either.js';
import { systemClock } from '../clock.js';
import type { Config } from '../config/index.js';
import { archiveText } from '../config/summary.js';
import { type ArchiveFacts, archiveFacts } from '../history/archive/inspection.js';
import { type Finding, skewFinding } from './findings.js';

const TIMEOUT_MS = 2_000;
/** Earlier versions cannot detach a partition while others read. */
const LEAST_VERSION = 140_000;
const ABOUT = 'PostgreSQL';

/** Nothing without an archive. */
export const databaseFindings = async (config: Config): Promise<readonly Finding[]> => {
  const where = archiveText(config);
  if (where === undefined) return [];
  const facts = await archiveFacts({
    url: config.log.databaseUrl,
    clock: systemClock,
    timeoutMs: TIMEOUT_MS,
  });
  return isLeft(facts)
    ? [{ level: 'failed', about: ABOUT, text: `${where}: ${facts.left}` }]
    : findingsOf(where, facts.right);
};

/** `where`: the database as the log calls it. */
export const findingsOf = (where: string, facts: ArchiveFacts): readonly Finding[] => [
  serverFinding(where, facts),
  ...encodingFindings(facts),
  tablesFinding(facts),
  rightsFinding(facts),
  skewFinding(
    `PostgreSQL at ${where}`,
    facts.aheadMs,
    'rejected_at of messages that cannot be stored is the time of PostgreSQL, and retention counts by it',
  ),
];

const serverFinding = (where: string, facts: ArchiveFacts): Finding => {
  const { version, versionNumber, answeredMs, isReadOnly } = facts;
  const failed = (text: string): Finding => ({
    level: 'failed',
    about: ABOUT,
    text: `${where}: ${text}`,
  });
  if (versionNumber < LEAST_VERSION)
    return failed(`version ${version}, but the archive needs 14 or later: update PostgreSQL`);
  if (isReadOnly)
    return failed(
      'it takes no writes: write the primary in DATABASE_URL, or turn off default_transaction_read_only',
    );
  const text = `${where}: version ${version} answers in ${answeredMs.toFixed(1)} ms`;
  return { level: 'ok', about: ABOUT, text };
};

/** Text that the encoding lacks is refused by PostgreSQL, and the message is set aside. */
const encodingFindings = ({ encoding }: ArchiveFacts): readonly Finding[] =>
  encoding === 'UTF8'
    ? []
    : [
        {
          level: 'warning',
          about: ABOUT,
          text:
            `the encoding of the database is ${encoding}: messages with other characters cannot be ` +
            "stored; use a database that was made with ENCODING 'UTF8'",
        },
      ];

const tablesFinding = ({ hasTables, pending }: ArchiveFacts): Finding => {
  const about = 'tables';
  if (pending === undefined)
    return {
      level: 'warning',
      about,
      text: 'they exist; whether the next start changes them is not known, as the role may not read chat_api.migrations',
    };
  if (pending.length === 0)
    return { level: 'ok', about, text: 'those in the schema chat_api are up to date' };
  const what = hasTables ? 'changes those in' : 'makes them in';
  return {
    level: 'ok',
    about,
    text: `the next start ${what} the schema chat_api (${pending.join(', ')})`,
  };
};

/** Many partitions may lack the same. */
const SHOWN = 5;

const rightsFinding = ({ role, missing }: ArchiveFacts): Finding => {
  const about = 'rights';
  if (missing.length === 0)
    return {
      level: 'ok',
      about,
      text: `the role ${role} of PostgreSQL may store messages and make partitions`,
    };
  const more = missing.length - SHOWN;
  const statements = missing.slice(0, SHOWN).join('; ');
  return {
    level: 'failed',
    about,
    text:
      `the role ${role} of PostgreSQL lacks rights: run as an administrator of the database: ${statements}` +
      (more > 0 ? `; and ${more} more` : ''),
  };
};
