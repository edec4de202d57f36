/**
 * The scripts as functions of the port, for one Redis, Sentinel and a Cluster (`sharded`). Members of other
 * pods: `pod-members.ts`. Replies: `replies.ts`.
 */
import * as E from 'fp-ts/lib/Either.js';
import { map } from 'rxjs';
import type { Clock } from '../../clock.js';
import { NO_LOG, type Page, PAGE_BYTES } from '../../history/page.js';
import { KEY_TTL_MS, keyField } from '../../protocol/idempotency-key.js';
import { flagsOf, GLOBAL, type Room } from '../../protocol/position.js';
import {
  type RedisReply,
  type RedisPort,
  type RedisError,
  CONTROL_CHANNEL,
  channelOf,
  LEASE_MS,
  podChannel,
} from './port.js';
import { answer, done, errorOf, unexpectedReply } from './errors.js';
import { namesIn } from './names.js';
import { type PodMembers, podMembers } from './pod-members.js';
import { POSITION_FIELDS, positions } from './positions.js';
import { outcomesOf, pageIn, recalledOf, topOf } from './replies.js';
import { type Script, scripts, type Run } from './lua/scripts.js';

export interface CommandOptions {
  readonly prefix: string;
  readonly serverId: string;
  readonly positionTtlMs: number;
  /** How many messages of a room its log keeps (0: none), and for how long. */
  readonly logMessages: number;
  readonly logTtlMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * A log that keeps fewer messages may have trimmed those of a call before the call is sent again: so the call
 * leaves a mark in Redis.
 */
const LOG_FOR_RETRY = 1_000;
/** A mark lives for this many timeouts. Without a mark, the log must keep its messages that long. */
const MARK_TIMEOUTS = 4;
/** Redis takes no writes (its disk or memory is full), but a log can still be read. */
const TAKES_NO_WRITES: ReadonlySet<RedisError['_tag']> = new Set(['OutOfMemory', 'Misconfigured']);

/** HMGET: fields of one hash, without a script. */
export type Fields = (key: string, names: readonly string[]) => Promise<unknown>;

export type Commands = Pick<
  RedisPort,
  'publish' | 'position' | 'top' | 'page' | 'peek' | 'renew' | 'probe' | 'control' | 'recall'
> &
  PodMembers;

export const redisCommands = (
  { prefix, serverId, positionTtlMs, logMessages, logTtlMs, timeoutMs, clock }: CommandOptions,
  sharded: boolean,
  run: Run,
  fields: Fields,
): Commands => {
  const all = scripts(sharded);
  const { page, peek, peekAnywhere, renew, probe } = all;
  const { channelAt, keyAt } = namesIn(prefix);
  const controlChannel = channelAt(CONTROL_CHANNEL);
  const controlLogKey = keyAt(CONTROL_CHANNEL, 'catch-ups');
  const markMs = MARK_TIMEOUTS * timeoutMs;
  const isLogEnough = logMessages >= LOG_FOR_RETRY && logTtlMs >= markMs;
  const own = podChannel(serverId);

  /** The position and the log of a room: `lua/log.ts`. */
  const logKeys = (room: Room): readonly string[] => [
    keyAt(channelOf(room), 'pos'),
    keyAt(channelOf(room), 'log'),
  ];

  /**
   * A replica refuses `page` and `peek`, as its log may lag. When Redis refuses only writes (a full disk or
   * memory), a script that only reads is used.
   */
  const read = (
    script: Script,
    room: Room,
    from: number,
    most: number,
    tag: number | '',
    known: number | '' = '',
  ): RedisReply<Page> =>
    answer(
      async () => {
        const args = [tag, positionTtlMs, '', from, most, PAGE_BYTES, logMessages, logTtlMs, known];
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
      const isMarked = call !== undefined && !(isLogEnough && drafts.every(({ logged }) => logged));
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
        if (key !== undefined) keys.push(keyAt(channel, `key:${keyField(key)}`));
        const bits = flagsOf(room === GLOBAL, !logged) + (nonces[i] ?? 0);
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
    page: (room, from, most, tag, known) => read(page, room, from, most, tag, known),
    peek: (room, from, most) => read(peek, room, from, most, ''),
    renew: (room, old, tag) =>
      answer(() => run(renew, logKeys(room), [tag, positionTtlMs, old]), topOf),
    probe: (text) =>
      answer(
        () => run(probe, [keyAt(own, 'lease')], [channelAt(own), text, LEASE_MS]),
        (reply) => (typeof reply === 'number' ? E.right(reply) : unexpectedReply(reply, 'a time')),
      ),
    control: (text, kept) =>
      answer(() => {
        const { ms, name, isOver } = kept ?? { ms: '', name: '', isOver: false };
        const args = [controlChannel, text, ms, name, isOver ? 1 : 0];
        return run(all.control, [controlLogKey], args);
      }, done),
    recall: (ms) => answer(() => run(all.recall, [controlLogKey], [ms]), recalledOf),
    ...podMembers({
      serverId,
      clock,
      run,
      scripts: all,
      podsKey: keyAt(CONTROL_CHANNEL, 'pods'),
      keyOf: (room) => keyAt(channelOf(room), 'members'),
    }),
  };
};
