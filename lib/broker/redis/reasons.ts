/**
 * Texts for operators that explain why there is no session: the message of Redis if there is one, and what to
 * do about it if that is known. The texts go to the log.
 */
import { isReply, textOf } from './errors.js';

const USE_CLUSTER = 'this Redis is a node of a Cluster: set REDIS_CLUSTER=true';

/** What to do about a message of Redis, ioredis or TLS. */
const ADVICE: readonly (readonly [about: RegExp, advice: string])[] = [
  [/cluster support disabled/, 'this Redis is no Cluster: set REDIS_CLUSTER=false'],
  [/^(MOVED|ASK|CROSSSLOT) /, USE_CLUSTER],
  [
    /unknown command .?sentinel/i,
    'REDIS_SENTINELS names a Redis that is no Sentinel: write the addresses of Sentinels there',
  ],
  [
    /DB index is out of range/,
    'REDIS_URL names a database that this Redis does not have: write a lower number',
  ],
  [/^NOAUTH/, 'this Redis needs a password: write it in REDIS_URL, with the user if there is one'],
  [/^WRONGPASS/, 'check the user and the password in REDIS_URL'],
  [
    /wrong version number|packet length too long/,
    'the port speaks no TLS: write redis:// in REDIS_URL',
  ],
  [
    /self-signed certificate|unable to (verify|get) .*(certificate|issuer)/,
    'set NODE_EXTRA_CA_CERTS to the file of the authority that made the certificate',
  ],
  [/does not match certificate/, 'write the name of the certificate as the host in REDIS_URL'],
  [
    /Unknown RESP type|Protocol error/,
    'the server there is no Redis, or expects TLS: check host and port, or write rediss:// in REDIS_URL',
  ],
  [/No such master/, 'check REDIS_SENTINEL_NAME'],
  [/max number of clients/, 'raise maxclients of this Redis, or connect fewer clients to it'],
];

/** What an error code of the operating system says about the address. */
const ADDRESS: readonly (readonly [about: RegExp, finding: string])[] = [
  [/\bECONNREFUSED\b/, 'nothing listens there: start Redis, or'],
  [/\bENOTFOUND\b/, 'the name of the host is not known:'],
  [/\bEAI_AGAIN\b/, 'the name server did not answer: try an IP address, or'],
  [/\bETIMEDOUT\b/, 'no answer from there, as behind a firewall:'],
  [/\b(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|EADDRNOTAVAIL)\b/, 'no route to that address:'],
];

const addressAdvice = (detail: string): string | undefined => {
  const found = ADDRESS.find(([about]) => about.test(detail));
  const variable = /sentinel/i.test(detail) ? 'REDIS_SENTINELS' : 'REDIS_URL';
  return found && `${found[1]} check host and port in ${variable}`;
};

/** A reason, followed by what to do about it. */
export const advised = (detail: string): string => {
  const advice = ADVICE.find(([about]) => about.test(detail))?.[1] ?? addressAdvice(detail);
  return advice === undefined ? detail : `${detail} (${advice})`;
};

/**
 * A TLS port closes a connection that does not speak TLS. A plain port waits for the rest of a TLS handshake.
 * Neither gives a reason. So when a socket ends before Redis has sent anything, the scheme of the URL may be
 * wrong.
 */
const schemeAdvice = (detail: string, isTls: boolean): string | undefined => {
  if (isTls && /ETIMEDOUT|timed out|timeout|closed|ECONNRESET|before secure TLS/.test(detail))
    return `${detail} (no TLS handshake: check host and port; if the port speaks plain Redis, write redis:// in REDIS_URL)`;
  if (!isTls && /ECONNRESET|EPIPE|closed/.test(detail))
    return `${detail} (before Redis sent anything: check host and port; if the port speaks TLS, write rediss:// in REDIS_URL)`;
  return undefined;
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
    ? `${textOf(error)} Last error: ${textOf(error.lastNodeError)}`
    : textOf(error);

/** Keeps the first message of Redis; while there is none, the last report of the socket. */
export const reasons = (otherwise: string, isTls: boolean): Reasons => {
  let reason: Reason | undefined;
  let isAnswered = false;
  const unsaid = (detail: string): string =>
    (isAnswered ? undefined : schemeAdvice(detail, isTls)) ?? advised(detail);
  const note = (detail: string, isAnswer: boolean): void => {
    if (reason?.isAnswer !== true)
      reason = { detail: isAnswer ? advised(detail) : unsaid(detail), isAnswer };
  };
  return {
    add: (error) => note(messageOf(error), isReply(error)),
    addOfSentinel: ({ message }, name) => {
      const [, address] = /^connected to sentinel (.*) successfully, but got/.exec(message) ?? [];
      if (address !== undefined)
        note(`the Sentinel at ${address} knows no master ${name}: check REDIS_SENTINEL_NAME`, true);
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
  if (field('loading') === '1')
    return 'LOADING Redis is loading the dataset in memory: wait until it is done';
  if (field('redis_mode') === 'cluster') return USE_CLUSTER;
  if (field('redis_mode') === 'sentinel')
    return 'REDIS_URL names a Sentinel: write its address in REDIS_SENTINELS';
  return byName && field('role') === 'slave'
    ? 'the Sentinels named a master that is now a replica: wait until the failover has ended, or check which master the Sentinels watch'
    : undefined;
};
