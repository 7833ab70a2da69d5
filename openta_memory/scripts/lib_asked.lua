-- Shared: who may put back what Redis lost.
--
-- Whoever finds a conversation lost asks the archive, and says so here. What the archive answers is
-- old once the conversation was put back, cleared or begun by somebody else, even if Redis has lost
-- it again since: then nobody is left here, and all ask again.

-- Seconds: longer than the archive may take to answer.
local PATIENCE = 60

local function ask(asked, name)
  -- A Redis that is full can't note it: what can't be noted can't be put back either.
  redis.pcall('SADD', asked, name)
  if redis.call('SCARD', asked) == 1 then
    redis.call('EXPIRE', asked, PATIENCE)
  end
end

-- Says whether the answer that somebody got is still true; it is used up by that.
local function is_answered(asked, name)
  if redis.call('SISMEMBER', asked, name) == 0 then
    return false
  end
  redis.call('DEL', asked)
  return true
end
