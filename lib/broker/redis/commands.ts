/**
 * The scripts as the port's functions: the same for one Redis, Sentinel and Cluster, which differ in how a script gets
 * to the node (`Run`) and in how a room is subscribed.
 */
import * as E from 'fp-ts/lib/Either.js';
import type { Cluster, Redis } from 'ioredis';
import { map, of, switchMap } from 'rxjs';
import type { Clock } from '../../clock.js';
import { frameOf } from '../../protocol/frame.js';
import { NO_LOG, type Page, PAGE_BYTES, pageOf } from '../../history/page.js';
import { GLOBAL, type Room, type LogPosition } from '../../protocol/position.js';
import {
  type RedisReply,
  type RedisPort,
  type RedisError,
  CONTROL_CHANNEL,
  channelOf,
  type Outcome,
  type Recalled,
  podChannel,
} from './port.js';
import { answer, done, errorOf, isReply, listOf, unexpectedReply } from './errors.js';
import { namesIn } from './names.js';
import { POSITION_FIELDS, positions } from './positions.js';
import { type Script, scripts } from './lua/scripts.js';

/** Runs a script where its keys are. */
export type Run = (
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
) => Promise<unknown>;

/** HMGET: fields of one hash, without a script. */
export type Fields = (key: string, names: readonly string[]) => Promise<unknown>;

export interface CommandOptions {
  readonly prefix: string;
  readonly serverId: string;
  readonly positionTtlMs: number;
  /** How many of a room's messages its log keeps (0: none), and for how long. */
  readonly logMessages: number;
  readonly logTtlMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Contract section 1. */
const KEY_TTL_MS = 300_000;
/** Where the log keeps fewer, others may have said as many before a call is asked for again: it leaves a mark. */
const TELLING_MESSAGES = 1_000;
/** A mark lives for so many timeouts, and so long the log must keep what it tells. */
const MARK_TIMEOUTS = 4;
/** A pod renews its lease several times in this; dead, its members are counted this long. */
const LEASE_MS = 10_000;
/** A pod whose lease has ended may have been cut off only: its counts are kept this long for its return. */
const LEASE_KEPT_MS = 60_000;
/**
 * Of a room whose pods have died the counts stay so long. Living pods ask once in five seconds at least, and one time in
 * sixteen they let it live on; should none of a hundred times be one, the next who asks writes its count anew.
 */
const MEMBERS_TTL_MS = 600_000;
const MEMBERS_KEPT = 1 / 16;
/** A member count may be a second old (contract section 1), so may be who lives. */
const PODS_FRESH_MS = 1_000;
const OUTSIDE_BIT = 0x100000;
const GLOBAL_BIT = 0x200000;
/** Refused for what it writes, a log can be read all the same: its disk is full, or its memory. */
const TAKES_NO_WRITES: ReadonlySet<RedisError['_tag']> = new Set(['OutOfMemory', 'Misconfigured']);

interface Pods {
  readonly living: ReadonlySet<string>;
  /** Living, or ended less than LEASE_KEPT_MS ago. */
  readonly known: ReadonlySet<string>;
  /** Of the clock's scheduler. */
  readonly at: number;
}

export type Commands = Pick<
  RedisPort,
  | 'publish'
  | 'position'
  | 'top'
  | 'page'
  | 'peek'
  | 'renew'
  | 'members'
  | 'probe'
  | 'lease'
  | 'control'
  | 'recall'
> & {
  /** Gives the lease back. */
  readonly leave: () => RedisReply<void>;
  /** Forgets what it knows of other pods: after a loss Redis may be another. */
  readonly forget: () => void;
};

/** EVALSHA, and where Redis does not know the script (restarted, flushed, another node) EVAL of the same call. */
export const runOn =
  (redis: Redis | Cluster): Run =>
  async (script, keys, args) => {
    try {
      return await redis.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (thrown) {
      if (!isReply(thrown) || !thrown.message.startsWith('NOSCRIPT')) throw thrown;
      return redis.eval(script.lua, keys.length, ...keys, ...args);
    }
  };

export const redisCommands = (
  { prefix, serverId, positionTtlMs, logMessages, logTtlMs, timeoutMs, clock }: CommandOptions,
  sharded: boolean,
  run: Run,
  fields: Fields,
): Commands => {
  const all = scripts(sharded);
  const { page, peek, peekAnywhere, renew, members, probe, lease, leave } = all;
  const { channelAt, keyAt } = namesIn(prefix);
  const control = channelAt(CONTROL_CHANNEL);
  const podsKey = keyAt(CONTROL_CHANNEL, 'pods');
  const wordsKey = keyAt(CONTROL_CHANNEL, 'words');
  const markMs = MARK_TIMEOUTS * timeoutMs;
  const logTells = logMessages >= TELLING_MESSAGES && logTtlMs >= markMs;
  const own = podChannel(serverId);
  // of this life of the pod: two that call themselves the same, or one that was restarted, do not count as each other
  const self = `${serverId}#${Math.floor(clock.random() * 2 ** 48).toString(36)}`;
  let pods: Pods | undefined;

  /** The position and the log of a room: `log-scripts.ts`. */
  const logKeys = (room: Room): readonly string[] => [
    keyAt(channelOf(room), 'pos'),
    keyAt(channelOf(room), 'log'),
  ];

  const askPods = (): RedisReply<Pods> =>
    answer(
      () => run(lease, [podsKey], [self, LEASE_MS, LEASE_KEPT_MS]),
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
      () =>
        run(
          members,
          [keyAt(channelOf(room), 'members')],
          [
            self,
            count ?? '',
            MEMBERS_TTL_MS,
            count !== undefined && clock.random() < MEMBERS_KEPT ? 1 : 0,
            ...gone,
          ],
        ),
      (reply) =>
        isTexts(reply) ? E.right(othersIn(reply, self)) : unexpectedReply(reply, 'a hash'),
    );

  /** Whether the last list of pods may be wrong about one that a room names: it is new, or it was dead a while ago. */
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
        // or a room that never empties would keep a field of every pod there ever was
        return gone.length === 0
          ? of(sum)
          : askMembers(room, count, gone).pipe(switchMap(() => of(sum)));
      }),
    );
  };

  /** Both scripts are refused by a replica, whose log may be behind; where only writing is, another reads. */
  const read = (
    script: Script,
    room: Room,
    from: number,
    most: number,
    tag: number | '',
  ): RedisReply<Page> =>
    answer(
      async () => {
        const args = [tag, positionTtlMs, '', from, most, PAGE_BYTES, logMessages, logTtlMs];
        try {
          return await run(script, logKeys(room), args);
        } catch (thrown) {
          if (!TAKES_NO_WRITES.has(errorOf(thrown)._tag)) throw thrown;
          const reply = await run(peekAnywhere, logKeys(room), args);
          if (reply === 0 && script === page) throw thrown;
          return reply;
        }
      },
      (reply) => (reply === 0 ? E.right(NO_LOG) : pageIn(reply, from)),
    );

  return {
    publish: (room, drafts, nonces, tag, deadline, call) => {
      const channel = channelOf(room);
      const keys = [...logKeys(room)];
      const isMarked = call !== undefined && !(logTells && drafts.every(({ logged }) => logged));
      const again = call?.again;
      const args: (string | number)[] = [
        channelAt(channel),
        deadline,
        tag,
        positionTtlMs,
        KEY_TTL_MS,
      ];
      args.push(logMessages, logTtlMs, call?.id ?? '', isMarked ? markMs : '');
      args.push(again?.sinceMs ?? '', again?.tag ?? '', again?.offset ?? '');
      for (const [i, { key, digest, logged, rest }] of drafts.entries()) {
        if (key !== undefined) keys.push(keyAt(channel, `key:${key}`));
        const bits =
          (room === GLOBAL ? GLOBAL_BIT : 0) + (logged ? 0 : OUTSIDE_BIT) + (nonces[i] ?? 0);
        args.push(bits, key === undefined ? '' : `=${digest}`, rest);
      }
      if (isMarked) keys.push(keyAt(channel, `call:${call.id}`));
      return answer(
        () => run(again === undefined ? all.publish : all.publishAgain, keys, args),
        (reply) => outcomesOf(reply, drafts.length),
      );
    },
    position: positions({
      clock,
      sharded,
      keyOf: (room) => keyAt(channelOf(room), 'pos'),
      ask: (keys) => run(all.positions, keys, []),
      askOne: (key) => fields(key, POSITION_FIELDS),
    }),
    top: (room, tag) => read(page, room, 0, 0, tag).pipe(map(E.map((page) => page.top))),
    page: (room, from, most, tag) => read(page, room, from, most, tag),
    peek: (room, from, most) => read(peek, room, from, most, ''),
    renew: (room, old, tag) =>
      answer(() => run(renew, logKeys(room), [tag, positionTtlMs, old]), topOf),
    members: (room, count) => {
      const ask = (): RedisReply<number> =>
        askMembers(room, count, []).pipe(
          switchMap((counts) =>
            E.isLeft(counts) ? of(counts) : countOthers(room, count, counts.right),
          ),
        );
      // the lease first: nobody may take this pod for one that has gone while it writes
      return pods === undefined
        ? askPods().pipe(switchMap((asked) => (E.isLeft(asked) ? of(asked) : ask())))
        : ask();
    },
    probe: (text) =>
      answer(
        () => run(probe, [keyAt(own, 'lease')], [channelAt(own), text, LEASE_MS]),
        (reply) => (typeof reply === 'number' ? E.right(reply) : unexpectedReply(reply, 'a time')),
      ),
    lease: () =>
      askPods().pipe(
        switchMap((asked) => of(E.isLeft(asked) ? asked : E.right([...asked.right.living]))),
      ),
    leave: () => answer(() => run(leave, [podsKey], [self]), done),
    control: (text, keepMs) =>
      answer(() => run(all.control, [wordsKey], [control, text, keepMs ?? '']), done),
    recall: (ms) => answer(() => run(all.recall, [wordsKey], [ms]), recalledOf),
    forget: () => {
      pods = undefined;
    },
  };
};

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

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

const recalledOf = (reply: unknown): E.Either<RedisError, readonly Recalled[]> => {
  const flat = listOf(reply);
  const words: Recalled[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [ageMs, text] = flat.slice(i, i + 2);
    if (typeof ageMs !== 'number' || typeof text !== 'string')
      return unexpectedReply(reply, 'ages and texts');
    words.push({ ageMs, text });
  }
  return E.right(words);
};

const topOf = (reply: unknown): E.Either<RedisError, LogPosition> => {
  const [tag, offset, ms, id] = listOf(reply);
  if (
    typeof tag !== 'number' ||
    typeof offset !== 'number' ||
    typeof ms !== 'number' ||
    typeof id !== 'string'
  )
    return unexpectedReply(reply, 'a top');
  return E.right({ tag, offset, ms, id: id === '' ? null : id });
};

const pageIn = (reply: unknown, from: number): E.Either<RedisError, Page> => {
  const top = topOf(reply);
  if (E.isLeft(top)) return top;
  const [first, before, ...payloads] = listOf(reply).slice(4);
  if (typeof first !== 'number' || typeof before !== 'number' || !isTexts(payloads))
    return unexpectedReply(reply, 'a page');
  const beforeMs = before < 0 ? undefined : before;
  return E.right(pageOf(top.right, first, from, payloads.map(frameOf), beforeMs));
};

const outcomesOf = (reply: unknown, count: number): E.Either<RedisError, readonly Outcome[]> => {
  if (reply === 0) return E.left({ _tag: 'Late', detail: 'it came to Redis after its deadline' });
  if (reply === -1)
    return E.left({ _tag: 'Untold', detail: 'the log does not reach back to the first try' });
  if (!isTexts(reply) || reply.length !== count) return unexpectedReply(reply, `${count} outcomes`);
  return E.right(reply.map(outcomeOf));
};

const outcomeOf = (text: string): Outcome => {
  const id = text.slice(1);
  return text[0] === 'p'
    ? { _tag: 'Placed', id }
    : text[0] === 'd'
      ? { _tag: 'Duplicate', id }
      : { _tag: 'KeyReused' };
};
