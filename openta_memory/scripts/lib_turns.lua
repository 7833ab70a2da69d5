-- Shared: where whole turns begin in a conversation.

-- Which message stays first when at most `cap` of `length` may stay: the first that begins a turn
-- (human or system); inside one turn longer than the cap, the first that is no tool result. The
-- type stands in a record's first bytes. Returns a 0-based index; `length` when none can stay.
local function first_kept(key, length, cap)
  local cut = length - cap
  if cap == 0 or cut <= 0 then
    return 0
  end
  local inside
  for index = cut, length - 1 do
    local kind = string.match(redis.call('LINDEX', key, index), '"type":%s*"(%a+)"')
    if kind == 'human' or kind == 'system' then
      return index
    end
    if not inside and kind ~= 'tool' and kind ~= 'function' then
      inside = index
    end
  end
  return inside or length
end
