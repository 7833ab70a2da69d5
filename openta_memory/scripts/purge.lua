-- purge: remove old conversations from Redis, unless somebody goes on with them. The data model
-- stands in append.lua. Who calls it holds their rows in the archive, so that an append can't be
-- archived meanwhile: it is seen here, or it comes later and begins anew.
--
-- KEYS  1 outbox, then two a conversation: its messages, its meta
-- ARGV  1 a time, in milliseconds since 1970, 2... conversation ids
-- Replies which of them, counted from 1, may go from the archive, too: those that were not appended
-- to at that time or after it, and of which nothing waits.

-- How many entries may wait: all are looked at.
local MANY = 10000

local before = tonumber(ARGV[1])
if redis.call('XLEN', KEYS[1]) > MANY then
  return redis.error_reply('ERR too much waits for the archive: archive it first')
end

local waits, from = {}, '-'
while true do
  local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 100)
  if #entries == 0 then
    break
  end
  for _, entry in ipairs(entries) do
    local fields = entry[2]
    for index = 1, #fields, 2 do
      if fields[index] == 'id' then
        waits[fields[index + 1]] = fields[2] == 'append'
      end
    end
    from = '(' .. entry[1]
  end
end

local gone = {}
for index = 1, #ARGV - 1 do
  local id, list, meta = ARGV[index + 1], KEYS[index * 2], KEYS[index * 2 + 1]
  local updated = tonumber(redis.call('HGET', meta, 'updated_at') or 0)
  if not waits[id] and updated < before then
    if redis.call('EXISTS', list, meta) > 0 then
      -- For an append that asks the archive before the conversation is gone from there.
      redis.call('XADD', KEYS[1], '*', 'op', 'clear', 'id', id, 'owner', '')
      redis.call('DEL', list, meta)
    end
    gone[#gone + 1] = index
  end
end
return gone
