"""Keys that must end: none lives longer than it should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.violations import MOST, malformed, shown
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op

ENDLESS = -1
ABSENT = -2


@dataclass(frozen=True, slots=True, kw_only=True)
class LivesAtMost:
    """No key is ever found that has more than `max_ms` to live, or no end.

    The operations are called `ttl` and answer as PTTL does: milliseconds, -1 without an end, -2 without the key.

    Unknown if no key was found. The proof is the one operation that found the longest life.
    """

    max_ms: float
    names: tuple[str, ...] = ("ttl",)

    def __post_init__(self) -> None:
        if not self.max_ms > 0:
            raise UsageError(f"max_ms={self.max_ms!r}", remedy="give milliseconds above 0")

    @property
    def claim(self) -> str:
        """`lives_at_most`."""
        return "lives_at_most"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for an answer that is no number."""
        found = [(_ms(op), op) for op in history.named(*self.names) if op.outcome == "ok"]
        lives = [(ms, op) for ms, op in found if ms != ABSENT]
        bad = [(ms, op) for ms, op in lives if ms == ENDLESS or ms > self.max_ms]
        figures = {"asked": len(found), "found": len(lives), "too_long": len(bad)}
        if bad:
            ms, op = next((one for one in bad if one[0] == ENDLESS), max(bad, key=lambda one: one[0]))
            life = "without an end" if ms == ENDLESS else f"with {ms:.0f} ms to live"
            summary = (
                f"{len(bad)} of {len(lives)} times a key lived too long: {shown(op.key)} was found {life}, "
                f"{self.max_ms:g} ms are allowed"
            )
            proof = tuple(one.id for one in (op,))[:MOST]
            return Finding(claim=self.claim, verdict=Verdict.INVALID, summary=summary, proof=proof, figures=figures)
        if not lives:
            summary = f"none of {len(found)} looks found a key"
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=summary, figures=figures)
        longest = max(ms for ms, _ in lives)
        summary = f"the longest of {len(lives)} lives found was {longest:.0f} ms, {self.max_ms:g} ms are allowed"
        return Finding(claim=self.claim, verdict=Verdict.VALID, summary=summary, figures=figures)


def lives_at_most(*, max_ms: float, names: Iterable[str] = ("ttl",)) -> LivesAtMost:
    """No key is ever found that has more than `max_ms` to live, or no end."""
    return LivesAtMost(max_ms=max_ms, names=tuple(names))


def _ms(op: Op) -> float:
    if isinstance(op.output, bool) or not isinstance(op.output, int | float):
        raise malformed(op, f"{shown(op.output)} is no time to live", remedy="answer milliseconds, -1 or -2")
    return op.output
