-- restore: put back a conversation that Redis no longer has, once. The data model stands in
-- append.lua.
--
-- KEYS  1 conversation, 2 meta, 3 asked
-- ARGV  1 ttl in seconds, 2 owner or '', 3 seq of the last message, 4 created_at, 5 updated_at,
--       6 title or '', 7 the name under which the archive was asked, 8 the seq of the append that has
--       this name for its token, where the archive has it already, or '', 9... the latest records,
--       already cut to whole turns within the cap
-- Replies {status, seq, length}; status is restored, present when Redis has it by now (then nothing
-- is written, and seq and length are what it has), or stale when the archive must be asked again.

-- include lib_access
-- include lib_asked
-- include lib_push
-- include lib_tokens

local ttl, owner, seq, created_at, updated_at, title, name, done = unpack(ARGV, 1, 8)
local recorded = tonumber(redis.call('HGET', KEYS[2], 'seq'))
local length = redis.call('LLEN', KEYS[1])
if recorded and (length > 0 or recorded == 0) then
  return {'present', recorded, length}
end
if not is_answered(KEYS[3], name) then
  return {'stale', 0, 0}
end

redis.call('DEL', KEYS[1], KEYS[2])
length = push(KEYS[1], 9)
redis.call('HSET', KEYS[2], 'seq', seq, 'created_at', created_at, 'updated_at', updated_at)
if owner ~= '' then
  redis.call('HSET', KEYS[2], 'owner', owner)
end
if title ~= '' then
  redis.call('HSET', KEYS[2], 'title', title)
end
if done ~= '' then
  local now = redis.call('TIME')[1] .. '000'
  redis.call('HSET', KEYS[2], 'tokens', remembered(name, now, done, length))
end
renew(KEYS[1], ttl)
renew(KEYS[2], ttl)
return {'restored', tonumber(seq), length}
