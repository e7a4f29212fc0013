"""Market snapshots: `market:snapshot:{SYMBOL}`, a Hash with a TTL, that says how old it is.

Its fields, the server's time and the TTL are written in one step. A reader is told an age that is never below the true
one: the server's time between write and read, and all the time that asking took, because a reply may be late.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Call
from pytest_arbredis.state.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from pytest_arbredis.state.errors import CorruptedError, MisuseError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.keyspace.patterns import MINUTE_S, SNAPSHOT
from pytest_arbredis.state.scripts import Script

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan

AGE: Final = "age"
"""Without it whatever a reply brings is called fresh."""

TTL_S: Final = float(MINUTE_S)
NUMBERS: Final = ("price", "volume", "bid", "ask", "timestamp")
WRITTEN: Final = "_written_us"

PUT = Script(
    "snapshot.put",
    """
    local now = redis.call('TIME')
    redis.call('HSET', KEYS[1], '_written_us', string.format('%.0f', now[1] * 1000000 + now[2]), unpack(ARGV, 2))
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    return 1
    """,
)

GET = Script(
    "snapshot.get",
    """
    local now = redis.call('TIME')
    return {redis.call('HGETALL', KEYS[1]), redis.call('PTTL', KEYS[1]), now[1], now[2]}
    """,
)
"""All fields, the time to live (ms; -1: none), the server's time (seconds, microseconds)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a market said. `timestamp` is the market's, in its own unit; it is not judged."""

    price: float
    volume: float
    bid: float
    ask: float
    timestamp: float

    def __post_init__(self) -> None:
        for name in NUMBERS:
            value = getattr(self, name)
            if type(value) not in {int, float} or not math.isfinite(value):
                raise MisuseError(f"{name}={value!r}", remedy="give a finite number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A quote, and how old it is at most.

    `age_s` is None where it cannot be known: the server's clock stepped back, or somebody else wrote the Hash. `fresh`:
    the age is known, at most the TTL, and the key has one.
    """

    quote: Quote
    age_s: float | None
    fresh: bool


def put(symbol: str, quote: Quote, *, ttl_s: float = TTL_S) -> Plan[None]:
    """Overwrite the snapshot of a symbol, which lives `ttl_s` seconds from now."""
    key = SNAPSHOT.key(SYMBOL=symbol)
    words = [word for name in NUMBERS for word in (name, repr(getattr(quote, name)))]
    yield Call(PUT, (key,), (require_ttl_ms(ttl_s), *words))


def get(
    symbol: str, *, ttl_s: float = TTL_S, clock: Clock = SYSTEM_CLOCK, without: Without = NONE
) -> Plan[Snapshot | None]:
    """The snapshot of a symbol, or None if there is none (any more). Look at `fresh` before you trade on it."""
    key = SNAPSHOT.key(SYMBOL=symbol)
    asked_ns = clock.monotonic_ns()
    flat, ttl_ms, seconds, micros = yield Call(GET, (key,))
    took_s = (clock.monotonic_ns() - asked_ns) / NS_PER_S
    if not flat:
        return None
    raw = {bytes(name): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
    try:
        quote = Quote(**{name: float(raw[name.encode()]) for name in NUMBERS})
        written_us = int(raw.get(WRITTEN.encode(), b"0"))
    except (KeyError, ValueError):  # whose texts show what lies there
        raise CorruptedError(f"{key} is no snapshot: a field is missing, or no number") from None
    if AGE in without:
        return Snapshot(quote=quote, age_s=0.0, fresh=True)
    lay_us = int(seconds) * 1_000_000 + int(micros) - written_us
    age_s = lay_us / 1e6 + took_s if written_us and lay_us >= 0 else None
    fresh = age_s is not None and age_s <= ttl_s and ttl_ms >= 0
    return Snapshot(quote=quote, age_s=age_s, fresh=fresh)


def require_ttl_ms(ttl_s: float) -> int:
    """A time to live as PEXPIRE takes it; raises `MisuseError` for none."""
    if not (isinstance(ttl_s, int | float) and math.isfinite(ttl_s) and ttl_s >= 0.001):
        raise MisuseError(f"ttl_s={ttl_s!r}", remedy="give seconds, 0.001 or more")
    return int(ttl_s * 1000)
