"""What a limit asks of Redis: one script, which counts and decides at one instant of the server's time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Call, Confirm
from pytest_arbredis.state.limits.limit import Decision
from pytest_arbredis.state.scripts import Script

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.hardenings import Without
    from pytest_arbredis.state.limits.limit import Limit

HARDENINGS: Final = frozenset({"unique-members", "server-time", "ttl-in-ms"})
"""`unique-members`: every request is a member of its own, not the millisecond in which it came.

`server-time`: the window moves by the server's clock, not by the caller's. `ttl-in-ms`: a key lives as long as its
window, not a thousand times as long.
"""

TAKE: Final = Script(
    "limit take",
    """
local t = redis.call('TIME')
local server = t[1] * 1000000 + t[2]
local now = server
if ARGV[4] ~= '' then now = tonumber(ARGV[4]) end
local window, most, member = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
if ARGV[4] == '' then -- if the clock has stepped back: what seems to be yet to come has come by now
    local ahead = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')
    for _, one in ipairs(ahead) do redis.call('ZADD', KEYS[1], string.format('%.0f', now), one) end
    if #ahead > 0 then redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000) + 1) end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
local count = redis.call('ZCARD', KEYS[1])
local allowed = 0
if redis.call('ZSCORE', KEYS[1], member) and ARGV[6] == '1' then allowed = 1
elseif count < most and member ~= '' then
    redis.call('ZADD', KEYS[1], string.format('%.0f', now), member)
    if ARGV[5] == 'ms' then redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000) + 1)
    else redis.call('EXPIRE', KEYS[1], math.ceil(window / 1000)) end
    allowed = 1
    count = redis.call('ZCARD', KEYS[1])
end
local reset = server
if count >= most then
    local oldest = redis.call('ZRANGE', KEYS[1], count - most, count - most, 'WITHSCORES')
    reset = tonumber(oldest[2]) + window
end
return {allowed, math.max(0, most - count), string.format('%.0f', server), string.format('%.0f', reset)}
""",
)
"""KEYS window; ARGV window µs, most, member (empty: only ask), the caller's µs or empty, 'ms' or 's', '1' if unique.

Allowed, remaining, the server's µs, the µs at which one more may pass. The same member again is the same request.
"""


def take(limit: Limit, who: str, *, member: str, caller_us: int, without: Without) -> Plan[Decision]:
    """One request, if it may pass. `caller_us` is used by those without the server's time only."""
    unique = "unique-members" not in without
    reply = yield Call(
        TAKE,
        (limit.key(who),),
        (
            limit.window_us,
            limit.most,
            member if unique else str(caller_us // 1000),
            "" if "server-time" not in without else caller_us,
            "ms" if "ttl-in-ms" not in without else "s",
            "1" if unique else "0",
        ),
    )
    decision = decided(reply)
    if decision.allowed and limit.wait_replicas:
        yield Confirm(limit.wait_replicas, limit.wait_ms)
    return decision


def look(limit: Limit, who: str) -> Plan[Decision]:
    """What may pass now, `allowed` if one may; nothing is counted."""
    reply = yield Call(TAKE, (limit.key(who),), (limit.window_us, limit.most, "", "", "ms", "0"))
    return replace(decided(reply), allowed=int(reply[1]) > 0)


def decided(reply: list[int | bytes]) -> Decision:
    """The script's reply."""
    allowed, remaining, server_us, reset_us = (int(part) for part in reply)
    return Decision(
        allowed=bool(allowed), decided_by="redis", remaining=remaining, server_us=server_us, reset_us=reset_us
    )
