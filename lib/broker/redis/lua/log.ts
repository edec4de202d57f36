/**
 * The log of a room inside Redis: its keys, and the scripts that read it. `publish.ts` writes it.
 *
 *   {channel}:pos       hash of the position:
 *                         e  the tag of the epoch
 *                         o  the offset that the log has reached
 *                         t  the latest ms
 *                         i  the id of the last message
 *                         a  ms: no entry of the log is older, except the one that readers do not get
 *                         b  tag, offset and ms of the last trimmed message, when all entries were too old
 *                         r  ms: when a pod that knew another epoch found this one
 *                         n  tag and ms: when the epoch began
 *   {channel}:log       stream: the entry OFFSET-0 is the payload as it was published
 *   {channel}:key:KEY   an idempotency key: the id of its message, then the digest of its data
 *
 * A script makes an epoch, or writes a message, only after all its reads. So a key of the wrong type leaves
 * no message and no epoch half done. (A page renews the life of the position, and notes `r`, before it reads
 * the entries.) A log ends with its epoch, as offsets begin again: a script that makes an epoch removes the
 * log. A log that lost entries in another way is short or has holes, which its readers detect.
 */
import { NO_EPOCH } from '../../../protocol/position.js';

/**
 * A position without a message lives this long after its last use: a client that joins rooms by the hundred
 * thousand and publishes nothing must not fill Redis. A pod that has the room open uses its position every
 * minute. A page or a new epoch gives a position with `r` its full life, as a client may come that misses
 * messages of the epoch before. A publish that logs nothing shortens it again, until the next page is read.
 */
const EMPTY_POSITION_TTL_MS = 600_000;

/** How long a position lives. `ttl` is Lua. */
export const lives = (ttl: string): string =>
  `offset == 0 and math.min(tonumber(${ttl}), ${EMPTY_POSITION_TTL_MS}) or ${ttl}`;

/** Numbers stay below 2^53. Each %x gets at most 32 bits, as some builds of Lua accept no more. */
export const ID = `
local function id_of(ms, tag, offset, bits)
  local low = (offset % 0x4000000) * 0x400000 + bits
  return string.format('%08x-%04x-7%03x-%04x-%06x%06x', math.floor(ms / 0x10000), ms % 0x10000, tag,
    0x8000 + math.floor(offset / 0x4000000), math.floor(low / 0x1000000), low % 0x1000000)
end`;

/**
 * The offset of an entry; its ms, read from the id in its payload; and the first entry of a range whose ms is
 * `since` (Unix ms) or later. Ids go up in time, so that entry is found by bisection, in ten reads of one
 * entry each (of 1,000 entries): a log of large messages is not read as a whole.
 */
export const ENTRIES = `
local function offset_of(entry) return tonumber(string.match(entry[1], '^%d+')) end
local function ms_of(entry)
  local payload = entry[2][2]
  return (tonumber(string.sub(payload, 8, 15), 16) or 0) * 0x10000 + (tonumber(string.sub(payload, 17, 20), 16) or 0)
end
local function entry_at(key, from, to) return redis.call('XRANGE', key, from .. '-0', to .. '-0', 'COUNT', 1)[1] end
local function first_since(key, since, from, to)
  local found = entry_at(key, from, to)
  if not found or ms_of(found) >= since then return found end
  local old, bound = offset_of(found), to + 1
  found = nil
  while bound - old > 1 do
    local middle = math.floor((old + bound) / 2)
    local entry = entry_at(key, middle, to)
    if entry and ms_of(entry) < since then old = offset_of(entry) else found, bound = entry, middle end
  end
  return found
end`;

/**
 * A tag that no epoch can have was written by another program and does not count: ids with it would be no
 * UUIDs, or would name no log.
 */
export const isEpoch = (tag: number): boolean => Number.isInteger(tag) && tag > 0 && tag < NO_EPOCH;
export const ONLY_EPOCH = `
if tag and (tag < 1 or tag >= ${NO_EPOCH} or tag % 1 ~= 0) then tag = nil end`;

/** The field `n` of an epoch that begins now. */
export const BEGUN = `string.format('%.0f %.0f', tag, ms)`;

const POSITION = `
local pos = redis.call('HMGET', KEYS[1], 'e', 'o', 't', 'i', 'b', 'r', 'n')
local begun = pos[7] or ''
local tag, offset, ms, id = tonumber(pos[1]), tonumber(pos[2]) or 0, tonumber(pos[3]) or 0, pos[4] or ''${ONLY_EPOCH}`;

/** `known` is Lua: the epoch that the pod has had, if any. */
const epoch = (known: string): string => `
local had, renewed = tonumber(${known}), tonumber(pos[6])
if renewed and renewed > now then renewed = nil end
if not tag or tag == tonumber(ARGV[3]) then
  redis.call('XLEN', KEYS[2])
  tag, offset, ms, id, renewed = tonumber(ARGV[1]), 0, math.max(now, ms), '', nil
  begun = ${BEGUN}
  redis.call('HSET', KEYS[1], 'e', tag, 'o', offset, 't', ms, 'i', '', 'a', '', 'b', '', 'r', '', 'n', begun)
  redis.call('UNLINK', KEYS[2])
end
if had and had ~= tag then
  renewed = now
  redis.call('HSET', KEYS[1], 'r', renewed)
end
redis.call('PEXPIRE', KEYS[1], renewed and ARGV[2] or ${lives('ARGV[2]')})`;

/**
 * KEYS: pos, log. ARGV: tag for a new epoch, ms that the position lives, the tag to replace. Answers tag,
 * offset, ms and id ('' before the first message).
 */
export const RENEW = `${POSITION}${epoch('ARGV[3]')}
return { tag, offset, ms, id }`;

/**
 * KEYS: pos of each room. Answers for each the tag, offset, ms and id, unchecked; a text when the key has the
 * wrong type.
 */
export const POSITIONS = `
local answer = {}
for i, key in ipairs(KEYS) do
  local pos = redis.pcall('HMGET', key, 'e', 'o', 't', 'i')
  answer[i] = pos.err or pos
end
return answer`;

/** Reads 16 entries at a time: at most 2 MiB are read in excess of the bytes of a page. */
const READ = `
local from, most, limit, cap, ttl = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local first = math.max(1, offset - cap + 1)
if first <= offset then
  local oldest = first_since(KEYS[2], now - ttl, first, offset)
  first = oldest and offset_of(oldest) or offset + 1
end
local before = -1
if first > 1 and first <= offset then
  local gone = entry_at(KEYS[2], first - 1, first - 1)
  local place, said = string.match(pos[5] or '', '^' .. tag .. ' (%d+) (%d+)$')
  if gone then before = ms_of(gone) elseif tonumber(place) == first - 1 then before = tonumber(said) end
end
local since = tonumber(string.match(begun, '^' .. tag .. ' (%d+)$')) or -1
local answer, count, bytes, at = { tag, offset, ms, id, first, before, renewed or -1, since }, 0, 0, math.max(from, first)
while count < most and at <= offset do
  local some = redis.call('XRANGE', KEYS[2], at .. '-0', offset .. '-0', 'COUNT', math.min(16, most - count))
  if #some == 0 then
    if count == 0 then answer[5], answer[6] = offset + 1, -1 end
    break
  end
  for _, entry in ipairs(some) do
    local there, payload = offset_of(entry), entry[2][2]
    if there > at then
      if count > 0 then return answer end
      answer[5], answer[6] = there, -1
    end
    bytes = bytes + #payload
    if count > 0 and bytes > limit then return answer end
    count, at = count + 1, there + 1
    answer[8 + count] = payload
  end
end
return answer`;

/**
 * KEYS: pos, log. ARGV:
 *
 *   1     the tag for a new epoch
 *   2     ms that the position lives
 *   3     ''
 *   4, 5  the offset to read from, and how many entries at most
 *   6     how many bytes of entries at most
 *   7, 8  how many messages the log keeps, and for how many ms
 *   9     the last epoch that the pod knew, or ''
 *
 * Answers:
 *
 *   1–4   tag, offset, ms and id of the position
 *   5     the oldest offset that can be read
 *   6     the ms of the message before it; -1: not known
 *   7     the ms when this epoch was found in place of another; -1: it was not
 *   8     the ms when this epoch began; -1: not known
 *   9…    the payloads, from the oldest or from `from` on
 *
 * The payloads end before the next hole. When `from` is in a hole, the oldest offset is the one after it.
 */
export const PAGE = `${POSITION}${epoch('ARGV[9]')}${READ}`;

/** `PAGE`, but makes no epoch: answers 0 when there is none. */
export const PEEK = `${POSITION}
if not tag then return 0 end
local renewed = tonumber(pos[6])${READ}`;
