-- clear: remove a conversation, whole. The data model stands in append.lua.
--
-- KEYS  1 conversation, 2 meta, 3 owner index (with an owner), last: asked, outbox (with an archive)
-- ARGV  1 owner or '', 2 conversation id, 3 archive: 'off' or 'on', 4 a token for the archive
-- Replies {status, removed}; status is cleared or refused, removed how many keys went.

-- include lib_access

local owner, id, archive, token = unpack(ARGV)
local recorded = redis.call('HGET', KEYS[2], 'owner')
local exists = redis.call('LLEN', KEYS[1]) + redis.call('EXISTS', KEYS[2]) > 0
if refuses(owner, recorded, exists) then
  return {'refused', 0}
end
if archive == 'on' then
  local entry = {'op', 'clear', 'id', id, 'owner', recorded or owner, 'token', token}
  redis.call('XADD', KEYS[#KEYS], '*', unpack(entry))
  redis.call('DEL', KEYS[#KEYS - 1])
end
if owner ~= '' then
  redis.call('ZREM', KEYS[3], id)
end
return {'cleared', redis.call('DEL', KEYS[1], KEYS[2])}
