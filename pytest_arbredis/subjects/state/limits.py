"""A limiter as a subject: requests pass or do not, each client with a clock of its own.

`take` asks for an order, whose limit is closed while Redis is away, `call` for an API request, whose limit is open.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.errors import UsageError
from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.keyspace.patterns import API_LIMIT, ORDER_LIMIT
from pytest_arbredis.state.limits.limit import Limit
from pytest_arbredis.state.limits.window import SlidingWindow
from pytest_arbredis.subjects.state.connecting import hardened, lacking
from pytest_arbredis.subjects.state.pieces import part_of
from pytest_arbredis.subjects.state.refusals import answer_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.limits.limit import Decision

OPERATIONS = frozenset({"take", "call", "ttl"})
MOST = 8
WINDOW_S = 0.5
"""The limit of the drills, unless they say otherwise: 8 in half a second."""

WITHIN_S = 1.0
_opened = itertools.count()


class Limiter(Protocol):
    """What the drill needs of a limiter: the hardened one, and the naive twin."""

    def take(self, who: str) -> Json:
        """Whether one order of an account may pass; with the server's time, if it says it."""
        ...

    def call(self, who: str) -> Json:
        """The same for an API request of a user."""
        ...

    def ttl_ms(self, who: str) -> int:
        """How long the key of an account's window lives, as PTTL says it."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class SkewedClock:
    """This machine's clock, off by `skew_s`: callers are many, and their clocks differ."""

    def __init__(self, skew_s: float) -> None:
        self._skew_ns = int(skew_s * NS_PER_S)

    def monotonic_ns(self) -> int:
        """As it is."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """As this caller believes."""
        return time.time_ns() + self._skew_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Implements `Subject`. Clients that are opened one after another believe it to be now, later, earlier."""

    name: str
    make: Callable[[Endpoints, SkewedClock], Limiter]
    operations: frozenset[str] = OPERATIONS

    def open(self, endpoints: Endpoints) -> LimitsSession:
        """A client with the next clock."""
        skew = (0.0, WINDOW_S, -WINDOW_S)[next(_opened) % 3]
        return LimitsSession(self.make(endpoints, SkewedClock(skew)))


class LimitsSession:
    """One client."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def apply(self, op: Invocation) -> Answer | Json:
        """Ask for a request, or how long the window lives."""
        try:
            if op.name == "take":
                return self._limiter.take(part_of(op.key))
            if op.name == "call":
                return self._limiter.call(part_of(op.key))
            if op.name == "ttl":
                return self._limiter.ttl_ms(part_of(op.key))
        except StateError as error:
            return answer_to(error)
        raise UsageError.unknown("operation on limits", op.name, OPERATIONS)

    def close(self) -> None:
        """Close the limiter."""
        self._limiter.close()


class HardenedLimiter:
    """Implements `Limiter` by the state layer: both limits are `of`, but for keys and policy."""

    def __init__(
        self, endpoints: Endpoints, clock: SkewedClock, of: Limit, *, within_s: float, without: Without
    ) -> None:
        self._redis = hardened(endpoints)
        self._orders = SlidingWindow(self._redis, of, clock=clock, _without=without)
        api = replace(of, keys=API_LIMIT, when_redis_is_away="open")
        self._calls = SlidingWindow(self._redis, api, clock=clock, _without=without)
        self._within_s = within_s

    def take(self, who: str) -> Json:
        """As `Limiter.take`."""
        return _told(self._orders.take(who, within_s=self._within_s))

    def call(self, who: str) -> Json:
        """As `Limiter.call`."""
        return _told(self._calls.take(who, within_s=self._within_s))

    def ttl_ms(self, who: str) -> int:
        """As `Limiter.ttl_ms`."""
        return self._redis.run(_ttl_ms(who), within_s=self._within_s)

    def close(self) -> None:
        """As `Limiter.close`."""
        self._redis.close()


def _told(decision: Decision) -> Json:
    return {"allowed": decision.allowed, "at_us": decision.server_us, "by": decision.decided_by}


def _ttl_ms(who: str) -> Plan[int]:
    return int((yield Command("PTTL", ORDER_LIMIT.key(account_id=who))))


def limits(
    *,
    most: int = MOST,
    window_s: float = WINDOW_S,
    within_s: float = WITHIN_S,
    wait_replicas: int = 0,
    _without: Without = NONE,
) -> Limits:
    """The sliding window of the state layer: `most` in `window_s` seconds; without Redis no order passes."""
    limit = Limit(
        keys=ORDER_LIMIT, most=most, window_s=window_s, when_redis_is_away="closed", wait_replicas=wait_replicas
    )
    wait = f", WAIT {wait_replicas}" if wait_replicas else ""
    return Limits(
        name=f"state layer, limiter{lacking(_without)}{wait}",
        make=lambda endpoints, clock: HardenedLimiter(endpoints, clock, limit, within_s=within_s, without=_without),
    )
