-- append: store a batch of messages as one contiguous block, exactly once.
--
-- The data model:
--   conversation        LIST    the messages, oldest first, one JSON record each
--   conversation meta   HASH    owner       who may see it; absent when nobody was named
--                               created_at, updated_at   milliseconds since 1970
--                               seq         how many messages were ever appended; the number of
--                                           the last one, counted from 1, or from PROVISIONAL
--                                           while the archive must settle what it is
--                               tokens, older   "|token ms seq length;" of the latest appends,
--                                           newest first: see lib_tokens
--                               ttl         seconds, where this conversation has its own
--                               trimmed     seq of the last message that trim took away
--                               title       what a service calls it
--   owner index         ZSET    the owner's conversation ids, scored by last append; readers leave
--                               out ids whose conversation is gone
--   asked               SET     who asks the archive for a conversation that is lost, for a minute
--   outbox              STREAM  for the archive: op, id, owner, at, and the messages, each in a
--                               field that is named by its seq
-- Both conversation keys always get the same time to live.
--
-- KEYS  1 conversation, 2 meta, 3 owner index (with an owner), last: asked, outbox (with an archive)
-- ARGV  1 ttl in seconds, 2 cap, 3 owner or '', 4 token, 5 conversation id,
--       6 archive: 'off', 'on', or once it had to be asked for the conversation: 'asked', or
--         'away' when it gave no answer, so that numbers are provisional; 'again' when this append
--         was done before, and lost, or put back with the conversation by somebody else,
--       7... records; none only makes sure that the conversation exists
-- Replies {status, seq, length, 1 if the conversation is new, the outbox entry that carries the last
-- of the batch}; status is stored, seen (this token's append was done before: what it did then), cold
-- (the archive must be asked first, or once more; nothing written) or refused.

-- include lib_access
-- include lib_asked
-- include lib_push
-- include lib_tokens
-- include lib_turns

-- 2^40: what is numbered above is put into its place when the archive knows all of it.
local PROVISIONAL = 1099511627776

local ttl, cap, owner, token, id, archive = unpack(ARGV, 1, 6)
local count = #ARGV - 6
local held = redis.call('HMGET', KEYS[2], 'owner', 'seq', 'tokens', 'older', 'ttl')
local seq, tokens, older = tonumber(held[2]), held[3] or '', held[4] or ''
local is_new = not seq
ttl = held[5] or ttl

if is_new or owner ~= '' or archive ~= 'off' then
  local length = redis.call('LLEN', KEYS[1])
  -- Asked first: what is left of a lost conversation proves nobody's ownership.
  local is_lost = not seq or (length == 0 and seq > 0)
  if is_lost and (archive == 'on' or archive == 'again' or (archive == 'asked' and not is_answered(KEYS[#KEYS - 1], token))) then
    ask(KEYS[#KEYS - 1], token)
    return {'cold', 0, 0}
  end
  if refuses(owner, held[1], seq or length > 0) then
    return {'refused', 0, 0}
  end
  if archive == 'away' and is_lost then
    redis.call('DEL', KEYS[#KEYS - 1])
    seq = PROVISIONAL + (seq or length) % PROVISIONAL
  end
  seq = seq or length
end

local done_seq, done_length = recall(token, tokens)
if not done_seq then
  done_seq, done_length = recall(token, older)
end
if done_seq then
  return {'seen', done_seq, done_length}
end

if (archive == 'asked' or archive == 'again') and not is_new and #ARGV > 6 then
  local length = redis.call('LLEN', KEYS[1])
  local at = redis.call('LPOS', KEYS[1], ARGV[#ARGV])
  if at then
    return {'seen', seq - (length - 1 - at), length}
  end
end

if is_new and redis.acl_check_cmd then
  -- From Redis 7 on: a right that is missing stops a conversation before it begins.
  local needed = {
    {'RPUSH', KEYS[1], ''}, {'LRANGE', KEYS[1], 0, 0}, {'LTRIM', KEYS[1], 0, -1},
    {'HSET', KEYS[2], 'seq', 0}, {'EXPIRE', KEYS[2], 1}, {'PERSIST', KEYS[2]},
  }
  for _, command in ipairs(needed) do
    if not redis.acl_check_cmd(unpack(command)) then
      return redis.error_reply('NOPERM this user has no right to ' .. command[1])
    end
  end
end

local clock = redis.call('TIME')
local now = string.format('%d%03d', clock[1], math.floor(clock[2] / 1000))

-- The outbox goes before the messages: a key of a wrong type then stops all of it.
if owner ~= '' then
  local left = redis.call('TTL', KEYS[3])
  redis.call('ZADD', KEYS[3], now, id)
  outlive(KEYS[3], ttl, left)
end
local carried = ''
if archive ~= 'off' then
  for from = 7, #ARGV, CHUNK do
    local to = math.min(from + CHUNK - 1, #ARGV)
    local entry = {'op', 'append', 'id', id, 'owner', held[1] or owner, 'at', now}
    for index = from, to do
      entry[#entry + 1] = seq + index - 6
      entry[#entry + 1] = ARGV[index]
    end
    carried = redis.call('XADD', KEYS[#KEYS], '*', unpack(entry))
  end
end

local length = push(KEYS[1], 7)
if count > 0 then
  local first = first_kept(KEYS[1], length, tonumber(cap))
  if first > 0 then
    redis.call('LTRIM', KEYS[1], first, -1)
    length = length - first
  end
end

seq = seq + count
tokens = remembered(token, now, seq, length) .. tokens
if #tokens > FEW then
  redis.call('HSET', KEYS[2], 'older', retire(tokens, older, now))
  tokens = ''
end
redis.call('HSET', KEYS[2], 'seq', seq, 'updated_at', now, 'tokens', tokens)
if is_new then
  redis.call('HSET', KEYS[2], 'created_at', now)
  if owner ~= '' then
    redis.call('HSET', KEYS[2], 'owner', owner)
  end
end
renew(KEYS[1], ttl)
renew(KEYS[2], ttl)
return {'stored', seq, length, is_new and 1 or 0, carried}
