-- evict: drop a conversation that the archive knows better; its next read restores it. The data
-- model stands in append.lua.
--
-- KEYS  1 conversation, 2 meta, 3 asked
-- ARGV  1 the seq it had when all that it put on the outbox was archived, or ''
-- Replies 1 when it is gone, 0 when it was appended to since.

if (redis.call('HGET', KEYS[2], 'seq') or '') ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return 1
