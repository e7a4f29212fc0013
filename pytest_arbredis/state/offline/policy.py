"""How operations wait while Redis is away, as a value; and what becomes of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

from pytest_arbredis.state.errors import MisuseError

if TYPE_CHECKING:
    from pytest_arbredis.state.errors import StateError

T = TypeVar("T")

WhenFull = Literal["refuse", "drop-oldest"]
"""What becomes of an operation that finds no place: it is refused, or the oldest one makes room."""

Fate = Literal["sent", "expired", "dropped", "refused", "unknown"]
"""Of an operation that waited.

sent: applied (if with an error, then not confirmed by replicas). expired: not sent in its time. dropped: not sent, for
a newer one, or at the end. refused: certainly not applied, by the error. unknown: sent, and the error tells no more.
"""

HARDENINGS: Final = frozenset({"bounded", "expiry"})
"""bounded: at most so many wait; without it, as many as memory has. expiry: an operation waits for its time and is then
dropped; without it, it is sent whenever Redis is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflinePolicy:
    """At most `most` operations wait, each for `valid_for_s` seconds at the most, unless it is given another time.

    An attempt has `within_s`. While Redis is away it is tried again after pauses that double, from `first_pause_s` to
    `longest_pause_s`, by the operation that comes then.
    """

    most: int = 1000
    valid_for_s: float = 2.0
    when_full: WhenFull = "refuse"
    within_s: float = 0.5
    first_pause_s: float = 0.05
    longest_pause_s: float = 2.0

    def __post_init__(self) -> None:
        if type(self.most) is not int or self.most < 1:
            raise MisuseError(f"most={self.most!r}", remedy="give a whole number, 1 or more")
        if self.when_full not in {"refuse", "drop-oldest"}:
            raise MisuseError(f"when_full={self.when_full!r}", remedy="say 'refuse' or 'drop-oldest'")
        for name in ("valid_for_s", "within_s", "first_pause_s", "longest_pause_s"):
            require_seconds(name, getattr(self, name))
        if self.longest_pause_s < self.first_pause_s:
            raise MisuseError("longest_pause_s is below first_pause_s", remedy="give the longer one as the longest")


def require_seconds(name: str, value: float) -> float:
    """`value`, if it is finite and above 0."""
    if isinstance(value, bool) or not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
        raise MisuseError(f"{name}={value!r}", remedy="give finite seconds above 0")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of an operation that waited; told once for each. `what` is the caller's name for it."""

    what: str
    fate: Fate
    waited_s: float
    error: StateError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """Of an operation: its result, or `waits`. Of a read: its result, or what the caller gave for that, `degraded`."""

    value: T | None
    waits: bool = False
    degraded: bool = False
