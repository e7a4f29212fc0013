"""The leaderboard: `leaderboard:strategies`, a sorted set. Of equal scores the name that sorts later stands first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.errors import MisuseError
from pytest_arbredis.state.json_value import decoded_text
from pytest_arbredis.state.keyspace.parts import require_part
from pytest_arbredis.state.keyspace.patterns import LEADERBOARD

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan

TOP: Final = 5
MOST: Final = 1000


def rank(strategy: str, score: float) -> Plan[None]:
    """Give a strategy its score, in the place of the one before; NaN and infinities are refused."""
    if type(score) not in {int, float} or not math.isfinite(score):
        raise MisuseError(f"a score of {score!r}", remedy="give a finite number")
    yield Command("ZADD", LEADERBOARD.key(), repr(float(score)), require_part("strategy", strategy))


def top(most: int = TOP) -> Plan[tuple[tuple[str, float], ...]]:
    """The best strategies with their scores, the best first."""
    if type(most) is not int or not 1 <= most <= MOST:
        raise MisuseError(f"the top {most!r}", remedy=f"give a whole number from 1 to {MOST}")
    key = LEADERBOARD.key()
    flat = yield Command("ZREVRANGE", key, 0, most - 1, "WITHSCORES")
    return tuple((decoded_text(name, key=key), float(score)) for name, score in zip(flat[::2], flat[1::2], strict=True))


def remove(strategy: str) -> Plan[bool]:
    """Take a strategy off; True if it was there."""
    return bool((yield Command("ZREM", LEADERBOARD.key(), require_part("strategy", strategy))))
