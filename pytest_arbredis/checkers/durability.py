"""Durability: what was acknowledged, or confirmed by replicas, is read back in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.attribution import attribute
from pytest_arbredis.checkers.final import why_unread
from pytest_arbredis.checkers.kept import still_lying
from pytest_arbredis.checkers.losses import Losses, find_losses, ids_of, proof_of_loss, rpo_ms, rpo_operations
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgedWritesSurvive:
    """Every acknowledged write is read back by a final read.

    Unknown if a key has no successful final read on a settled topology, or if nothing was acknowledged.
    """

    @property
    def claim(self) -> str:
        """`acknowledged_writes_survive`."""
        return "acknowledged_writes_survive"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        return _survival(self.claim, "acknowledged", history, find_losses(history))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedWritesSurvive:
    """Every write that at least `wanted` replicas confirmed (WAIT) is read back by a final read.

    Unknown if a key has no successful final read on a settled topology, or if nothing was confirmed.
    """

    wanted: int = 2

    def __post_init__(self) -> None:
        """Refuse a number of replicas that every write would meet."""
        if self.wanted < 1:
            raise UsageError(f"wanted={self.wanted!r} replicas", remedy="use 1 or more")

    @property
    def claim(self) -> str:
        """`confirmed_writes_survive`."""
        return "confirmed_writes_survive"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        losses = find_losses(history, judged=lambda op: (op.confirmed or 0) >= self.wanted)
        return _survival(self.claim, f"confirmed (by {self.wanted})", history, losses)


def acknowledged_writes_survive() -> AcknowledgedWritesSurvive:
    """Every acknowledged write is read back by a final read."""
    return AcknowledgedWritesSurvive()


def confirmed_writes_survive(*, wanted: int = 2) -> ConfirmedWritesSurvive:
    """Every write that at least `wanted` replicas confirmed is read back by a final read."""
    return ConfirmedWritesSurvive(wanted=wanted)


def _survival(claim: str, kind: str, history: History, losses: Losses) -> Finding:
    count = len(losses.judged)
    figures = loss_figures(history, losses)
    if losses.lost:
        return Finding(
            claim=claim,
            verdict=Verdict.INVALID,
            summary=f"{len(losses.lost)} of {count} {kind} writes lost (RPO {rpo_ms(history, losses.lost):.0f} ms)",
            proof=proof_of_loss(history, losses.lost),
            figures=figures,
            lines=loss_lines(history, losses),
        )
    if not count:
        summary = f"no {kind} write to judge"
    elif losses.unread:
        summary = f"{len(losses.unread)} of {count} {kind} writes could not be judged: {why_unread(history)}"
    else:
        summary = f"0 of {count} {kind} writes lost"
    verdict = Verdict.VALID if count and not losses.unread else Verdict.UNKNOWN
    proof = tuple(op.id for op in losses.unread[:10])
    return Finding(claim=claim, verdict=verdict, summary=summary, proof=proof, figures=figures)


def loss_figures(history: History, losses: Losses) -> dict[str, Json]:
    """Counts of a survival check; with a loss also the full list, its classes and where the values still lie."""
    figures: dict[str, Json] = {
        "judged": len(losses.judged),
        "survived": len(losses.survived),
        "lost": len(losses.lost),
        "unread": len(losses.unread),
    }
    if losses.lost:
        classes = attribute(history, losses)
        figures |= {
            "rpo_ms": rpo_ms(history, losses.lost),
            "rpo_operations": rpo_operations(history, losses.lost),
            "lost_ids": ids_of(losses.lost),
            "documented": len(classes.documented),
            "unexpected": len(classes.unexpected),
            "undecided": len(classes.undecided),
            "unexpected_ids": ids_of(classes.unexpected),
            "lost_in_kept": len(still_lying(history, losses.lost).ids),
        }
    return figures


def loss_lines(history: History, losses: Losses) -> tuple[str, ...]:
    """Attribution of the losses and where their values still lie, for a reader of the report."""
    classes = attribute(history, losses)
    lines = [classes.line] if losses.lost else []
    if losses.lost:
        lines += [
            f"{cut.node} was promoted; it shares the history {cut.replid[:8]} up to offset {cut.offset - 1}"
            for cut in classes.cuts
        ]
    lines += still_lying(history, losses.lost).lines
    if losses.unread:
        lines.append(f"{len(losses.unread)} more could not be judged: {why_unread(history)}")
    return tuple(lines)
