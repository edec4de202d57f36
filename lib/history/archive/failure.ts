/** What an error of PostgreSQL, or of the connection to it, means for the statement and for the next ones. */
import { advised } from './advice.js';
import type { ArchiveError } from './port.js';

export interface Failure {
  readonly kind: /** There is no connection, it broke, or the server is starting or stopping. */
    | 'Broken'
    /** No answer in time. A server that answers cancels the statement itself, and this is `Cancelled`. */
    | 'Silent'
    /** The server has cancelled the statement, as it took too long. */
    | 'Cancelled'
    /** A deadlock, or a lock that was not free in time. */
    | 'Conflict'
    /** A row cannot be stored; other rows can. */
    | 'BadRow'
    /** There is no partition for the day of a row. */
    | 'NoPartition'
    /** PostgreSQL refuses the statement, whatever is in it. */
    | 'Refused';
  readonly detail: string;
  /** Whether the statement may have been executed all the same. */
  readonly mayHaveRun: boolean;
}

/** `sent`: the statement was sent, so a connection had been made before. */
export const failureOf = (error: unknown, sent: boolean): Failure => {
  const detail = error instanceof Error ? error.message || error.name : String(error);
  const code = codeOf(error);
  if (code === undefined || !SQLSTATE.test(code)) {
    const kind = sent && /timeout/i.test(detail) ? 'Silent' : 'Broken';
    return { kind, detail: detailOf(detail, code), mayHaveRun: sent };
  }
  const kind = kindOf(code, detail);
  // a server that ends a connection may have committed before
  return {
    kind,
    detail: detailOf(detail, code),
    mayHaveRun: sent && ENDED.has(code.slice(0, 2)) && code !== '57014',
  };
};

/** What a caller is answered. */
export const errorOf = ({ kind, detail, mayHaveRun }: Failure): ArchiveError => {
  if (mayHaveRun) return { _tag: 'Unsure', detail };
  return { _tag: kind === 'Refused' ? 'Refused' : 'Unavailable', detail };
};

const SQLSTATE = /^[0-9A-Z]{5}$/;

const codeOf = (error: unknown): string | undefined => {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
};

const detailOf = (detail: string, code: string | undefined): string =>
  advised(code === undefined || detail.includes(code) ? detail : `${detail} (${code})`);

const kindOf = (code: string, detail: string): Failure['kind'] => {
  if (code === '57014') return 'Cancelled';
  if (code === '23514' && detail.startsWith('no partition')) return 'NoPartition';
  if (CONFLICTS.has(code)) return 'Conflict';
  // 25006: a standby, or a server that became read-only; with a failover this passes
  if (ENDED.has(code.slice(0, 2)) || code === '25006' || code === '53300') return 'Broken';
  return ROW.has(code.slice(0, 2)) ? 'BadRow' : 'Refused';
};

const CONFLICTS: ReadonlySet<string> = new Set(['40001', '40P01', '55P03']);
/** Connection exceptions, and the intervention of an operator: a stop, a crash, a start. */
const ENDED: ReadonlySet<string> = new Set(['08', '57']);
/** Data exceptions, violated constraints, and limits of PostgreSQL. */
const ROW: ReadonlySet<string> = new Set(['22', '23', '54']);
