"""How many operations wait in a client: never more than it may keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.violations import malformed, shown
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitAtMost:
    """Never more than `most` operations wait in one client, and what finds no place is refused.

    An operation that waits has an unknown outcome and answers how many wait in its client then, itself included; one
    that was answered, failed, or says no number did not wait. Whether what was refused is nowhere to be seen later is
    another claim's business.

    Unknown if no client ever had as many as it may have: the bound was not put to the test. The proof is the operation
    with which the most waited.
    """

    most: int
    names: tuple[str, ...] = ("write",)

    def __post_init__(self) -> None:
        if type(self.most) is not int or self.most < 1:
            raise UsageError(f"most={self.most!r}", remedy="give a whole number of operations, 1 or more")

    @property
    def claim(self) -> str:
        """`wait_at_most`."""
        return "wait_at_most"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for an answer that is no number."""
        ops = history.named(*self.names)
        waiting = [(_number(op), op) for op in ops if op.outcome == "unknown" and op.output is not None]
        refused = sum(op.outcome == "fail" and op.sent for op in ops)
        longest, worst = max(waiting, key=lambda one: one[0], default=(0, None))
        figures = {"waited": len(waiting), "most": longest, "refused": refused}
        said = f"{len(waiting)} operations waited, at most {longest} in one client; {refused} were refused or failed"
        if worst is not None and longest > self.most:
            summary = f"{said}: {self.most} may wait, operation {worst.id} was the {longest}th"
            return Finding(
                claim=self.claim, verdict=Verdict.INVALID, summary=summary, proof=(worst.id,), figures=figures
            )
        if longest < self.most:
            summary = f"{said}: the bound of {self.most} was not put to the test"
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=summary, figures=figures)
        return Finding(claim=self.claim, verdict=Verdict.VALID, summary=said, figures=figures)


def wait_at_most(*, most: int, names: Iterable[str] = ("write",)) -> WaitAtMost:
    """Never more than `most` operations wait in one client."""
    return WaitAtMost(most=most, names=tuple(names))


def _number(op: Op) -> int:
    if type(op.output) is not int or op.output < 1:
        raise malformed(op, f"{shown(op.output)} is no number of operations that wait", remedy="answer 1 or more")
    return op.output
