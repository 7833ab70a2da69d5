-- trim: keep the latest messages only, in whole turns. The data model stands in append.lua.
--
-- KEYS  1 conversation, 2 meta
-- ARGV  1 ttl in seconds, 2 owner or '', 3 how many messages to keep at the most (1 or more)
-- Replies {status, removed, length}; status is trimmed or refused.

-- include lib_access
-- include lib_turns

local ttl, owner, cap = unpack(ARGV)
local held = redis.call('HMGET', KEYS[2], 'owner', 'ttl', 'seq')
local length = redis.call('LLEN', KEYS[1])
if refuses(owner, held[1], length > 0 or redis.call('EXISTS', KEYS[2]) == 1) then
  return {'refused', 0, 0}
end
local first = first_kept(KEYS[1], length, tonumber(cap))
if first > 0 then
  redis.call('LTRIM', KEYS[1], first, -1)
  if held[3] then
    redis.call('HSET', KEYS[2], 'trimmed', held[3] - (length - first))
  end
end
renew(KEYS[1], held[2] or ttl)
renew(KEYS[2], held[2] or ttl)
return {'trimmed', first, length - first}
