"""What is not there: never saved, or evicted? A script asks the server itself, at the instant at which it looks.

A server that may evict any key (`maxmemory-policy allkeys-*`) is no place for state. Its policy may have been mended
since it took a key: then the number of keys that it has evicted since it started tells that it did. A user who may not
ask for INFO is served without that; the connection warns of it.
"""

from __future__ import annotations

from typing import Final

from pytest_arbredis.state.errors import UnsafePolicyError

EVICTING: Final = """
local function evicting() -- the policy, and how many keys the server has evicted; '' and 0 if it does not tell
    local memory, stats = redis.pcall('INFO', 'memory'), redis.pcall('INFO', 'stats')
    if type(memory) ~= 'string' or type(stats) ~= 'string' then return '', 0 end
    local policy = string.match(memory, 'maxmemory_policy:([%w-]+)')
    return policy or '', tonumber(string.match(stats, 'evicted_keys:(%d+)') or '0')
end
"""
"""A Lua function for the head of a script. Two sections are two calls: Redis 6 takes one at a time."""

ALLKEYS: Final = b"allkeys-"
_REMEDY: Final = "keep state on a server with maxmemory-policy noeviction or volatile-…"


def refuse_allkeys(policy: bytes, what: str) -> None:
    """Raises `UnsafePolicyError` if any key may be evicted under `policy`: `what` was not written."""
    if policy.startswith(ALLKEYS):
        raise UnsafePolicyError(f"{what} was not written: the policy is {policy.decode()}", remedy=_REMEDY)


def refuse_evicted(policy: bytes, evicted: int, what: str) -> None:
    """Raises `UnsafePolicyError` if `what`, which is absent, may have been evicted.

    It may under an `allkeys` policy, and under `noeviction` if the server has evicted keys since it started (the policy
    was another one then). Under `volatile-…` only keys with a TTL go, unless the policy was `allkeys` before, which
    nothing tells.
    """
    if policy.startswith(ALLKEYS):
        raise UnsafePolicyError(
            f"{what} is absent, and under {policy.decode()} it may have been evicted", remedy=_REMEDY
        )
    if policy == b"noeviction" and evicted:
        raise UnsafePolicyError(
            f"{what} is absent, and the server has evicted {evicted} keys since it started",
            remedy="look what is lost, then say that you know it: CONFIG RESETSTAT",
        )
