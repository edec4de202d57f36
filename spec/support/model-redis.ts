/**
 * A model of one Redis in virtual time: logs, keys, channels, its own clock. A command runs as a whole or not
 * at all, one after the other; pushes to a connection arrive in order. It can crash, be emptied, freeze,
 * refuse, and lose its last writes: those since the last fsync, or those that the replica that became the
 * master did not have.
 */
import { left, right } from 'fp-ts/lib/Either.js';
import { isSome } from 'fp-ts/lib/Option.js';
import {
  type CallOf,
  channelOf,
  type Outcome,
  type RedisError,
} from '../../lib/broker/redis/port.js';
import { NO_LOG } from '../../lib/history/index.js';
import { keyField } from '../../lib/protocol/idempotency-key.js';
import { payloadOf } from '../../lib/protocol/payload.js';
import { formatId, GLOBAL, parseId, type Room } from '../../lib/protocol/position.js';
import { type Draft } from '../../lib/protocol/publication.js';
import {
  type Entry,
  type Key,
  type Log,
  type ModelOptions,
  type ModelRedis,
  type Peer,
  type Reply,
} from './model-redis-port.js';
import { modelPages, topOf } from './model-pages.js';
import { undoJournal } from './undo-journal.js';
import { type VirtualClock } from './virtual-clock.js';

const LEASE_MS = 10_000;

const KEY_TTL_MS = 300_000;

/** The same as in `lib/broker/redis/commands.ts`, with a timeout of 2 s. */
const MARK_MS = 8_000;
const PROVING_MESSAGES = 1_000;

const FENCE_MARGIN_MS = 2_000;

export const modelRedis = (
  clock: VirtualClock,
  { logMessages = 1_000, logTtlMs = 600_000, epoch, trimmed }: ModelOptions = {},
): ModelRedis => {
  let state: 'up' | 'down' | 'frozen' = 'up';
  let inbox: (() => void)[] = [];
  let logs = new Map<Room, Log>();
  let keys = new Map<Room, Map<string, Key>>();
  /**
   * The answers of calls that the log cannot show; and the calls that a later try has settled, until their
   * deadlines.
   */
  let marks = new Map<string, { readonly outcomes: readonly Outcome[]; readonly until: number }>();
  let fences = new Map<string, number>();
  let counts = new Map<Room, Map<string, number>>();
  let leases = new Map<string, number>();
  let commands: { readonly name: string; readonly text: string; readonly at: number }[] = [];
  let refused: RedisError['_tag'] | undefined;
  let skew = 0;
  const epochs = new Map<Room, readonly number[]>();
  const lost = new Set<string>();
  const spoilt = new Set<Room>();
  const peers = new Set<Peer>();
  const placed = new Map<string, { readonly room: Room; readonly rest: string }>();

  const now = (): number => Math.floor(clock.wall() + skew);

  const { wrote, takeBack, forget } = undoJournal(() => clock.scheduler.now());

  const logOf = (room: Room, tag: number): Log => logs.get(room) ?? begin(room, tag, 0);

  const begin = (room: Room, tag: number, ms: number): Log => {
    const before = logs.get(room);
    const begun = { ms: Math.max(now(), ms), begunMs: Math.max(now(), ms) };
    const log: Log = { tag, offset: 0, ...begun, id: null, entries: [] };
    const isOf = (one: Log): void => {
      logs.set(room, one);
      epochs.set(room, [...(epochs.get(room) ?? []), one.tag]);
      epoch?.(room, one.tag);
    };
    isOf(log);
    wrote(() => {
      for (const { id } of log.entries) lost.add(id);
      if (before === undefined) logs.delete(room);
      else isOf(before);
    });
    return log;
  };

  /** A pod that had another epoch has found this one. */
  const found = (log: Log, known: number | undefined): Log => {
    const { renewedMs } = log;
    if (known === undefined || known === log.tag) return log;
    log.renewedMs = now();
    wrote(() => void (log.renewedMs = renewedMs));
    return log;
  };

  const refusal = (room?: Room): RedisError | undefined => {
    if (refused !== undefined) return { _tag: refused, detail: 'the model refuses' };
    return room !== undefined && spoilt.has(room)
      ? { _tag: 'WrongType', detail: 'the model spoilt it' }
      : undefined;
  };

  const push = (channel: string, payload: Buffer): void => {
    for (const peer of peers) if (peer.channels.has(channel)) peer.push(channel, payload);
  };

  const keyOf = (room: Room, key: string): Key | undefined => {
    const known = keys.get(room)?.get(key);
    return known !== undefined && known.until > now() ? known : undefined;
  };

  const rememberKey = (room: Room, key: string, value: Key): void => {
    const some = keys.get(room) ?? new Map<string, Key>();
    keys.set(room, some);
    some.set(key, value);
    wrote(() => some.delete(key));
  };

  const append = (room: Room, log: Log, entry: Entry): void => {
    const { offset, ms, id } = log;
    log.entries.push(entry);
    log.offset = entry.offset;
    log.ms = entry.ms;
    log.id = entry.id;
    placed.set(entry.id, { room, rest: entry.rest });
    wrote(() => {
      lost.add(entry.id);
      if (log.entries.at(-1) === entry) log.entries.pop();
      Object.assign(log, { offset, ms, id });
    });
    // as in Redis, one entry more than readers get: it shows when the youngest trimmed message was published
    if (log.entries.length > logMessages + 1)
      log.entries.splice(0, log.entries.length - logMessages - 1);
    if (log.entries.length > logMessages) trimmed?.(room, log.tag, log.offset - logMessages + 1);
  };

  const publishOne = (log: Log, draft: Draft, nonce: number): Outcome => {
    const { room, rest, key, digest, logged } = draft;
    const first = key === undefined ? undefined : keyOf(room, keyField(key));
    if (first !== undefined)
      return first.digest === digest ? { _tag: 'Duplicate', id: first.id } : { _tag: 'KeyReused' };
    const ms = Math.max(log.ms, now());
    const offset = logged ? log.offset + 1 : log.offset;
    const id = formatId({
      ms,
      tag: log.tag,
      offset,
      global: room === GLOBAL,
      outside: !logged,
      nonce,
    });
    if (logged) append(room, log, { id, offset, ms, rest });
    else log.ms = ms;
    if (key !== undefined)
      rememberKey(room, keyField(key), { digest, id, offset, until: now() + KEY_TTL_MS });
    push(channelOf(room), Buffer.from(payloadOf(id, rest)));
    return { _tag: 'Placed', id };
  };

  /** The answer of a call that may have run; undefined: it did not run. */
  const askedAgain = (
    room: Room,
    drafts: readonly Draft[],
    nonces: readonly number[],
    { id, again }: CallOf,
  ): Reply<readonly Outcome[]> | undefined => {
    const mark = marks.get(id);
    if (mark !== undefined && mark.until > now()) return right(mark.outcomes);
    const log = logs.get(room);
    const floor = again?.tag === log?.tag ? (again?.offset ?? 0) : 0;
    const since = again?.sinceMs ?? 0;
    const tail = (log?.entries ?? []).filter((entry) => entry.offset > floor && entry.ms >= since);
    const oldest = log?.entries[0];
    const isWhole =
      log === undefined ||
      log.ms < since ||
      log.offset <= floor ||
      (oldest !== undefined && (oldest.offset <= floor + 1 || oldest.ms < since));
    const outcomes = drafts.map(({ rest, key, digest }, i): Outcome | undefined => {
      const found = tail.find((entry) => entry.rest === rest && nonceOf(entry.id) === nonces[i]);
      if (found !== undefined) return { _tag: 'Placed', id: found.id };
      const first = key === undefined ? undefined : keyOf(room, keyField(key));
      if (first === undefined) return undefined;
      if (first.digest !== digest) return { _tag: 'KeyReused' };
      return { _tag: nonceOf(first.id) === nonces[i] ? 'Placed' : 'Duplicate', id: first.id };
    });
    if (outcomes.some((outcome) => outcome?._tag === 'Placed'))
      return right(outcomes.flatMap((outcome) => (outcome === undefined ? [] : [outcome])));
    const isProven =
      isWhole ||
      isMarked(drafts) ||
      drafts.some(({ key }, i) => key !== undefined && outcomes[i] === undefined);
    return isProven ? undefined : left({ _tag: 'Untold', detail: 'the log does not reach so far' });
  };

  const isMarked = (drafts: readonly Draft[]): boolean =>
    logMessages < PROVING_MESSAGES || drafts.some(({ logged }) => !logged);

  const { kept, pageOf } = modelPages({ now, logMessages, logTtlMs, trimmed });

  /** The data of the Redis that is not in use now. */
  let aside: { readonly logs: typeof logs; readonly keys: typeof keys } | undefined;

  const breakAll = (): void => {
    for (const peer of [...peers]) peer.broken();
    peers.clear();
  };

  /** A read makes an epoch when the log has none, and this is a write. */
  const reading = <A>(room: Room, tag: number, read: (log: Log) => A): Reply<A> => {
    const error = spoilt.has(room) || !logs.has(room) ? refusal(room) : undefined;
    return error === undefined ? right(read(logOf(room, tag))) : left(error);
  };

  return {
    peers,
    placed,
    lost,
    now,
    isUp: () => state !== 'down',
    run: (command) => {
      if (state === 'up') command();
      else if (state === 'frozen') inbox.push(command);
    },
    publish: (room, drafts, nonces, tag, deadline, call) => {
      const isAgain = call?.again !== undefined;
      const isLate = now() > deadline || (!isAgain && fences.has(call?.id ?? ''));
      if (isLate && !isAgain) return left({ _tag: 'Late', detail: 'after its deadline' });
      const error = refusal(room);
      if (error !== undefined) return left(error);
      const before = call?.again && askedAgain(room, drafts, nonces, call);
      if (before !== undefined) return before;
      if (isLate) return left({ _tag: 'Late', detail: 'after its deadline' });
      const log = logOf(room, tag);
      const outcomes = drafts.map((draft, i) => publishOne(log, draft, nonces[i] ?? 0));
      if (call !== undefined && isMarked(drafts)) {
        marks.set(call.id, { outcomes, until: now() + MARK_MS });
        wrote(() => marks.delete(call.id));
      }
      if (isAgain) fences.set(call.id, deadline + FENCE_MARGIN_MS);
      for (const [id, due] of fences) if (due < now()) fences.delete(id);
      return right(outcomes);
    },
    standing: (room) => {
      const log = logs.get(room);
      return spoilt.has(room)
        ? left({ _tag: 'WrongType', detail: 'the model spoilt it' })
        : right(log && topOf(log));
    },
    top: (room, tag) => reading(room, tag, topOf),
    page: (room, from, most, tag, known) =>
      reading(room, tag, (log) => pageOf(room, found(log, known), from, most)),
    peek: (room, from, most) => {
      const error = spoilt.has(room) ? refusal(room) : undefined;
      const log = logs.get(room);
      if (error !== undefined) return left(error);
      return right(log === undefined ? NO_LOG : pageOf(room, log, from, most));
    },
    renew: (room, old, tag) => {
      const error = refusal(room);
      if (error !== undefined) return left(error);
      const log = logOf(room, tag);
      return right(topOf(found(log.tag === old ? begin(room, tag, log.ms) : log, old)));
    },
    members: (room, serverId, own) => {
      const error = refusal();
      if (error !== undefined) return left(error);
      const pods = counts.get(room) ?? new Map<string, number>();
      counts.set(room, pods);
      if (own === 0) pods.delete(serverId);
      else if (own !== undefined) pods.set(serverId, own);
      if (pods.size === 0) counts.delete(room);
      const living = [...pods].filter(
        ([pod]) => pod !== serverId && (leases.get(pod) ?? 0) > now(),
      );
      return right(living.reduce((sum, [, count]) => sum + count, 0));
    },
    lease: (serverId) => {
      leases.set(serverId, now() + LEASE_MS);
      return right([...leases].filter(([, until]) => until > now()).map(([pod]) => pod));
    },
    resign: (serverId) => void leases.delete(serverId),
    send: (channel, payload) => {
      const error = refusal();
      if (error !== undefined) return left(error);
      push(channel, payload);
      return right(undefined);
    },
    keep: (text, { name, isOver }) => {
      commands = commands.filter((each) => each.name !== name);
      if (!isOver) commands.push({ name, text, at: now() });
    },
    recall: (ms) =>
      right(
        commands
          .filter(({ at }) => at >= now() - ms)
          .map(({ text, at }) => ({ text, ageMs: now() - at })),
      ),
    crash: (lostMs = 0) => {
      state = 'down';
      inbox = [];
      if (lostMs > 0) takeBack(lostMs);
      breakAll();
    },
    start: () => {
      if (state === 'down') state = 'up';
    },
    freeze: () => {
      if (state === 'up') state = 'frozen';
    },
    thaw: () => {
      if (state !== 'frozen') return;
      state = 'up';
      const waiting = inbox;
      inbox = [];
      for (const command of waiting) command();
    },
    isFrozen: () => state === 'frozen',
    wipe: () => {
      logs = new Map();
      keys = new Map();
      marks = new Map();
      fences = new Map();
      counts = new Map();
      leases = new Map();
      commands = [];
      forget();
    },
    expire: (room) => void logs.delete(room),
    swap: (to) => {
      if ((to === 'other') === (aside !== undefined)) return;
      const first = aside;
      aside = first === undefined ? { logs, keys } : undefined;
      logs = first?.logs ?? new Map<Room, Log>();
      keys = first?.keys ?? new Map<Room, Map<string, Key>>();
      counts = new Map();
      leases = new Map();
      forget();
      for (const [room, { tag }] of logs) {
        epochs.set(room, [...(epochs.get(room) ?? []), tag]);
        epoch?.(room, tag);
      }
      breakAll();
    },
    failover: (count, cut) => {
      for (const [room, log] of logs) {
        const { entries } = log;
        const gone = count === 0 ? [] : entries.splice(Math.max(0, entries.length - count));
        for (const { id } of gone) lost.add(id);
        const last = entries.at(-1);
        if (gone.length > 0)
          Object.assign(log, {
            offset: last?.offset ?? 0,
            ms: last?.ms ?? 0,
            id: last?.id ?? null,
          });
        const some = [...(keys.get(room) ?? [])].filter(([, { offset }]) => offset <= log.offset);
        keys.set(room, new Map(some));
      }
      forget();
      if (cut) breakAll();
    },
    promote: (behindMs, cut) => {
      takeBack(behindMs);
      if (cut) breakAll();
    },
    refuse: (tag) => {
      refused = tag;
    },
    refuses: () => refused !== undefined,
    spoil: (room) => {
      spoilt.add(room);
    },
    jump: (ms) => {
      skew += ms;
    },
    epochs: (room) => epochs.get(room) ?? [],
    entries: (room) => {
      const log = logs.get(room);
      return log === undefined ? [] : kept(room, log);
    },
    texts: (room) => (logs.get(room)?.entries ?? []).map(({ id, rest }) => payloadOf(id, rest)),
    rooms: () => [...logs.keys()],
    position: (room) => {
      const log = logs.get(room);
      return log && topOf(log);
    },
    subscribers: (channel) => [...peers].filter(({ channels }) => channels.has(channel)).length,
  };
};

const nonceOf = (id: string): number | undefined => {
  const read = parseId(id);
  return isSome(read) ? read.value.nonce : undefined;
};
