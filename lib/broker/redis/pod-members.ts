/**
 * Members of a room on other pods: the commands `members`, `lease` and `leave`. Each pod writes its counts
 * under its own name, and a count is valid only while the lease of its pod is.
 */
import * as E from 'fp-ts/lib/Either.js';
import { of, switchMap } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Room } from '../../protocol/position.js';
import { answer, done, listOf, unexpectedReply } from './errors.js';
import type { Run, Scripts } from './lua/scripts.js';
import { LEASE_MS, type RedisPort, type RedisReply } from './port.js';
import { isTexts } from './replies.js';

/**
 * A pod whose lease has ended may have lost only its connection: its counts are kept this long, in case it
 * returns.
 */
const LEASE_KEPT_MS = 60_000;
/**
 * How long the counts of a room are kept when all its pods have died. Living pods read them every few
 * seconds, and one read in sixteen begins this time anew. If by chance no read does so in that time, the
 * counts expire, and the next pod that reads writes its count again.
 */
const MEMBERS_TTL_MS = 600_000;
const MEMBERS_KEPT = 1 / 16;
/**
 * When the lease of a pod has ended, its count is left out only if the list of pods is not older than this.
 * When the list is older, Redis is first asked for a new one.
 */
const PODS_FRESH_MS = 1_000;

interface Pods {
  readonly living: ReadonlySet<string>;
  /** Pods with a valid lease, or one that ended less than LEASE_KEPT_MS ago. */
  readonly known: ReadonlySet<string>;
  /** Time of the clock's scheduler. */
  readonly at: number;
}

export interface PodMembersDeps {
  readonly serverId: string;
  readonly clock: Clock;
  readonly run: Run;
  readonly scripts: Pick<Scripts, 'members' | 'lease' | 'leave'>;
  /** The key of the leases. */
  readonly podsKey: string;
  /** The key of a room's counts. */
  readonly keyOf: (room: Room) => string;
}

export type PodMembers = Pick<RedisPort, 'members' | 'lease'> & {
  /** Gives the lease back. */
  readonly leave: () => RedisReply<void>;
  /** Forgets the list of pods: after a lost connection it may be another Redis. */
  readonly forget: () => void;
};

export const podMembers = ({
  serverId,
  clock,
  run,
  scripts,
  podsKey,
  keyOf,
}: PodMembersDeps): PodMembers => {
  // each start of a pod has a name of its own: so two pods with one SERVER_ID are two pods, and so are a pod
  // before and after a restart
  const self = `${serverId}#${Math.floor(clock.random() * 2 ** 48).toString(36)}`;
  let pods: Pods | undefined;

  const askPods = (): RedisReply<Pods> =>
    answer(
      () => run(scripts.lease, [podsKey], [self, LEASE_MS, LEASE_KEPT_MS]),
      (reply) => {
        const [living, ended] = listOf(reply);
        if (!isTexts(living) || !isTexts(ended)) return unexpectedReply(reply, 'two lists of pods');
        pods = {
          living: new Set(living),
          known: new Set([...living, ...ended]),
          at: clock.scheduler.now(),
        };
        return E.right(pods);
      },
    );

  const askMembers = (
    room: Room,
    count: number | undefined,
    gone: readonly string[],
  ): RedisReply<ReadonlyMap<string, number>> =>
    answer(
      () => {
        const isKept = count !== undefined && clock.random() < MEMBERS_KEPT;
        const args = [self, count ?? '', MEMBERS_TTL_MS, isKept ? 1 : 0, ...gone];
        return run(scripts.members, [keyOf(room)], args);
      },
      (reply) =>
        isTexts(reply) ? E.right(othersIn(reply, self)) : unexpectedReply(reply, 'a hash'),
    );

  /**
   * Whether the list of pods may be wrong about a pod: the pod is not in the list, or its lease has ended in
   * a list that is older than a second.
   */
  const isDoubtful = (name: string, { living, known, at }: Pods): boolean =>
    !living.has(name) && (!known.has(name) || clock.scheduler.now() - at > PODS_FRESH_MS);

  const countOthers = (
    room: Room,
    count: number | undefined,
    counts: ReadonlyMap<string, number>,
  ): RedisReply<number> => {
    const names = [...counts.keys()];
    const last = pods;
    if (last !== undefined && !names.some((name) => isDoubtful(name, last)))
      return of(E.right(sumOf(counts, last)));
    return askPods().pipe(
      switchMap((asked): RedisReply<number> => {
        if (E.isLeft(asked)) return of(asked);
        const gone = names.filter((name) => !asked.right.known.has(name));
        const sum = E.right(sumOf(counts, asked.right));
        // else a room that is never empty would keep a field for every pod that has ever existed
        return gone.length === 0
          ? of(sum)
          : askMembers(room, count, gone).pipe(switchMap(() => of(sum)));
      }),
    );
  };

  return {
    members: (room, count) => {
      const ask = (): RedisReply<number> =>
        askMembers(room, count, []).pipe(
          switchMap((counts) =>
            E.isLeft(counts) ? of(counts) : countOthers(room, count, counts.right),
          ),
        );
      // the lease first: else another pod may remove this pod's count as that of a dead pod
      return pods === undefined
        ? askPods().pipe(switchMap((asked) => (E.isLeft(asked) ? of(asked) : ask())))
        : ask();
    },
    lease: () =>
      askPods().pipe(
        switchMap((asked) => of(E.isLeft(asked) ? asked : E.right([...asked.right.living]))),
      ),
    leave: () => answer(() => run(scripts.leave, [podsKey], [self]), done),
    forget: () => {
      pods = undefined;
    },
  };
};

const othersIn = (flat: readonly string[], self: string): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [name = '', count] = flat.slice(i, i + 2);
    if (name !== self) counts.set(name, Number(count));
  }
  return counts;
};

const sumOf = (counts: ReadonlyMap<string, number>, { living }: Pods): number => {
  let sum = 0;
  for (const [name, count] of counts) if (living.has(name) && count > 0) sum += count;
  return sum;
};
