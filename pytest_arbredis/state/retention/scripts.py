"""The scripts of clean-up. KEYS are the categories of one session, or of several, four by four."""

from __future__ import annotations

from typing import Final

from pytest_arbredis.state.scripts import Script

AGES: Final = Script(
    "session-ages",
    """
local time = redis.call('TIME')
local told = {string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))}
for first = 1, #KEYS, 4 do
  local newest, keys, ageless = 0, 0, false
  for i = first, first + 3 do
    if redis.call('EXISTS', KEYS[i]) == 1 then
      keys = keys + 1
      local saved = redis.pcall('HGET', KEYS[i], ':saved_ms')
      saved = type(saved) == 'string' and tonumber(saved)
      if saved then newest = math.max(newest, saved) else ageless = true end
    end
  end
  told[#told + 1] = keys == 0 and 'gone' or ageless and 'ageless' or string.format('%.0f', newest)
end
return told
""",
)
"""The server's time in ms, and for each session the time of its last save: `gone`, `ageless`, or ms since 1970."""

REMOVE: Final = Script(
    "session-remove",
    """
-- ARGV: age in ms that the last save must have ('' any).
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then
    local saved = redis.pcall('HGET', key, ':saved_ms')
    saved = type(saved) == 'string' and tonumber(saved)
    if ARGV[1] ~= '' and (not saved or now_ms - saved < tonumber(ARGV[1])) then return 0 end
  end
end
return redis.pcall('UNLINK', unpack(KEYS))
""",
)
"""Unlinks a session, unless it was saved since, or a category does not say when: how many keys are gone."""
