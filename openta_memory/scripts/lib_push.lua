-- Shared: how records get into a conversation.

-- Lua hands on a few thousand arguments at a time.
local CHUNK = 1000

-- Pushes the records in ARGV from `first` on; returns the conversation's length.
local function push(key, first)
  local length = first > #ARGV and redis.call('LLEN', key)
  for from = first, #ARGV, CHUNK do
    length = redis.call('RPUSH', key, unpack(ARGV, from, math.min(from + CHUNK - 1, #ARGV)))
  end
  return length
end
