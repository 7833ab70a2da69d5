-- Shared: which appends were done already. A retry comes within seconds, but others may append in
-- between: tokens are kept for a minute, as far as 100 of them fit. The latest few stand apart, so
-- that an append rewrites little.

local MINUTE = 60000
local FEW = 512
local ROOM = 4096

-- Spells an append that was done.
local function remembered(token, now, seq, length)
  return '|' .. token .. ' ' .. now .. ' ' .. seq .. ' ' .. length .. ';'
end

-- Gives the seq and length of the append that had this token; nothing when it is not known.
local function recall(token, tokens)
  local at = string.find(tokens, '|' .. token .. ' ', 1, true)
  if at then
    local seq, length = string.match(tokens, '^%d+ (%d+) (%d+);', at + #token + 2)
    return tonumber(seq), tonumber(length)
  end
end

-- Puts what is no longer among the latest few before the older ones, as long as those are young.
local function retire(tokens, older, now)
  local newest = string.match(older, '^|%S+ (%d+)')
  if not newest or now - newest > MINUTE then
    return tokens
  end
  return string.match(string.sub(tokens .. older, 1, ROOM), '^.*;')
end
