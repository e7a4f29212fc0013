"""A hazard shown: acknowledged writes are lost, and they can be shown where they still lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.attribution import attribute
from pytest_arbredis.checkers.durability import loss_figures, loss_lines
from pytest_arbredis.checkers.kept import still_lying
from pytest_arbredis.checkers.losses import find_losses, rpo_ms
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class WritesAreLost:
    """At least `at_least` acknowledged writes are lost, each shown as such.

    A loss is shown if its value lies in the kept data of the failed node or if the offsets say that the promoted node
    never had it; an unexpected loss shows something else and does not count. A hazard that was not shown is unknown,
    never invalid.
    """

    at_least: int = 1

    def __post_init__(self) -> None:
        """Refuse a number that shows nothing."""
        if self.at_least < 1:
            raise UsageError(f"at_least={self.at_least!r} lost writes", remedy="use 1 or more")

    @property
    def claim(self) -> str:
        """`writes_are_lost`."""
        return "writes_are_lost"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        losses = find_losses(history)
        classes = attribute(history, losses)
        kept = still_lying(history, losses.lost).ids
        documented = {op.id for op in classes.documented}
        unexpected = {op.id for op in classes.unexpected}
        shown = [op for op in losses.lost if op.id in kept | documented and op.id not in unexpected]
        summary = f"{len(losses.lost)} of {len(losses.judged)} acknowledged writes lost"
        if losses.lost:
            summary += f" (RPO {rpo_ms(history, losses.lost):.0f} ms), {len(kept)} of them still in the kept data"
        if len(shown) < self.at_least:
            summary += f"; {len(shown)} shown, at least {self.at_least} wanted"
        return Finding(
            claim=self.claim,
            verdict=Verdict.VALID if len(shown) >= self.at_least else Verdict.UNKNOWN,
            summary=summary,
            proof=tuple(op.id for op in shown[:10]),
            figures=loss_figures(history, losses) | {"shown": len(shown)},
            lines=loss_lines(history, losses),
        )


def writes_are_lost(*, at_least: int = 1) -> WritesAreLost:
    """At least `at_least` acknowledged writes are lost, each shown as such."""
    return WritesAreLost(at_least=at_least)
