-- park: move an entry that can't be archived off the outbox, to a stream beside it. The data model
-- stands in append.lua; a parked entry begins with two fields more, `entry`, the id it had, and
-- `why`.
--
-- KEYS  1 outbox, 2 parked
-- ARGV  1 consumer group, 2 entry id, 3 why it can't be archived
-- Replies 1, or 0 when the entry was gone.

-- Lua hands on a few thousand arguments at a time; even, so that no field is cut from its value.
local CHUNK = 1000

local group, id, why = unpack(ARGV)
local found = redis.call('XRANGE', KEYS[1], id, id)[1]
if found then
  local fields = found[2]
  for from = 1, #fields, CHUNK do
    local some = {unpack(fields, from, math.min(from + CHUNK - 1, #fields))}
    redis.call('XADD', KEYS[2], '*', 'entry', id, 'why', why, unpack(some))
  end
  redis.call('XDEL', KEYS[1], id)
end
redis.call('XACK', KEYS[1], group, id)
return found and 1 or 0
