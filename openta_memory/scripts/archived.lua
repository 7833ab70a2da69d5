-- archived: take entries off the outbox that are safe in the archive. The data model stands in
-- append.lua.
--
-- KEYS  1 outbox
-- ARGV  1 consumer group, 2... entry ids
-- Replies how many entries went.

redis.call('XACK', KEYS[1], unpack(ARGV))
return redis.call('XDEL', KEYS[1], unpack(ARGV, 2))
