-- Shared: who may touch a conversation, and how long its keys live.

-- An owner that is given must be the conversation's. Meta data that is gone while messages are
-- still there proves nobody's ownership, so nobody's it is. An empty owner is a trusted caller.
local function refuses(owner, recorded, exists)
  return owner ~= '' and exists and recorded ~= owner
end

-- Gives a key its time to live, in seconds; 0 keeps it for ever.
local function renew(key, ttl)
  if ttl == '0' then
    redis.call('PERSIST', key)
  else
    redis.call('EXPIRE', key, ttl)
  end
end

-- Keeps an owner's index at least this long: it goes with the newest conversation in it. `left` is
-- its TTL from before it was written to (-1 for ever, -2 no such key).
local function outlive(index, ttl, left)
  if ttl == '0' then
    redis.call('PERSIST', index)
  elseif left ~= -1 and left < tonumber(ttl) then
    redis.call('EXPIRE', index, ttl)
  end
end
