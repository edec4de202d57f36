/**
 * The scripts that run inside Redis: members, probe, leases, control commands, and those of a log (`log.ts`,
 * `publish.ts`). All keys of a script hash with one channel, so the scripts run on a Cluster too, where
 * PUBLISH is SPUBLISH. Only `positions` has keys of several channels, and a Cluster does not use it. The
 * scripts need Redis 7 or a compatible server.
 *
 * With `#!lua` Redis refuses the whole script (READONLY, OOM, MISCONF, NOREPLICAS) before its first line: a
 * refused script has done nothing.
 *
 *   {channel}:members   hash: pod → its connections in the room
 */
import { createHash } from 'node:crypto';
import { ENTRIES, ID, PAGE, PEEK, POSITIONS, RENEW } from './log.js';
import { PUBLISH, PUBLISH_AGAIN } from './publish.js';

/** A script and the SHA-1 by which Redis knows it. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** Runs a script where its keys are. */
export type Run = (
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
) => Promise<unknown>;

export interface Scripts {
  readonly publish: Script;
  /** The same call, sent again. What ran of it is found and is not done again. */
  readonly publishAgain: Script;
  readonly page: Script;
  /** The positions of logs. Runs on a Redis that takes no writes, too. */
  readonly positions: Script;
  /** `page`, but makes no epoch: answers 0 when there is none. */
  readonly peek: Script;
  /** `peek` on a Redis that takes no writes. */
  readonly peekAnywhere: Script;
  readonly renew: Script;
  readonly members: Script;
  readonly probe: Script;
  readonly lease: Script;
  readonly leave: Script;
  readonly control: Script;
  /** The commands of `realtime:control` that are kept. */
  readonly recall: Script;
}

const script = (...parts: readonly string[]): Script => scriptOf('#!lua', parts);

/** A script that runs on a Redis that takes no writes, too. */
const reading = (...parts: readonly string[]): Script => scriptOf('#!lua flags=no-writes', parts);

const scriptOf = (head: string, parts: readonly string[]): Script => {
  const lua = [head, ...parts].join('\n');
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
};

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * KEYS: members. ARGV: this pod; its count ('': it stays as it is); ms that the hash lives; '1' to renew
 * that time though nothing has changed; then the pods that have gone. Answers the hash, flat. The hash
 * expires when no pod writes to it any more: nothing else would remove the counts of a room whose last pod
 * has died. Rooms are read all the time, so an unchanged count is not written again: it would go to
 * replicas and to the append-only file.
 */
const MEMBERS = `
local own = redis.call('HMGET', KEYS[1], ARGV[1])[1] or '0'
if ARGV[2] ~= '' and own ~= ARGV[2] then
  if ARGV[2] ~= '0' then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) else redis.call('HDEL', KEYS[1], ARGV[1]) end
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
elseif ARGV[4] == '1' then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
for i = 5, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
return redis.call('HGETALL', KEYS[1])`;

/**
 * KEYS: a key that only the probe writes, `…:lease`. (The script LEASE below has another key, `…:pods`.)
 * ARGV: the pod's channel, the text, ms that the key lives. Answers Redis's clock in ms. It writes on
 * purpose: a master that has become a replica still answers reads and still publishes, but to nobody.
 */
const PROBE = `
redis.call('SET', KEYS[1], '1', 'PX', ARGV[3])
redis.call(PUBLISH, ARGV[1], ARGV[2])
return now`;

/**
 * KEYS: pods, sorted by the end of their leases. ARGV: this pod; ms of a lease; ms that a pod is remembered
 * after the end of its lease. Answers the living pods, then those whose lease has ended. A pod in neither
 * list is gone for good.
 */
const LEASE = `
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
return { redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf'), redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now) }`;

/** KEYS: pods. ARGV: this pod. */
const LEAVE = `return redis.call('ZREM', KEYS[1], ARGV[1])`;

/** As many as a pod keeps (`connection/catch-up-memory.ts`), about 200 bytes each. */
const MAX_KEPT = 4_096;
/** A full hash is swept at most this often. */
const SWEEP_MS = 60_000;

/**
 * KEYS: a hash: name → when the text came (Unix ms), and the text; '#' → the number of names, and when they
 * were counted. ARGV: channel, text, ms that the text is kept for pods that do not receive it ('': not kept),
 * its name, '1' to remove what is kept under the name. When the hash is full, texts that are too old are
 * removed. When there is still no space for a text, the text is not kept, and the time when it came is kept
 * under '*'. The text is published even when the hash cannot be written: a key of the wrong type is reported
 * as an error after that.
 */
const CONTROL = `
local function counted(at, ms)
  local all, count = redis.call('HGETALL', KEYS[1]), 0
  for i = 1, #all, 2 do
    local isName = all[i] ~= '#' and all[i] ~= '*'
    if isName and now - (tonumber(string.match(all[i + 1], '^%d+')) or 0) > ms then
      redis.call('HDEL', KEYS[1], all[i])
    elseif isName then
      count = count + 1
    end
  end
  return count, at
end
local function keep()
  local at, ms = string.format('%.0f', now), tonumber(ARGV[3])
  local kept = redis.call('HMGET', KEYS[1], ARGV[4], '#')
  local count, since = string.match(kept[2] or '', '^(%d+) (%d+)$')
  count = tonumber(count)
  if not count then count, since = counted(at, ms) end
  if ARGV[5] == '1' then
    count = count - redis.call('HDEL', KEYS[1], ARGV[4])
  else
    if not kept[1] and count >= ${MAX_KEPT} and math.abs(now - since) > ${SWEEP_MS} then count, since = counted(at, ms) end
    local isFull = not kept[1] and count >= ${MAX_KEPT}
    redis.call('HSET', KEYS[1], isFull and '*' or ARGV[4], isFull and at or at .. ' ' .. ARGV[2])
    if not kept[1] and not isFull then count = count + 1 end
  end
  redis.call('HSET', KEYS[1], '#', count .. ' ' .. since)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
local done, flaw = true, nil
if ARGV[3] ~= '' then done, flaw = pcall(keep) end
local receivers = redis.call(PUBLISH, ARGV[1], ARGV[2])
if done then return receivers end
return redis.error_reply(type(flaw) == 'table' and flaw.err or tostring(flaw))`;

/**
 * KEYS: the hash. ARGV: ms. Answers the kept texts that are younger: the age in ms, then the text; '' for
 * texts for which there was no space.
 */
const RECALL = `
local answer = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at, text = string.match(all[i + 1], '^(%d+) ?(.*)$')
  local age = math.max(0, now - (tonumber(at) or 0))
  if all[i] ~= '#' and at and age <= tonumber(ARGV[1]) then
    answer[#answer + 1] = age
    answer[#answer + 1] = text
  end
end
return answer`;

/** The scripts of a Cluster (`sharded`), or of any other Redis. */
export const scripts = (sharded: boolean): Scripts => {
  const publishing = `local PUBLISH = '${sharded ? 'SPUBLISH' : 'PUBLISH'}'`;
  return {
    publish: script(publishing, NOW, ID, PUBLISH),
    publishAgain: script(publishing, NOW, ID, PUBLISH_AGAIN),
    page: script(NOW, ENTRIES, PAGE),
    positions: reading(POSITIONS),
    peek: script(NOW, ENTRIES, PEEK),
    peekAnywhere: reading(NOW, ENTRIES, PEEK),
    renew: script(NOW, RENEW),
    members: script(MEMBERS),
    probe: script(publishing, NOW, PROBE),
    lease: script(NOW, LEASE),
    leave: script(LEAVE),
    control: script(publishing, NOW, CONTROL),
    recall: reading(NOW, RECALL),
  };
};
