"""What asynchronous replication documents: a stock configuration may lose writes, but only beyond the cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.attribution import attribute
from pytest_arbredis.checkers.durability import loss_figures, loss_lines
from pytest_arbredis.checkers.final import why_unread
from pytest_arbredis.checkers.losses import find_losses, proof_of_loss
from pytest_arbredis.checkers.verdict import Finding, Verdict

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class LossesAreDocumented:
    """No acknowledged write is lost but those that the promoted node never had.

    Valid also if nothing is lost; invalid with any unexpected loss; unknown with undecided ones, with keys that have no
    final read, or without an acknowledged write.
    """

    @property
    def claim(self) -> str:
        """`losses_are_documented`."""
        return "losses_are_documented"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        losses = find_losses(history)
        classes = attribute(history, losses)
        summary = f"{len(losses.lost)} of {len(losses.judged)} acknowledged writes lost"
        if losses.lost:
            summary += f"; {classes.line}"
        verdict, proof = Verdict.VALID, tuple(op.id for op in losses.lost[:10])
        if classes.unexpected:
            verdict, proof = Verdict.INVALID, proof_of_loss(history, classes.unexpected)
        elif not losses.judged:
            verdict, summary = Verdict.UNKNOWN, "no acknowledged write to judge"
        elif classes.undecided:
            verdict, proof = Verdict.UNKNOWN, proof_of_loss(history, classes.undecided)
        elif losses.unread:
            verdict, proof = Verdict.UNKNOWN, tuple(op.id for op in losses.unread[:10])
            summary += f"; {len(losses.unread)} could not be judged: {why_unread(history)}"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=proof,
            figures=loss_figures(history, losses),
            lines=loss_lines(history, losses),
        )


def losses_are_documented() -> LossesAreDocumented:
    """No acknowledged write is lost but those that the promoted node never had."""
    return LossesAreDocumented()
