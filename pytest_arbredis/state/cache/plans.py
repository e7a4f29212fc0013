"""What a cache asks of Redis: look, fill, forget.

Beside the value there is a lease, `lease:{key}`: the token of the one reader who may load. An invalidation removes
both, so a reader who had read the database before the write finds its lease gone, and cannot put the old value back.
The idea is that of leases in memcache at Facebook (Nishtala et al., NSDI 2013, section 3.2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.keyspace.patterns import LEASE
from pytest_arbredis.state.scripts import Script

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pytest_arbredis.state.asks import Plan

LOOK = Script(
    "cache.look",
    """
    local found = redis.call('GET', KEYS[1])
    if found then return {1, found} end
    if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {0, ''} end
    return {2, ''}
    """,
)
"""1 and the value; or 0: it is absent, and ARGV[1] has the lease now; or 2: it is absent, and another has the lease."""

FILL = Script(
    "cache.fill",
    """
    if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
    local spent = math.max(0, tonumber(ARGV[4]) - redis.call('PTTL', KEYS[2]))  -- its clock may be set back
    local left = tonumber(ARGV[3]) - spent
    if left >= 1 then redis.call('SET', KEYS[1], ARGV[2], 'PX', string.format('%.0f', left)) end
    redis.call('DEL', KEYS[2])
    return 1
    """,
)
"""Puts ARGV[2] there if ARGV[1] still has the lease; it lives ARGV[3] ms, less what the lease (ARGV[4] ms) has seen."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look gave: the value, or nothing. `leads`: whoever looked has the lease now."""

    raw: bytes | None
    leads: bool


def look(key: str, token: str, *, lease_ms: int) -> Plan[Found]:
    """The value; or the lease, if nobody else has it."""
    state, raw = yield Call(LOOK, (key, _lease(key)), (token, lease_ms))
    return Found(raw if state == 1 else None, state == 0)


def fill(key: str, token: str, raw: bytes, *, ttl_ms: int, lease_ms: int) -> Plan[bool]:
    """Keep what was loaded; False if the lease is gone: somebody has written meanwhile, or it took too long."""
    return bool((yield Call(FILL, (key, _lease(key)), (token, raw, ttl_ms, lease_ms))))


def overwrite(key: str, token: str, raw: bytes, *, ttl_ms: int) -> Plan[bool]:
    """Keep what was loaded, whatever happened meanwhile."""
    yield Command("SET", key, raw, "PX", ttl_ms)
    yield from give_up({(key, token)})
    return True


def forget(keys: Iterable[str]) -> Plan[None]:
    """Remove values, and the leases of those who are loading them."""
    both = [name for key in keys for name in (key, _lease(key))]
    yield Command("DEL", *both)


def give_up(held: Collection[tuple[str, str]]) -> Plan[None]:
    """Give leases back, by key and token: what is loaded will not be kept."""
    yield Call(GIVE_UP, tuple(_lease(key) for key, _ in held), tuple(token for _, token in held))


GIVE_UP = Script(
    "cache.give_up",
    """
    for number, key in ipairs(KEYS) do
      if redis.call('GET', key) == ARGV[number] then redis.call('DEL', key) end
    end
    return 1
    """,
)


def _lease(key: str) -> str:
    return LEASE.key(*key.split(":"))
