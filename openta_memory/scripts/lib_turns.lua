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
  local from, step = cut, 1
  while from < length do
    -- Mostly the first record begins a turn; a long turn is searched in larger and larger steps.
    for offset, record in ipairs(redis.call('LRANGE', key, from, from + step - 1)) do
      local kind = string.match(record, '"type":%s*"(%a+)"')
      local index = from + offset - 1
      if kind == 'human' or kind == 'system' then
        return index
      end
      if not inside and kind ~= 'tool' and kind ~= 'function' then
        inside = index
      end
    end
    from, step = from + step, math.min(2 * step, 128)
  end
  return inside or length
end
