"""The queue's scripts. Times are the server's; keys of consumers are made from their names, so no cluster."""

from __future__ import annotations

from typing import Final

from pytest_arbredis.state.scripts import Script

NOW: Final = "local t = redis.call('TIME') local now = t[1] * 1000000 + t[2]\n"
"""The server's microseconds, as `now`."""

PUT: Final = Script(
    "queue put",
    NOW
    + """
local most, id, payload, valid_us, once_s = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if once_s > 0 and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if redis.call('LLEN', KEYS[1]) >= most then return -1 end
if once_s > 0 then redis.call('SET', KEYS[2], '1', 'EX', once_s) end
local till = 0
if valid_us > 0 then till = now + valid_us end
redis.call('LPUSH', KEYS[1], string.format('{"id":%s,"put_us":%.0f,"until_us":%.0f,"payload":', id, now, till)
    .. payload .. '}')
return 1
""",
)
"""KEYS tasks, token; ARGV most, id as JSON, payload as JSON, valid µs, seconds that the token lives (0: none).

1 put, 0 already put, -1 full.
"""

GIVE_BACK: Final = """
local function give_back(held, tasks, known)
    local back = 0
    for _, raw in ipairs(redis.call('LRANGE', held, 0, -1)) do
        if not known[raw] then
            redis.call('LREM', held, 1, raw)
            redis.call('RPUSH', tasks, raw)
            back = back + 1
        end
    end
    return back
end
"""
"""Newest first to the end where tasks leave: the oldest is the next to be given."""

PRESENT: Final = Script(
    "queue present",
    NOW
    + GIVE_BACK
    + """
redis.call('ZADD', KEYS[2], string.format('%.0f', now / 1000 + tonumber(ARGV[2])), ARGV[1])
if ARGV[3] ~= '1' then return 0 end
local known = {}
for place = 4, #ARGV do known[ARGV[place]] = true end
return give_back(KEYS[3], KEYS[1], known)
""",
)
"""KEYS tasks, consumers, held; ARGV consumer, lease ms, '1' to give back what is held but for the elements after."""

BEGIN: Final = Script(
    "queue begin",
    NOW
    + """
local raw, id, till, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZADD', KEYS[1], string.format('%.0f', now / 1000 + tonumber(ARGV[6])), ARGV[5])
if not redis.call('LPOS', KEYS[2], raw) then return -3 end
local aside
local count = 0
if id == '' then aside = KEYS[4]
elseif till > 0 and till < now then aside = KEYS[5] count = -2
else
    count = redis.call('HINCRBY', KEYS[3], id, 1)
    if count > most then aside = KEYS[4] count = -1 end
end
if aside then
    redis.call('LREM', KEYS[2], 1, raw)
    redis.call('HDEL', KEYS[3], id)
    redis.call('LPUSH', aside, raw)
    redis.call('LTRIM', aside, 0, 9999)
end
return count
""",
)
"""KEYS consumers, held, deliveries, dead, expired; ARGV element, id, until µs, most deliveries, consumer, lease ms.

How often it was given; 0 put aside as no task, -1 put aside as dead, -2 put aside as expired, -3 not held any more: the
lease had ended since the move, and it went back.
"""

DONE: Final = Script(
    "queue done",
    """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then
    if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 or redis.call('LPOS', KEYS[3], ARGV[1]) then return 0 end
    return 2
end
if ARGV[3] == 'again' then redis.call('RPUSH', KEYS[3], ARGV[1])
else redis.call('HDEL', KEYS[2], ARGV[2]) end
return 1
""",
)
"""KEYS held, deliveries, tasks; ARGV element, id, 'done' or 'again'. 1 so, 0 it is somebody else's, 2 nobody's.

Whether it waits again is looked for in the whole queue, if it is not held: a failover may have undone the take.
"""

RECOVER: Final = Script(
    "queue recover",
    NOW
    + GIVE_BACK
    + """
local late = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.0f', now / 1000))
local back = 0
for _, name in ipairs(late) do
    back = back + give_back(ARGV[1] .. name, KEYS[1], {})
    if tonumber(redis.call('ZSCORE', KEYS[2], name)) < now / 1000 - 86400000 then redis.call('ZREM', KEYS[2], name) end
end
return back
""",
)
"""KEYS tasks, consumers; ARGV what keys of held tasks begin with. How many tasks went back.

A consumer is remembered for a day after its lease: a move of its that was under way for long finds it known.
"""

EVERYTHING: Final = Script(
    "queue everything",
    """
local found = {}
for place = 2, #KEYS do found[#found + 1] = redis.call('LRANGE', KEYS[place], 0, -1) end
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    found[#found + 1] = redis.call('LRANGE', ARGV[1] .. name, 0, -1)
end
return found
""",
)
"""KEYS consumers, lists; ARGV what keys of held tasks begin with. All elements of each list, at one instant."""
