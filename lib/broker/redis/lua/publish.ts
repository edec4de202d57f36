/**
 * Checks the key, gives the offset, appends to the log and publishes, in one script. As separate commands,
 * messages of two pods would be published in another order than their offsets (909 of 4,000 measured). Keys
 * and entries are those of `log.ts`. In addition:
 *
 *   {channel}:pos        f  calls that a later try of the same call has settled, each with its deadline
 *   {channel}:call:ID    the mark of a call: its answer, where the log cannot show it later
 *
 * All reads come before all writes, and all writes before the publish: so the log has what was published.
 * When Redis refuses a write (the user has lost a right) before the log has a message of the call, the script
 * undoes what it wrote of the call: the keys, the mark and the position. Then the error begins with UNDONE.
 * What was trimmed stays trimmed. `f` stays as it was written, unless the call began the epoch: then the
 * whole hash of the position is removed, and `f` with it. When the script cannot undo its writes, and for
 * every other error of a command inside the script, writes may remain.
 *
 * A connection that breaks does not show whether the call ran, and a call that was sent may still reach
 * Redis. So the pod sends the call again. The tail of the log, the keys and the mark show whether it ran; if
 * it did, the answer is the first one. If it did not, the call runs now, and its id stays in `f` until its
 * deadline: when the first try arrives later, the script finds the id there and does nothing.
 */
import { GLOBAL_BIT, OUTSIDE_BIT } from '../../../protocol/position.js';
import { BEGUN, ENTRIES, lives, ONLY_EPOCH } from './log.js';

const LATE = `
if now > tonumber(ARGV[2]) then return 0 end`;

const READ = `
local pos = redis.call('HMGET', KEYS[1], 'e', 'o', 't', 'i', 'a', 'f', 'b')
local seen = #KEYS > 2 and redis.call('MGET', unpack(KEYS, 3)) or {}`;

const FENCE = `
if pos[6] and ARGV[8] ~= '' and string.find(pos[6], ' ' .. ARGV[8] .. ' ', 1, true) then return 0 end`;

/**
 * An entry is recognised by the pod's 20 bits and the bytes after the id. The log is read backwards, to the
 * offset that the pod knew before the call. When that offset is of another epoch, the log is read back to
 * entries that are older than the call. When a key of the call does not exist, the call did not run. `isTold`
 * (the answer is known): a message that is not found was not published.
 */
const SEARCH = `${ENTRIES}
local kept = ARGV[9] ~= '' and seen[#KEYS - 2]
if kept then
  local answers = {}
  for answer in string.gmatch(kept, '%S+') do answers[#answers + 1] = answer end
  return answers
end
local since, bottom, at = tonumber(ARGV[10]), 0, tonumber(pos[2]) or 0
if pos[1] and pos[1] == ARGV[11] then bottom = tonumber(ARGV[12]) end
local isTold = ARGV[9] ~= '' or (tonumber(pos[3]) or 0) < since
local found, isWhole = {}, true
while at > bottom do
  local from = math.max(bottom + 1, at - 63)
  local some = redis.call('XRANGE', KEYS[2], from .. '-0', at .. '-0')
  isWhole = #some == at - from + 1
  for i = #some, 1, -1 do
    local payload = some[i][2][2]
    if ms_of(some[i]) < since then isTold, at = true, 0 end
    found[string.sub(payload, 39)] = string.sub(payload, 8, 43)
  end
  at = isWhole and at - 64 or 0
end
if isWhole then isTold = true end
local mine, hasRun, th = {}, false, 0
for i = 13, #ARGV, 3 do
  local bits, digest = string.format('%05x', tonumber(ARGV[i]) % ${OUTSIDE_BIT}), ARGV[i + 1]
  local id = found[bits .. '",' .. ARGV[i + 2]]
  if digest ~= '' then
    th = th + 1
    local first = seen[th]
    if not first then isTold = true
    elseif not id and string.sub(first, 32, 36) == bits and string.sub(first, 37) == digest then
      id = string.sub(first, 1, 36)
    end
  end
  mine[i] = id
  hasRun = hasRun or id ~= nil
end
if not hasRun and not isTold then return -1 end
if not hasRun and now > tonumber(ARGV[2]) then return 0 end`;

const FOUND = `if mine[i] then answers[#answers + 1] = 'p' .. mine[i]
  else`;

/** The first try may have a later deadline, as it was computed with an earlier answer of Redis's clock. */
const FENCE_MARGIN_MS = 2_000;

const FENCE_IN = `
local fence = ' '
for id, due in string.gmatch(pos[6] or '', '(%S+) (%d+) ') do
  if now <= tonumber(due) and id ~= ARGV[8] then fence = fence .. id .. ' ' .. due .. ' ' end
end
local due = string.format('%.0f', ARGV[2] + ${FENCE_MARGIN_MS})
redis.call('HSET', KEYS[1], 'f', fence .. ARGV[8] .. ' ' .. due .. ' ')`;

const FENCE_OUT = `
if pos[6] then
  local isOver = true
  for due in string.gmatch(pos[6], ' (%d+) ') do isOver = isOver and now > tonumber(due) end
  if isOver then redis.call('HDEL', KEYS[1], 'f') end
end`;

/**
 * KEYS: pos, log, the key of each draft that has one, then the key of the call's mark when it makes one.
 * ARGV:
 *
 *   1       channel
 *   2       deadline, Unix ms
 *   3       the tag for a new epoch
 *   4, 5    ms that the position lives, and ms that a key lives
 *   6, 7    how many messages the log keeps, and for how many ms
 *   8, 9    the id of the call, and ms that its mark lives ('': no mark)
 *   10      for a call that is sent again: a time of Redis's clock before the first try; else ''
 *   11, 12  and the tag and the offset that the log had then; else ''
 *   13…     three for each draft: the low 22 bits of its id (global, outside the log, the pod's 20 bits); the
 *             digest, as '=' and the digest ('' without a key); and the payload after the id
 *
 * Answers 0 when the call is late, or when it is a first try that a later one has settled. Answers -1 when it
 * cannot be known whether it ran. Else one text for each draft: 'p' and its id; 'd' and the id that its key
 * had before; 'k' when its key was used for other data.
 *
 * The log is trimmed to its number of messages once in each call. The youngest of the trimmed messages stays:
 * readers do not get it, and its id shows when it was published. A message is too old after `ttl`. The key of
 * a log that is not written to expires `ttl` and an eighth of it after the last write. In that last eighth, a
 * call finds a log whose messages are all too old. The age is checked only when the oldest entry may be a
 * sixteenth of `ttl` too old; readers skip what is too old. A log that is ahead of its position belongs to
 * another epoch (made by an older version of the service). It is removed and begins again, as it would refuse
 * every message.
 */
const publishScript = (
  before: string,
  afterRead: string,
  found: string,
  fence: string,
): string => `${before}${READ}${afterRead}
local tag, offset, last, oldest = tonumber(pos[1]), tonumber(pos[2]) or 0, pos[4] or '', tonumber(pos[5])${ONLY_EPOCH}
local fresh = not tag
if fresh then tag, offset, last, oldest = tonumber(ARGV[3]), 0, '', nil end
local ms = math.max(now, tonumber(pos[3]) or 0)
local answers, payloads, ids, entries, keyed, nth = {}, {}, {}, {}, {}, 2
for i = 13, #ARGV, 3 do
  local bits, digest, first, key = tonumber(ARGV[i]), ARGV[i + 1], nil, nil
  if digest ~= '' then
    nth = nth + 1
    key = KEYS[nth]
    first = seen[nth - 2] or keyed[key]
  end
  ${found}if first then
    answers[#answers + 1] = string.sub(first, 37) == digest and 'd' .. string.sub(first, 1, 36) or 'k'
  else
    local logged = bits % ${GLOBAL_BIT} < ${OUTSIDE_BIT}
    if logged then offset = offset + 1 end
    local id = id_of(ms, tag, offset, bits)
    local payload = '{"id":"' .. id .. '",' .. ARGV[i + 2]
    if logged then
      last = id
      ids[#ids + 1] = offset .. '-0'
      entries[#entries + 1] = payload
    end
    if key then keyed[key] = id .. digest end
    answers[#answers + 1] = 'p' .. id
    payloads[#payloads + 1] = payload
  end
end
if #payloads == 0 then
  redis.call('PEXPIRE', KEYS[1], ${lives('ARGV[4]')})
  return answers
end
local cap, ttl, cut, gone, moved, added = tonumber(ARGV[6]), tonumber(ARGV[7]), nil, nil, false, false
if cap == 0 then ids = {} end
if fresh then
  redis.call('XLEN', KEYS[2])
  if #ids > 0 then oldest = ms end
elseif #ids > 0 and (not oldest or oldest + ttl + ttl / 16 < now) then${ENTRIES}
  local first = first_since(KEYS[2], now - ttl, 1, offset)
  cut = string.match(first and first[1] or ids[1], '^%d+') - 1
  oldest = first and ms_of(first) or ms
  if not first and pos[4] and pos[4] ~= '' then
    local said = (tonumber(string.sub(pos[4], 1, 8), 16) or 0) * 0x10000 + (tonumber(string.sub(pos[4], 10, 13), 16) or 0)
    gone = string.format('%.0f %.0f %.0f', tag, tonumber(pos[2]) or 0, said)
  end
end
local function write()
  for key, value in pairs(keyed) do redis.call('SET', key, value, 'PX', ARGV[5]) end
  if ARGV[9] ~= '' then redis.call('SET', KEYS[#KEYS], table.concat(answers, ' '), 'PX', ARGV[9]) end
  redis.call('HSET', KEYS[1], 'e', tag, 'o', offset, 't', ms, 'i', last, 'a', oldest or '')
  moved = true
  if fresh then redis.call('HSET', KEYS[1], 'n', ${BEGUN}) end
  if gone then redis.call('HSET', KEYS[1], 'b', gone) end
  redis.call('PEXPIRE', KEYS[1], ${lives('ARGV[4]')})${fence}
  if fresh then redis.call('UNLINK', KEYS[2]) end
  if cut then redis.call('XTRIM', KEYS[2], 'MINID', cut .. '-0') end
  for i, id in ipairs(ids) do
    local full = i == #ids and offset > cap + 1
    local done = full and redis.pcall('XADD', KEYS[2], 'MAXLEN', '=', cap + 1, id, 'm', entries[i])
      or redis.pcall('XADD', KEYS[2], id, 'm', entries[i])
    if done.err and string.find(done.err, 'equal or smaller', 1, true) then
      redis.call('UNLINK', KEYS[2])
      done = redis.pcall('XADD', KEYS[2], id, 'm', entries[i])
    end
    if done.err then error(done.err, 0) end
    added = true
  end
  if added then redis.call('PEXPIRE', KEYS[2], math.ceil(ttl + ttl / 8)) end
end
local done, flaw = pcall(write)
if not done then
  flaw = string.gsub(type(flaw) == 'table' and flaw.err or tostring(flaw), '^@?user_script:%d+: ', '')
  local isUndone = not added
  local function undo(...)
    local reply = isUndone and redis.pcall(...)
    if type(reply) == 'table' and reply.err then isUndone = false end
  end
  if isUndone then
    for key in pairs(keyed) do undo('UNLINK', key) end
    if ARGV[9] ~= '' then undo('UNLINK', KEYS[#KEYS]) end
    if fresh then undo('UNLINK', KEYS[1])
    elseif moved then undo('HSET', KEYS[1], 'e', tag, 'o', pos[2] or 0, 't', pos[3] or 0, 'i', pos[4] or '', 'a', pos[5] or '') end
    if moved and gone then undo('HSET', KEYS[1], 'b', pos[7] or '') end
  end
  if not isUndone then error(flaw, 0) end
  return redis.error_reply('UNDONE ' .. flaw)
end
for _, payload in ipairs(payloads) do redis.call(PUBLISH, ARGV[1], payload) end
return answers`;

export const PUBLISH = publishScript(LATE, FENCE, '', FENCE_OUT);

/** The same call, sent again. */
export const PUBLISH_AGAIN = publishScript('', SEARCH, FOUND, FENCE_IN);
