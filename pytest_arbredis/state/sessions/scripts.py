"""The session store's scripts. KEYS are categories of one session, always in the same order."""

from __future__ import annotations

from typing import Final

from pytest_arbredis.state.evicted import EVICTING
from pytest_arbredis.state.scripts import Script

SAVE: Final = Script(
    "session-save",
    """
-- ARGV: version it must be at ('' any), TTL in ms ('' none), 'remove' or 'keep' (categories that are not given),
-- 'replace' or 'merge' (fields that are not given), version to write ('' a new one), names of KEYS with commas; then
-- for each key the number of its words (-1: not given), and the words.
local wanted, ttl_ms, others, how, forced, names = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], {}
for name in string.gmatch(ARGV[6], '[^,]+') do names[#names + 1] = name end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local before, there = 0, {}
for i, key in ipairs(KEYS) do
  local found = redis.pcall('HGET', key, ':version')
  if type(found) == 'table' then
    if string.find(found.err, 'WRONGTYPE', 1, true) then return {'wrongtype', names[i]} end
    return found
  end
  before = math.max(before, tonumber(found) or 0)
  there[i] = redis.call('EXISTS', key) == 1
end
if wanted ~= '' and tonumber(wanted) ~= before then return {'conflict', string.format('%.0f', before)} end
-- A version is the server's time in microseconds: it grows over a deletion too.
local version = string.format('%.0f', math.max(before + 1, time[1] * 1000000 + time[2]))
if forced ~= '' then version = forced end
local saved_ms = string.format('%.0f', now_ms)
local words, kept, first, at = {}, {}, nil, 7
for i in ipairs(KEYS) do
  local count = tonumber(ARGV[at])
  if count >= 0 then
    words[i] = {}
    for n = 1, count do words[i][n] = ARGV[at + n] end
    first = first or i
    at = at + count
  end
  at = at + 1
  if count >= 0 or (others == 'keep' and there[i]) then kept[#kept + 1] = names[i] end
end
-- What Redis refuses now (OOM, READONLY, NOREPLICAS, MISCONF) it refuses before anything is changed.
local begun = first and redis.pcall('HSET', KEYS[first], ':version', version)
if type(begun) == 'table' then return begun end
for i, key in ipairs(KEYS) do
  if words[i] and how == 'replace' then redis.call('UNLINK', key) end
  if words[i] or (others == 'keep' and there[i]) then
    redis.call('HSET', key, ':version', version, ':saved_ms', saved_ms, ':categories', table.concat(kept, ','))
    if words[i] and #words[i] > 0 then redis.call('HSET', key, unpack(words[i])) end
    if ttl_ms ~= '' then redis.call('PEXPIREAT', key, string.format('%.0f', now_ms + tonumber(ttl_ms)))
    else redis.call('PERSIST', key) end
  elseif others == 'remove' and how == 'replace' then redis.call('UNLINK', key)
  end
end
return {version, saved_ms}
""",
)

LOAD: Final = Script(
    "session-load",
    """
local found = {}
for i, key in ipairs(KEYS) do
  local fields = redis.pcall('HGETALL', key)
  found[i] = fields.err or fields
end
return found
""",
)

SAVE_WHERE_IT_STAYS: Final = Script(
    "session-save-where-it-stays",
    EVICTING
    + """
local policy = evicting()
if string.match(policy, '^allkeys') then return {'unsafe', policy} end
"""
    + SAVE.source,
)
"""As SAVE, or 'unsafe' with the policy under which any key may be evicted: nothing is written then."""

LOAD_OR_WHY_NOT: Final = Script(
    "session-load-or-why-not",
    EVICTING
    + """
local found, some = {}, false
for i, key in ipairs(KEYS) do
  local fields = redis.pcall('HGETALL', key)
  found[i] = fields.err or fields
  some = some or #found[i] > 0
end
if some then return found end
return {evicting()}
""",
)
"""As LOAD; or, where nothing is there, the policy, and how many keys the server has evicted since it started."""

DELETE: Final = Script(
    "session-delete",
    """
-- ARGV: version it must be at ('' any).
local before = 0
for _, key in ipairs(KEYS) do
  local found = redis.pcall('HGET', key, ':version')
  if type(found) ~= 'table' then before = math.max(before, tonumber(found) or 0) end
end
if ARGV[1] ~= '' and tonumber(ARGV[1]) ~= before then return {'conflict', string.format('%.0f', before)} end
return redis.pcall('UNLINK', unpack(KEYS))
""",
)
