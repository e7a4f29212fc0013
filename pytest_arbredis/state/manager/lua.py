"""The manager's scripts. Each does in one step what a crash in between would tear."""

from __future__ import annotations

from typing import Final

from pytest_arbredis.state.scripts import Script

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""

ADD: Final = Script(
    "manager.add",
    """
if KEYS[2] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then
  return {redis.call('HGET', KEYS[1], ARGV[1]) or '0', 0}
end
redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
if KEYS[2] ~= '' then redis.call('SET', KEYS[2], '1', 'PX', ARGV[3]) end
for i = 3, #KEYS do redis.call('UNLINK', KEYS[i]) end
return {redis.call('HGET', KEYS[1], ARGV[1]), 1}
""",
)
"""KEYS: the Hash, the token's key ('' for none), tokens that nobody can ask about any more. ARGV: field, by, ms of the
token. Gives the value, and whether it was added now."""

SET_METRICS: Final = Script(
    "manager.set_metrics",
    _NOW
    + """
if ARGV[2] ~= '' and now > tonumber(ARGV[2]) then return {-1, string.format('%.0f', now)} end
local newest, applied, ttl = ARGV[4] == '1', 0, tonumber(ARGV[3])
for i = 5, #ARGV, 2 do
  local mark = '_at.' .. ARGV[i]
  local stored = tonumber(redis.call('HGET', KEYS[1], mark) or '-1')
  local stamp = tonumber(ARGV[1])
  if stamp < 0 then stamp = math.max(now, stored + 1) end
  if stamp >= stored or not newest then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1], mark, string.format('%.0f', stamp))
    applied = applied + 1
  end
end
if applied > 0 and ttl > 0 and (tonumber(ARGV[1]) < 0 or redis.call('PTTL', KEYS[1]) < ttl) then
  redis.call('PEXPIRE', KEYS[1], ttl)
end
return {applied, string.format('%.0f', now)}
""",
)
"""KEYS: the Hash. ARGV: when it was meant to be written (µs of the server's time; -1: now), after when it is too late
('' for never), ms to live (0: left to the caller), 1 if the newest wins, then fields and values."""

BEAT: Final = Script(
    "manager.beat",
    _NOW
    + """
if ARGV[2] ~= '' and now > tonumber(ARGV[2]) then return {-1, string.format('%.0f', now)} end
redis.call('HSET', KEYS[1], 'at', string.format('%.0f', now), 'by', ARGV[3], 'status', ARGV[4])
if tonumber(ARGV[1]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {1, string.format('%.0f', now)}
""",
)
"""KEYS: the Hash. ARGV: ms to live (0: left to the caller), after when it is too late, who, in what state."""

SET_POSITION: Final = Script(
    "manager.set_position",
    """
local version = tonumber(redis.call('HGET', KEYS[1], '_version') or '0')
if redis.call('HGET', KEYS[1], '_by') == ARGV[1] then return {1, version} end
local open = redis.call('HKEYS', KEYS[2])
table.sort(open)
local known = tonumber(ARGV[2]) == version and table.concat(open, ',') == ARGV[4]
if known or ARGV[3] == 'overwrite' then
  local fields = {}
  for i = 6, #ARGV do fields[#fields + 1] = ARGV[i] end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], '_version', version + 1, '_by', ARGV[1], unpack(fields))
  if #open > 0 then redis.call('DEL', KEYS[2]) end
  return {1, version + 1}
end
if ARGV[3] == 'keep' then redis.call('HSET', KEYS[2], ARGV[1], ARGV[5]) end
return {0, version}
""",
)
"""KEYS: the position, its conflicts. ARGV: token, version that is written over, what to do if it is another (refuse,
keep: as a conflict, overwrite), the conflicts that this resolves, itself as JSON, then fields and values."""
