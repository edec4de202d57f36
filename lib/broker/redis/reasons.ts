/**
 * Why there is no session, in words for operators: the message of Redis if there is one, and what to do about
 * it if that is known. The texts go to the log.
 */
import { isReply } from './errors.js';

const USE_CLUSTER = 'this Redis is a node of a Cluster: set REDIS_CLUSTER=true';

/** What to do about a message of Redis or of ioredis. */
const ADVICE: readonly (readonly [about: RegExp, advice: string])[] = [
  [/cluster support disabled/, 'this Redis is no Cluster: set REDIS_CLUSTER=false'],
  [/^(MOVED|ASK|CROSSSLOT) /, USE_CLUSTER],
  [/unknown command .?sentinel/i, 'REDIS_SENTINELS names a Redis that is no Sentinel'],
  [/DB index is out of range/, 'REDIS_URL names a database that this Redis does not have'],
  [/^NOAUTH/, 'REDIS_URL needs a user or a password'],
  [/^WRONGPASS/, 'see user and password in REDIS_URL'],
  [
    /wrong version number|packet length too long/,
    'the port speaks no TLS: write redis:// in REDIS_URL',
  ],
  [
    /self-signed certificate|unable to (verify|get) .*(certificate|issuer)/,
    'set NODE_EXTRA_CA_CERTS to the file of the authority that made the certificate',
  ],
  [/does not match certificate/, 'REDIS_URL has to name the host as its certificate does'],
  [/Unknown RESP type|Protocol error/, 'what answers at this address is no Redis, or speaks TLS'],
  [/No such master/, 'see REDIS_SENTINEL_NAME'],
  [/max number of clients/, 'raise maxclients of this Redis, or connect fewer to it'],
];

/** A reason, followed by what to do about it. */
export const advised = (detail: string): string => {
  const found = ADVICE.find(([about]) => about.test(detail));
  return found === undefined ? detail : `${detail} (${found[1]})`;
};

/**
 * A TLS port closes a connection that does not speak TLS. A plain port waits for the rest of a TLS handshake.
 * Neither gives a reason. So when a socket ends before Redis has sent anything, the scheme of the URL may be
 * wrong.
 */
const schemeAdvice = (detail: string, isTls: boolean): string => {
  if (isTls && /ETIMEDOUT|timed out|timeout|closed|ECONNRESET|before secure TLS/.test(detail))
    return `${detail} (no TLS handshake: if the port speaks plain Redis, write redis:// in REDIS_URL)`;
  if (!isTls && /ECONNRESET|EPIPE|closed/.test(detail))
    return `${detail} (before Redis said anything: if the port speaks TLS, write rediss:// in REDIS_URL)`;
  return detail;
};

/** Why a connection failed. */
export interface Reason {
  readonly detail: string;
  /** Whether Redis or a Sentinel gave the reason; otherwise the socket only broke. */
  readonly isAnswer: boolean;
}

export interface Reasons {
  readonly add: (error: Error) => void;
  /** What ioredis reports of a Sentinel that it asked. */
  readonly addOfSentinel: (error: Error, name: string) => void;
  /** Redis has answered, so the scheme is right. */
  readonly answered: () => void;
  readonly why: () => Reason;
}

/** For a Cluster, ioredis reports that no node answered; the error of the last node is in a field. */
const messageOf = (error: Error & { readonly lastNodeError?: unknown }): string =>
  error.lastNodeError instanceof Error
    ? `${error.message} Last error: ${error.lastNodeError.message}`
    : error.message;

/** Keeps the reason: the first message of Redis takes precedence over what the socket reports afterwards. */
export const reasons = (otherwise: string, isTls: boolean): Reasons => {
  let reason: Reason | undefined;
  let isAnswered = false;
  const unsaid = (detail: string): string => (isAnswered ? detail : schemeAdvice(detail, isTls));
  const note = (detail: string, isAnswer: boolean): void => {
    if (reason?.isAnswer !== true)
      reason = { detail: isAnswer ? advised(detail) : unsaid(advised(detail)), isAnswer };
  };
  return {
    add: (error) => note(messageOf(error), isReply(error)),
    addOfSentinel: ({ message }, name) => {
      const [, address] = /^connected to sentinel (.*) successfully, but got/.exec(message) ?? [];
      if (address !== undefined)
        note(`the Sentinel at ${address} knows no master ${name}: see REDIS_SENTINEL_NAME`, true);
      else note(message, / because [A-Z]{3,} /.test(message));
    },
    answered: () => {
      isAnswered = true;
    },
    why: () => reason ?? { detail: unsaid(otherwise), isAnswer: false },
  };
};

/** Why the Redis with this `INFO` cannot be used right now; undefined when it can. */
export const unfit = (info: string, byName: boolean): string | undefined => {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  if (field('loading') === '1') return 'LOADING Redis is loading the dataset in memory';
  if (field('redis_mode') === 'cluster') return USE_CLUSTER;
  if (field('redis_mode') === 'sentinel')
    return 'REDIS_URL names a Sentinel: it belongs into REDIS_SENTINELS';
  return byName && field('role') === 'slave'
    ? 'the Sentinels named a master that is a replica by now'
    : undefined;
};
