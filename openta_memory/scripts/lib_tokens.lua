-- Shared: which appends were done already. A retry comes within seconds, but others may append in
-- between: tokens are kept for a minute, as far as 250 of them fit.

local MINUTE = 60000
local ROOM = 8192

-- Gives the seq and length of the append that had this token; nothing when it is not known.
local function recall(tokens, token)
  local at = string.find(tokens, '|' .. token .. ' ', 1, true)
  if at then
    local seq, length = string.match(tokens, '^%d+ (%d+) (%d+);', at + #token + 2)
    return tonumber(seq), tonumber(length)
  end
end

-- Puts an append in front. What is old goes once it takes more than a little room.
local function remember(tokens, token, now, seq, length)
  if #tokens > 512 then
    local oldest = string.match(string.sub(tokens, -48), ' (%d+) %d+ %d+;$')
    if now - oldest > MINUTE then
      local young = {}
      for entry, at in string.gmatch(tokens, '(|%S+ (%d+) %d+ %d+;)') do
        if now - at > MINUTE then
          break
        end
        young[#young + 1] = entry
      end
      tokens = table.concat(young)
    elseif #tokens > ROOM then
      tokens = string.match(string.sub(tokens, 1, ROOM), '^.*;')
    end
  end
  return '|' .. token .. ' ' .. now .. ' ' .. seq .. ' ' .. length .. ';' .. tokens
end
