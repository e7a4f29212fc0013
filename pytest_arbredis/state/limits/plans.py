"""What a limit asks of Redis: one script, which counts and decides at one instant of the server's time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Call, Confirm
from pytest_arbredis.state.errors import UnsafePolicyError
from pytest_arbredis.state.evicted import EVICTING
from pytest_arbredis.state.limits.limit import Decision
from pytest_arbredis.state.scripts import Script

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan, Reply
    from pytest_arbredis.state.hardenings import Without
    from pytest_arbredis.state.limits.evictions import Evictions
    from pytest_arbredis.state.limits.limit import Limit

HARDENINGS: Final = frozenset({"unique-members", "server-time", "ttl-in-ms", "policy-when-away", "eviction-guard"})
"""`unique-members`: every request is a member of its own, not the millisecond in which it came.

`server-time`: the window moves by the server's clock, not by the caller's. `ttl-in-ms`: a key lives as long as its
window, not a thousand times as long. `policy-when-away`: while Redis is away the limit's own policy answers, not an
error. `eviction-guard`: a window that may have been evicted is not taken for one in which nothing was asked.
"""

TAKE: Final = Script(
    "limit take",
    EVICTING
    + """
local key, window, most, member, known = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[7]
local t = redis.call('TIME')
local server = t[1] * 1000000 + t[2]
local function us(number) return string.format('%.0f', number) end
if known ~= '' and redis.call('EXISTS', key) == 0 then -- nobody has asked, or what was asked is evicted
    local policy, evicted = evicting()
    local still = evicted == 0 or (evicted == tonumber(known) and server - tonumber(ARGV[8]) >= window)
    if string.match(policy, '^allkeys') or not still then return {-1, evicted, us(server), policy} end
end
local now = server
if ARGV[4] ~= '' then now = tonumber(ARGV[4]) end
local longest = math.max(window, -tonumber(redis.call('ZSCORE', key, ':longest') or '0'))
local function lives() -- from the time that the window is judged by, not from when the script began
    if ARGV[5] == 'ms' then redis.call('PEXPIREAT', key, us(math.floor(server / 1000) + math.ceil(longest / 1000) + 1))
    else redis.call('EXPIRE', key, math.ceil(longest / 1000)) end
end
if ARGV[4] == '' then -- if the clock has stepped back: what seems to be yet to come has come by now
    local ahead = redis.call('ZRANGEBYSCORE', key, '(' .. us(now), '+inf')
    for _, one in ipairs(ahead) do redis.call('ZADD', key, us(now), one) end
    if #ahead > 0 then lives() end
end
redis.call('ZREMRANGEBYSCORE', key, '0', us(now - longest))
local count = redis.call('ZCOUNT', key, '(' .. us(now - window), '+inf')
local allowed = 0
if redis.call('ZSCORE', key, member) and ARGV[6] == '1' then allowed = 1
elseif count < most and member ~= '' then
    redis.call('ZADD', key, us(now), member, us(-longest), ':longest')
    lives()
    allowed = 1
    count = redis.call('ZCOUNT', key, '(' .. us(now - window), '+inf')
end
local reset = server
if count >= most then
    local oldest = redis.call('ZRANGEBYSCORE', key, '(' .. us(now - window), '+inf',
        'WITHSCORES', 'LIMIT', count - most, 1)
    reset = tonumber(oldest[2]) + window
end
return {allowed, math.max(0, most - count), us(server), us(reset)}
""",
)
"""The member `:longest` is no request: its score, below 0, is the longest window (µs) of the limits that share the key.

KEYS window; ARGV window µs, most, member (empty: only ask), the caller's µs or empty, 'ms' or 's', '1' if unique,
the evicted keys that are known or empty (not to look at that), since when in µs.

Allowed, remaining, the server's µs, the µs at which one more may pass. The same member again is the same request. Or -1
if the window may have been evicted: with the evicted keys, the server's µs, the policy.
"""


def take(
    limit: Limit, who: str, *, member: str, caller_us: int, evictions: Evictions, without: Without
) -> Plan[Decision]:
    """One request, if it may pass. `caller_us` is used by those without the server's time only.

    Raises `UnsafePolicyError`, with nothing counted, where what was counted before may have been evicted.
    """
    unique = "unique-members" not in without
    key = limit.key(who)
    reply = yield Call(
        TAKE,
        (key,),
        (
            limit.window_us,
            limit.most,
            member if unique else str(caller_us // 1000),
            "" if "server-time" not in without else caller_us,
            "ms" if "ttl-in-ms" not in without else "s",
            "1" if unique else "0",
            *(evictions.known if "eviction-guard" not in without else ("", "")),
        ),
    )
    _require_kept(reply, key, evictions)
    decision = decided(reply)
    if decision.allowed and limit.wait_replicas:
        yield Confirm(limit.wait_replicas, limit.wait_ms)
    return decision


def look(limit: Limit, who: str, *, evictions: Evictions, without: Without) -> Plan[Decision]:
    """What may pass now, `allowed` if one may; nothing is counted. Raises `UnsafePolicyError` as `take` does."""
    known = evictions.known if "eviction-guard" not in without else ("", "")
    key = limit.key(who)
    reply = yield Call(TAKE, (key,), (limit.window_us, limit.most, "", "", "ms", "0", *known))
    _require_kept(reply, key, evictions)
    return replace(decided(reply), allowed=int(reply[1]) > 0)


def _require_kept(reply: Reply, key: str, evictions: Evictions) -> None:
    if reply[0] != -1:
        return
    count, server_us, policy = int(reply[1]), int(reply[2]), bytes(reply[3])
    evictions.saw(count, server_us)
    raise UnsafePolicyError(
        f"{key} is absent, and what was counted there may have been evicted: "
        f"the policy is {policy.decode()}, and {count} keys were evicted",
        remedy="keep limits on a server with maxmemory-policy noeviction; a window later they pass again",
    )


def decided(reply: list[int | bytes]) -> Decision:
    """The script's reply."""
    allowed, remaining, server_us, reset_us = (int(part) for part in reply)
    return Decision(
        allowed=bool(allowed), decided_by="redis", remaining=remaining, server_us=server_us, reset_us=reset_us
    )
