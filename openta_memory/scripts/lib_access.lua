-- Shared: who may touch a conversation, and how long its keys live.

-- An owner that is given must be the conversation's. Meta data that is gone while messages are
-- still there proves nobody's ownership, so nobody's it is. An empty owner is a trusted caller.
local function refuses(owner, recorded, exists)
  return owner ~= '' and exists and recorded ~= owner
end

-- Gives every key the same time to live, in seconds; 0 keeps them for ever.
local function renew(ttl, ...)
  for _, key in ipairs({...}) do
    if ttl == '0' then
      redis.call('PERSIST', key)
    else
      redis.call('EXPIRE', key, ttl)
    end
  end
end
