"""The physics of a symbol: `physics:state:{SYMBOL}`, JSON without a TTL, that must stay until it is overwritten.

A server that may evict any key (`maxmemory-policy allkeys-*`) is no place for it. The policy is read from INFO in the
script that writes, and in the one that reads whenever it finds nothing: it may have been changed a moment ago.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.errors import CorruptedError, MisuseError
from pytest_arbredis.state.evicted import EVICTING, refuse_allkeys, refuse_evicted
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.json_value import decoded_object, encoded
from pytest_arbredis.state.keyspace.patterns import PHYSICS
from pytest_arbredis.state.scripts import Script

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan

EVICTION_GUARD: Final = "eviction-guard"
"""Without it the state is written to, and missed on, any server."""

SAVE = Script(
    "physics.save",
    EVICTING
    + """
    local policy = evicting()
    if string.match(policy, '^allkeys') then return policy end
    redis.call('SET', KEYS[1], ARGV[1])
    return ''
    """,
)
"""Writes; or gives the policy that forbids it."""

LOAD = Script(
    "physics.load",
    EVICTING
    + """
    local found = redis.call('GET', KEYS[1])
    if found then return {found, '', 0} end
    return {false, evicting()}
    """,
)
"""What is there; where nothing is, the policy, and how many keys the server has evicted since it started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicsState:
    """Finite numbers, and a regime in one word."""

    mass: float
    momentum: float
    friction: float
    entropy: float
    nash_dist: float
    regime: str
    alpha_coefficient: float

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "regime":
                if not isinstance(value, str) or not value:
                    raise MisuseError(f"regime={value!r}", remedy="give a word")
            elif type(value) not in {int, float} or not math.isfinite(value):
                raise MisuseError(f"{each.name}={value!r}", remedy="give a finite number")


def save(symbol: str, state: PhysicsState, *, without: Without = NONE) -> Plan[None]:
    """Overwrite the state of a symbol; raises `UnsafePolicyError`, with nothing written, where it might be evicted."""
    key = PHYSICS.key(SYMBOL=symbol)
    raw = encoded(asdict(state), of=key)
    if EVICTION_GUARD in without:
        yield Command("SET", key, raw)
        return
    refuse_allkeys((yield Call(SAVE, (key,), (raw,))), key)


def load(symbol: str, *, without: Without = NONE) -> Plan[PhysicsState | None]:
    """The state of a symbol, or None if none was ever saved.

    Raises `UnsafePolicyError` where nothing is there and it may have been evicted: see `refuse_evicted`.
    """
    key = PHYSICS.key(SYMBOL=symbol)
    if EVICTION_GUARD in without:
        raw = yield Command("GET", key)
    else:
        raw, policy, evicted = yield Call(LOAD, (key,))
        if raw is None:
            refuse_evicted(policy, evicted, key)
    return None if raw is None else _parsed(raw, key)


def _parsed(raw: bytes, key: str) -> PhysicsState:
    found = decoded_object(raw, key=key)
    try:
        return PhysicsState(**found)
    except (TypeError, MisuseError) as error:  # a field too few or too many, or a value that could not be saved
        raise CorruptedError(f"{key} holds JSON that is no physics state", remedy="somebody else wrote it") from error
