"""Loads that come in a burst: how many a database is asked for within a short time, whatever the keys."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.stampede import loads_of
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadsAreSpread:
    """No more than `most` loads begin within any `within_ms`: values that were loaded together do not expire together.

    Loads are notes, as for `no_stampede`. Unknown if there were no more than `most` in all. There are no operations
    that prove it: the line says when the burst was.
    """

    most: int
    within_ms: float

    def __post_init__(self) -> None:
        """Refuse limits that mean nothing."""
        if type(self.most) is not int or self.most < 1 or not self.within_ms > 0:
            raise UsageError(
                f"most={self.most!r}, within_ms={self.within_ms!r}", remedy="1 load or more, within more than 0 ms"
            )

    @property
    def claim(self) -> str:
        """`loads_are_spread`."""
        return "loads_are_spread"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        begins = [load.began_ns for load in loads_of(history)]
        width_ns = int(self.within_ms * NS_PER_MS)
        bursts = [(bisect_left(begins, began + width_ns) - index, began) for index, began in enumerate(begins)]
        largest, at_ns = max(bursts, default=(0, 0))
        told = f"{largest} of {len(begins)} loads began within {self.within_ms:g} ms ({self.most} allowed)"
        if largest > self.most:
            verdict = Verdict.INVALID
        elif len(begins) > self.most:
            verdict = Verdict.VALID
        else:
            verdict, told = Verdict.UNKNOWN, f"there were {len(begins)} loads in all: too few to make a burst"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=told,
            figures={"loads": len(begins), "largest": largest},
            lines=(f"the largest burst began at {at_ns / NS_PER_MS:.1f} ms",) if largest else (),
        )


def loads_are_spread(*, most: int, within_ms: float) -> LoadsAreSpread:
    """No more than `most` loads of a database begin within any `within_ms`."""
    return LoadsAreSpread(most=most, within_ms=within_ms)
