/**
 * What runs inside Redis. Check, place and publish in one script: as separate commands messages of two pods come out in
 * another order than their offsets (909 of 4,000 measured). All keys of a script hash with the room's channel, so it runs
 * on a Cluster too, where PUBLISH is SPUBLISH. Redis 7 or newer, or what speaks like it.
 *
 * `#!lua` makes Redis refuse the whole script (READONLY, OOM, MISCONF, NOREPLICAS) before its first line: what was
 * refused was not half done.
 *
 *   {channel}:pos       hash: e the epoch's tag, o the offset reached, t the latest ms, i the id of the last logged message
 *   {channel}:key:KEY   an idempotency key: the id that it got, then the digest of its data
 *   {channel}:members   hash: pod → its connections in the room
 */
import { createHash } from 'node:crypto';

/** A script and the SHA-1 by which Redis knows it. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

export interface Scripts {
  readonly publish: Script;
  readonly top: Script;
  readonly members: Script;
  readonly probe: Script;
  readonly lease: Script;
  readonly leave: Script;
  readonly control: Script;
}

const script = (...parts: readonly string[]): Script => {
  const lua = `#!lua\n${parts.join('\n')}`;
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
};

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** Numbers stay below 2^53; each %x gets at most 32 bits, as on some builds of Lua it takes no more. */
const ID = `
local function id_of(ms, tag, offset, bits)
  local low = (offset % 0x4000000) * 0x400000 + bits
  return string.format('%08x-%04x-7%03x-%04x-%06x%06x', math.floor(ms / 0x10000), ms % 0x10000, tag,
    0x8000 + math.floor(offset / 0x4000000), math.floor(low / 0x1000000), low % 0x1000000)
end`;

/**
 * KEYS: pos, then the key of each draft that has one. ARGV: channel, deadline (Unix ms), tag for a new epoch, ms that the
 * position lives, ms that a key lives; then three for each draft: the low 22 bits of its id (global, outside the log, the
 * pod's 20), digest ('' without a key, else '=' and the digest), and the payload behind the id.
 * Answers 0 when late, else a text a draft: 'p' and the id it got, 'd' and the id that its key got before, 'k' for a key
 * that came with other data. All reading comes before all writing, and all writing before the publishing: the log will
 * have what was published, not the reverse.
 */
const PUBLISH = `
if now > tonumber(ARGV[2]) then return 0 end
local pos = redis.call('HMGET', KEYS[1], 'e', 'o', 't')
local tag, offset = tonumber(pos[1]), tonumber(pos[2]) or 0
if not tag then tag, offset = tonumber(ARGV[3]), 0 end
local ms = math.max(now, tonumber(pos[3]) or 0)
local seen = #KEYS > 1 and redis.call('MGET', unpack(KEYS, 2)) or {}
local answers, payloads, fresh, nth, last = {}, {}, {}, 0, nil
for i = 6, #ARGV, 3 do
  local bits, digest, first, key = tonumber(ARGV[i]), ARGV[i + 1], nil, nil
  if digest ~= '' then
    nth = nth + 1
    key = KEYS[nth + 1]
    first = seen[nth] or fresh[key]
  end
  if first then
    answers[#answers + 1] = string.sub(first, 37) == digest and 'd' .. string.sub(first, 1, 36) or 'k'
  else
    local logged = bits % 0x200000 < 0x100000
    if logged then offset = offset + 1 end
    local id = id_of(ms, tag, offset, bits)
    if logged then last = id end
    if key then fresh[key] = id .. digest end
    answers[#answers + 1] = 'p' .. id
    payloads[#payloads + 1] = '{"id":"' .. id .. '",' .. ARGV[i + 2]
  end
end
if #payloads > 0 then
  redis.call('HSET', KEYS[1], 'e', tag, 'o', offset, 't', ms)
  if last then redis.call('HSET', KEYS[1], 'i', last) end
  for key, value in pairs(fresh) do redis.call('SET', key, value, 'PX', ARGV[5]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
for _, payload in ipairs(payloads) do redis.call(PUBLISH, ARGV[1], payload) end
return answers`;

/**
 * KEYS: pos. ARGV: tag for a new epoch, ms that the position lives, the tag to be replaced ('' for none).
 * Answers tag, offset, ms and id ('' before the first message).
 */
const TOP = `
local pos = redis.call('HMGET', KEYS[1], 'e', 'o', 't', 'i')
local tag, offset, ms, id = tonumber(pos[1]), tonumber(pos[2]) or 0, tonumber(pos[3]) or 0, pos[4] or ''
if not tag or tag == tonumber(ARGV[3]) then
  tag, offset, ms, id = tonumber(ARGV[1]), 0, math.max(now, ms), ''
  redis.call('HSET', KEYS[1], 'e', tag, 'o', offset, 't', ms)
  redis.call('HDEL', KEYS[1], 'i')
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { tag, offset, ms, id }`;

/**
 * KEYS: members. ARGV: this pod, its count, ms that the hash lives, then pods that have gone. Answers the hash, flat.
 * The hash ends by itself when nobody writes to it any more: a room is not asked when its last pod dies.
 */
const MEMBERS = `
if tonumber(ARGV[2]) > 0 then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) else redis.call('HDEL', KEYS[1], ARGV[1]) end
for i = 4, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('HGETALL', KEYS[1])`;

/**
 * KEYS: the pod's lease. ARGV: its channel, the text, ms that the lease lives. Answers the clock in ms.
 * It writes on purpose: a master that became a replica still answers reads and still publishes, to nobody.
 */
const PROBE = `
redis.call('SET', KEYS[1], '1', 'PX', ARGV[3])
redis.call(PUBLISH, ARGV[1], ARGV[2])
return now`;

/**
 * KEYS: pods, sorted by the end of their leases. ARGV: this pod, ms of a lease, ms after its end that a pod is remembered.
 * Answers the living, then those whose lease has ended: whoever is in neither list is gone for good.
 */
const LEASE = `
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
return { redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf'), redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now) }`;

/** KEYS: pods. ARGV: this pod. */
const LEAVE = `return redis.call('ZREM', KEYS[1], ARGV[1])`;

/** KEYS: pods, for the slot alone. ARGV: channel, text. */
const CONTROL = `return redis.call(PUBLISH, ARGV[1], ARGV[2])`;

/** The scripts of a Cluster (`sharded`) or of anything else. */
export const scripts = (sharded: boolean): Scripts => {
  const publishing = `local PUBLISH = '${sharded ? 'SPUBLISH' : 'PUBLISH'}'`;
  return {
    publish: script(publishing, NOW, ID, PUBLISH),
    top: script(NOW, TOP),
    members: script(MEMBERS),
    probe: script(publishing, NOW, PROBE),
    lease: script(NOW, LEASE),
    leave: script(LEAVE),
    control: script(publishing, CONTROL),
  };
};
