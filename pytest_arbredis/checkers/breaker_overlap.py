"""A circuit breaker that holds a lock during the guarded call makes all callers wait for one another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json

ENOUGH = 20
"""Fewer calls than these, never two at once, may be chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedCallsOverlap:
    """Calls that a breaker let in are under way side by side.

    Valid as soon as two calls, from `entered_ns` to `completed_ns`, have `tolerance_ms` in common. Invalid if of at
    least 20 no two have, and one waited to be let in, for longer than `tolerance_ms`, until the one inside had ended.
    Unknown otherwise: nobody had to wait, or too few were let in.
    """

    tolerance_ms: float = 10

    def __post_init__(self) -> None:
        """Refuse what no two calls could have in common."""
        if self.tolerance_ms <= 0:
            raise UsageError(f"tolerance_ms={self.tolerance_ms!r}", remedy="use a time above 0")

    @property
    def claim(self) -> str:
        """`guarded_calls_overlap`."""
        return "guarded_calls_overlap"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        tolerance_ns = round(self.tolerance_ms * NS_PER_MS)
        inside = sorted(
            (op.entered_ns, op.completed_ns, op.invoked_ns, op.id)
            for op in history.ops
            if op.entered_ns is not None and op.completed_ns is not None
        )
        together = _together(inside, tolerance_ns)
        waited = _waited(inside, tolerance_ns)
        longest_ms = max((wait_ns for wait_ns, _ in waited), default=0) / NS_PER_MS
        figures: dict[str, Json] = {
            "calls": len(inside),
            "overlapping": together,
            "waited": len(waited),
            "longest_wait_ms": longest_ms,
        }
        if together:
            told = f"{together} of {len(inside)} calls were let in while another was under way"
            return Finding(claim=self.claim, verdict=Verdict.VALID, summary=told, figures=figures)
        if len(inside) >= ENOUGH and waited:
            return Finding(
                claim=self.claim,
                verdict=Verdict.INVALID,
                summary=f"no two of {len(inside)} calls were under way at once: {len(waited)} waited for the one "
                f"inside, up to {longest_ms:.0f} ms",
                proof=max(waited, key=lambda wait: wait[0])[1],
                figures=figures,
            )
        why = "nobody waited to be let in" if inside else "no call says when it was let in"
        if waited:
            why = f"only {len(inside)} calls were let in: {ENOUGH} are needed"
        return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=why, figures=figures)


def guarded_calls_overlap(*, tolerance_ms: float = 10) -> GuardedCallsOverlap:
    """Calls that a breaker let in are under way side by side."""
    return GuardedCallsOverlap(tolerance_ms=tolerance_ms)


Inside = tuple[int, int, int, int]
"""Entered, completed, invoked, id."""


def _together(inside: Sequence[Inside], tolerance_ns: int) -> int:
    """How many calls share that much time with one that was let in before them."""
    found, latest_ns = 0, -1
    for entered_ns, completed_ns, _, _ in inside:
        found += min(latest_ns, completed_ns) - entered_ns >= tolerance_ns
        latest_ns = max(latest_ns, completed_ns)
    return found


def _waited(inside: Sequence[Inside], tolerance_ns: int) -> list[tuple[int, tuple[int, int]]]:
    """Waits for the call inside, each with that call and the one that waited."""
    found = []
    for before, after in pairwise(inside):
        wait_ns = min(after[0], before[1]) - max(after[2], before[0])
        if wait_ns > tolerance_ns and before[1] - after[0] < tolerance_ns:
            found.append((wait_ns, (before[3], after[3])))
    return found
