/**
 * Why there is no session, in words for who runs the service: Redis's own where it said any, and what to do about it where
 * that is known. They reach the log.
 */
import { isReply } from './redis-answers.js';

const USE_CLUSTER = 'this Redis is a node of a Cluster: set REDIS_CLUSTER=true';

/** What to do about words of Redis, or of ioredis. */
const ADVICE: readonly (readonly [about: RegExp, advice: string])[] = [
  [/cluster support disabled/, 'this Redis is no Cluster: set REDIS_CLUSTER=false'],
  [/^(MOVED|ASK|CROSSSLOT) /, USE_CLUSTER],
  [/unknown command .?sentinel/i, 'REDIS_SENTINELS names a Redis that is no Sentinel'],
  [/DB index is out of range/, 'REDIS_URL names a database that this Redis does not have'],
  [/^NOAUTH/, 'REDIS_URL needs a user or a password'],
  [/^WRONGPASS/, 'see user and password in REDIS_URL'],
  [/max number of clients/, 'raise maxclients of this Redis, or connect fewer to it'],
];

/** A reason with what to do about it. */
export const advised = (detail: string): string => {
  const found = ADVICE.find(([about]) => about.test(detail));
  return found === undefined ? detail : `${detail} (${found[1]})`;
};

/** What ioredis says of a Sentinel that was asked and named no master. */
export const sentinelReason = ({ message }: Error, name: string): string => {
  const [, address] = /^connected to sentinel (.*) successfully, but got/.exec(message) ?? [];
  return address === undefined
    ? advised(message)
    : `the Sentinel at ${address} knows no master of the name ${name}: see REDIS_SENTINEL_NAME`;
};

/** Remembers why a connection came to nothing: the words of Redis go before what the socket says afterwards. */
export const reasons = (
  otherwise: string,
): { readonly add: (error: Error) => void; readonly why: () => string } => {
  let why: string | undefined;
  let isTheirs = false;
  return {
    add: (error) => {
      if (isTheirs) return;
      isTheirs = isReply(error);
      why = advised(error.message);
    },
    why: () => why ?? otherwise,
  };
};

/** Why the Redis that gave this `INFO` cannot be used now; undefined when it can. */
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
