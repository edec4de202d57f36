/** What `chat-api check` found, as lines for people and as an exit code. */
export interface Finding {
  /**
   * `failed`: the service would not work as it is configured. `warning`: it works, and an operator should
   * look at something, such as an unsafe setting, one without effect, or clocks that differ.
   */
  readonly level: 'ok' | 'warning' | 'failed';
  readonly about: string;
  readonly text: string;
}

export const lineOf = ({ level, about, text }: Finding): string =>
  `${level.padEnd(7)}  ${about}: ${text}`;

export const exitCodeOf = (findings: readonly Finding[]): number =>
  findings.some(({ level }) => level === 'failed') ? 1 : 0;

/** The last line. */
export const summaryOf = (findings: readonly Finding[]): string => {
  const count = (level: Finding['level']): number =>
    findings.filter((finding) => finding.level === level).length;
  const warnings = count('warning');
  return `${count('ok')} ok, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}, ${count('failed')} failed`;
};

/**
 * Files that a pod has open besides the sockets of its clients: connections to Redis and PostgreSQL, the
 * listening socket, connections of HTTP requests, and those of Node itself.
 */
const OTHER_FILES = 200;

export const openFilesFinding = (
  openFiles: number | undefined,
  maxConnections: number,
): Finding => {
  const about = 'open files';
  const needed = maxConnections + OTHER_FILES;
  if (openFiles === undefined) return { level: 'ok', about, text: 'no limit is known' };
  return openFiles >= needed
    ? {
        level: 'ok',
        about,
        text: `ulimit -n is ${openFiles}, enough for MAX_CONNECTIONS=${maxConnections}`,
      }
    : {
        level: 'failed',
        about,
        text:
          `ulimit -n is ${openFiles}, but MAX_CONNECTIONS=${maxConnections} needs ${needed}: raise the limit ` +
          '(ulimit -n, LimitNOFILE of systemd), or lower MAX_CONNECTIONS',
      };
};

/**
 * A smaller difference is no warning. Messages have the time of Redis, and `nbf` and `iat` of a token have
 * 30 s of leeway. Only `exp` has none: a token may end too early or too late, by less than a second.
 */
const SKEW_MS = 1_000;

/** `server`: whose clock it is. `why`: what the two clocks decide. */
export const skewFinding = (server: string, aheadMs: number, why: string): Finding => {
  const about = 'clock';
  const shown =
    Math.abs(aheadMs) < 1_000
      ? `${Math.round(Math.abs(aheadMs))} ms`
      : `${(Math.abs(aheadMs) / 1_000).toFixed(1)} s`;
  const text = `${server} is ${shown} ${aheadMs < 0 ? 'behind' : 'ahead of'} this machine`;
  return Math.abs(aheadMs) < SKEW_MS
    ? { level: 'ok', about, text }
    : {
        level: 'warning',
        about,
        text: `${text}: ${why}; run a time service (NTP) on both`,
      };
};

export const rightsFinding = (node: string, missing: readonly string[]): Finding =>
  missing.length === 0
    ? {
        level: 'ok',
        about: 'rights',
        text: `the user of Redis at ${node} has all rights that a pod needs`,
      }
    : {
        level: 'failed',
        about: 'rights',
        text: `the user of Redis at ${node} lacks ${missing.join(' ')}: add them with ACL SETUSER, or in the ACL file (docs/security.md)`,
      };
