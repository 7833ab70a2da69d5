-- window: what is known of a conversation, for a read that keeps it alive. The messages
-- themselves are fetched by a native LRANGE right behind: passing a long list through Lua costs
-- more. The data model stands in append.lua.
--
-- KEYS  1 conversation, 2 meta, 3 owner index (with an owner), last: asked (with an archive)
-- ARGV  1 ttl in seconds, 2 owner or '', 3 a time to live of its own to set, or '',
--       4 archive: 'off' or 'on' (then what lost its meta data is absent, and can be restored),
--       5 a name to ask the archive under
-- Replies {status, length, owner, seq, created_at, updated_at, title, ttl, trimmed}; status is
-- found, absent, or refused (then nothing else is told, and nothing renewed).

-- include lib_access
-- include lib_asked

local ttl, owner, own, archive, name = unpack(ARGV)
local held = redis.call(
  'HMGET', KEYS[2], 'owner', 'seq', 'created_at', 'updated_at', 'title', 'ttl', 'trimmed'
)
local length = redis.call('LLEN', KEYS[1])
local exists = held[2] or (length > 0 and archive == 'off')

if refuses(owner, held[1], exists) then
  return {'refused'}
end
if archive == 'on' and (not exists or (length == 0 and held[2] ~= '0')) then
  ask(KEYS[#KEYS], name)
end
if not exists then
  return {'absent'}
end
if own ~= '' and held[2] then
  redis.call('HSET', KEYS[2], 'ttl', own)
  held[6] = own
end
ttl = held[6] or (own ~= '' and own) or ttl
renew(KEYS[1], ttl)
renew(KEYS[2], ttl)
if owner ~= '' then
  outlive(KEYS[3], ttl, redis.call('TTL', KEYS[3]))
end
return {'found', length, held[1], held[2], held[3], held[4], held[5], ttl, held[7]}
