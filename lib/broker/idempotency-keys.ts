/**
 * Idempotency keys that this pod has seen, for 5 minutes (docs/protocol.md, section 14) and at most 100,000
 * of them (about 45 MB). When there are more, one of the owners with the most keys loses its oldest: no user
 * can push out the keys of others. When no owner has many keys, the oldest key of all is removed: then the
 * flood comes from many owners, and none stands out.
 */
import type { Clock } from '../clock.js';
import {
  type IdempotencyKey,
  KEY_TTL_MS,
  keyField,
  ownerName,
} from '../protocol/idempotency-key.js';
import type { Room } from '../protocol/position.js';

/** The message of a key: its id, and a digest of its data. */
export interface Keyed {
  readonly id: string;
  readonly digest: string;
}

export interface IdempotencyKeys {
  readonly get: (room: Room, key: IdempotencyKey) => Keyed | undefined;
  readonly set: (room: Room, key: IdempotencyKey, keyed: Keyed) => void;
  readonly size: () => number;
}

const MAX_KEYS = 100_000;
/** Level 7 is 128 keys: an owner with fewer keys does not count as a flood. */
const FLOOD_LEVEL = 7;

/**
 * A key is in two queues: in that of all keys, and in its owner's. All keys live equally long, so the first key
 * of a queue expires first.
 */
interface Entry extends Keyed {
  readonly name: string;
  readonly until: number;
  readonly owner: Owner;
  older: Entry | undefined;
  newer: Entry | undefined;
  /** The next key of the same owner. */
  next: Entry | undefined;
}

interface Owner {
  readonly name: string;
  count: number;
  oldest: Entry | undefined;
  newest: Entry | undefined;
}

/**
 * A linked queue. A Map would look for its first entry past all deleted entries, which took 37 µs a key,
 * and at times 11 ms. Levels are powers of two: an owner seldom changes its level, and the owner with the
 * most keys is known to a factor of two.
 */
export const idempotencyKeys = ({ scheduler }: Clock): IdempotencyKeys => {
  const seen = new Map<string, Entry>();
  const owners = new Map<string, Owner>();
  const levels: readonly Set<Owner>[] = Array.from(
    { length: levelOf(MAX_KEYS) + 1 },
    () => new Set(),
  );
  let oldest: Entry | undefined;
  let newest: Entry | undefined;

  const ownerOf = (name: string): Owner => {
    const known = owners.get(name);
    if (known !== undefined) return known;
    const owner: Owner = { name, count: 0, oldest: undefined, newest: undefined };
    owners.set(name, owner);
    return owner;
  };

  const recount = (owner: Owner, count: number): void => {
    const [before, after] = [levelOf(owner.count), levelOf(count)];
    owner.count = count;
    if (before === after) return;
    levels[before]?.delete(owner);
    levels[after]?.add(owner);
    if (count === 0) owners.delete(owner.name);
  };

  const append = (entry: Entry): void => {
    const { name, owner } = entry;
    if (newest === undefined) oldest = entry;
    else newest.newer = entry;
    newest = entry;
    if (owner.newest === undefined) owner.oldest = entry;
    else owner.newest.next = entry;
    owner.newest = entry;
    seen.set(name, entry);
    recount(owner, owner.count + 1);
  };

  /** Removes the oldest key of an owner. */
  const forget = (owner: Owner): void => {
    const entry = owner.oldest;
    if (entry === undefined) return;
    const { older, newer, next, name } = entry;
    if (older === undefined) oldest = newer;
    else older.newer = newer;
    if (newer === undefined) newest = older;
    else newer.older = older;
    owner.oldest = next;
    if (next === undefined) owner.newest = undefined;
    seen.delete(name);
    recount(owner, owner.count - 1);
  };

  const makeRoom = (now: number): void => {
    while (oldest !== undefined && oldest.until <= now) forget(oldest.owner);
    if (seen.size < MAX_KEYS) return;
    const [flooding] = levels.findLast((level, at) => at >= FLOOD_LEVEL && level.size > 0) ?? [];
    const owner = flooding ?? oldest?.owner;
    if (owner !== undefined) forget(owner);
  };

  return {
    get: (room, key) => {
      const entry = seen.get(nameOf(room, key));
      return entry !== undefined && entry.until > scheduler.now() ? entry : undefined;
    },
    set: (room, key, { id, digest }) => {
      const now = scheduler.now();
      const name = nameOf(room, key);
      makeRoom(now);
      // the caller has looked before: a key keeps its first message
      if (seen.has(name)) return;
      append({
        id,
        digest,
        name,
        until: now + KEY_TTL_MS,
        owner: ownerOf(ownerIn(room, key)),
        older: newest,
        newer: undefined,
        next: undefined,
      });
    },
    size: () => seen.size,
  };
};

/** −1 for 0. */
const levelOf = (count: number): number => 31 - Math.clz32(count);

const nameOf = (room: Room, key: IdempotencyKey): string => `${room} ${keyField(key)}`;

/** The owner of a key. All anonymous clients of a room count as one owner. */
const ownerIn = (room: Room, { owner }: IdempotencyKey): string =>
  owner._tag === 'Anonymous' ? `${room}:` : ownerName(owner);
