"""A limit, and what came of asking it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pytest_arbredis.state.errors import MisuseError
from pytest_arbredis.state.keyspace.pattern import KeyPattern  # noqa: TC001 - dataclass fields are resolved at run time
from pytest_arbredis.state.keyspace.patterns import API_LIMIT, ORDER_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

Away = Literal["open", "closed"]
"""What a limit says when Redis cannot be asked: everything passes, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `most` in any window of `window_s` seconds, for each key of `keys`, a pattern with one part.

    `when_redis_is_away` says what becomes of requests then. With `wait_replicas` a request passes only if so many
    replicas confirmed it within `wait_ms`, else that too is Redis being away.
    """

    keys: KeyPattern
    most: int
    window_s: float
    when_redis_is_away: Away
    wait_replicas: int = 0
    wait_ms: int = 50

    def __post_init__(self) -> None:
        if type(self.most) is not int or self.most < 1:
            raise MisuseError(f"most={self.most!r}", remedy="give a whole number, 1 or more")
        if not (math.isfinite(self.window_s) and self.window_s >= 0.001):
            raise MisuseError(f"window_s={self.window_s!r}", remedy="give a finite time from 0.001 seconds on")
        if self.when_redis_is_away not in {"open", "closed"}:
            raise MisuseError(f"when_redis_is_away={self.when_redis_is_away!r}", remedy="say 'open' or 'closed'")
        if self.wait_replicas < 0 or self.wait_ms < 1:
            raise MisuseError("wait_replicas below 0, or wait_ms below 1", remedy="give replicas, and milliseconds")
        if len(self.keys.parts) != 1:
            raise MisuseError(f"{self.keys.grammar} has not one part", remedy="use a pattern of keys with one part")

    def key(self, who: str) -> str:
        """The key of one who is limited. Raises `KeyRefusedError`."""
        parts: Mapping[str, str] = {self.keys.parts[0]: who}
        return self.keys.key(**parts)

    @property
    def window_us(self) -> int:
        """The window in microseconds."""
        return round(self.window_s * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a request may pass, and who decided: Redis, or the limit's `policy` while Redis is away.

    `remaining` may pass at this instant, and `reset_us` is when the next one may if none may now: both as of
    `server_us`, the server's time (microseconds since 1970). By policy there is no time, and nothing remains.
    """

    allowed: bool
    decided_by: Literal["redis", "policy"]
    remaining: int = 0
    server_us: int | None = None
    reset_us: int | None = None


API: Final = Limit(keys=API_LIMIT, most=100, window_s=60, when_redis_is_away="open")
"""100 requests a minute for each user; while Redis is away they pass."""

ORDERS: Final = Limit(keys=ORDER_LIMIT, most=10, window_s=1, when_redis_is_away="closed")
"""10 orders a second for each account; while Redis is away none passes: an order that waits costs less than a ban."""
