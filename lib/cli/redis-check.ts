/**
 * The part of `chat-api check` about Redis: first the rights and the clock of each node, then the broker of a
 * pod, until its probe has come back as messages do.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import {
  endWith,
  filter,
  firstValueFrom,
  ignoreElements,
  map,
  merge,
  mergeMap,
  take,
  timer,
} from 'rxjs';
import { brokerOf, redisOptionsOf } from '../broker/from-config.js';
import type { BrokerEvent } from '../broker/index.js';
import { redisFacts } from '../broker/redis/rights.js';
import { systemClock } from '../clock.js';
import type { Config } from '../config/index.js';
import { type Finding, rightsFinding, skewFinding } from './findings.js';

/** A pod reports an outage after 3 s; a Cluster needs a moment more for its first connection. */
const PROBE_MS = 5_000;

const CLOCKS = 'times of messages are those of Redis, exp of tokens counts by this machine';

/** `name`: the broker as the log calls it. */
export const redisFindings = async (given: Config, name: string): Promise<readonly Finding[]> => {
  const config = underAnotherId(given);
  const facts = await redisFacts(redisOptionsOf(config, systemClock), config.broker.redisCluster);
  const failures = facts.filter(isLeft).map(({ left }) => left);
  const found = facts.flatMap((fact) => (isLeft(fact) ? [] : [fact.right]));
  // on a Cluster some nodes may be down; when no node answered, a probe would show nothing more
  if (found.length === 0)
    return failures.map((text) => ({ level: 'failed', about: 'Redis', text }));
  const rights = found.map(({ node, missing }) => rightsFinding(node, missing));
  const isAllowed = rights.every(({ level }) => level === 'ok');
  return [
    ...failures.map((text): Finding => ({ level: 'warning', about: 'Redis', text })),
    ...rights,
    ...found.flatMap(({ node, aheadMs }) =>
      aheadMs === undefined ? [] : [skewFinding(`Redis at ${node}`, aheadMs, CLOCKS)],
    ),
    ...(isAllowed ? [await probeFinding(config, name)] : []),
  ];
};

/** A pod that runs has the configured id: the check must not be its namesake. */
const underAnotherId = (config: Config): Config => ({
  ...config,
  server: {
    ...config.server,
    serverId: `check-${Math.trunc(systemClock.random() * 1e9).toString(36)}`,
  },
});

const probeFinding = async (config: Config, name: string): Promise<Finding> => {
  const broker = brokerOf(config, systemClock);
  const refusals: string[] = [];
  const about = 'Redis';
  const came$ = broker.event$.pipe(
    map((event) => {
      const refusal = refusalIn(event);
      if (refusal !== undefined) refusals.push(refusal);
      return event._tag === 'ProbeReturned' ? event.seconds : undefined;
    }),
    filter((seconds) => seconds !== undefined),
    map((seconds): Finding => {
      const text = `${name}: a message comes back in ${(seconds * 1_000).toFixed(1)} ms`;
      return { level: 'ok', about, text };
    }),
  );
  const late$ = timer(PROBE_MS, systemClock.scheduler).pipe(
    map((): Finding => {
      const text = [
        `${name}: no message came back in ${PROBE_MS / 1_000} s`,
        ...refusals.slice(-1),
      ];
      return { level: 'failed', about, text: text.join('; ') };
    }),
  );
  const found$ = merge(came$, late$).pipe(
    take(1),
    mergeMap((found) => broker.close().pipe(ignoreElements(), endWith(found))),
  );
  return firstValueFrom(found$);
};

const refusalIn = (event: BrokerEvent): string | undefined =>
  event._tag === 'Refused' || event._tag === 'ConnectionLost' ? event.detail : undefined;
