"""A hazard is shown by the claims that hold where it is mended: at least one of them is violated here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.checkers.verdict import Check
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Violated:
    """Valid if one of `claims`, checks as text, is invalid: its proof is the proof. Otherwise unknown: not shown."""

    claims: tuple[str, ...]

    claim = "violated"

    def __post_init__(self) -> None:
        if not self.claims:
            raise UsageError("violated() of no claims", remedy="name the checks: claims=('queue_is_fifo',)")
        self.checks()

    def checks(self) -> tuple[Check, ...]:
        """The checks that the claims name. Raises `UsageError` for one that is none."""
        from pytest_arbredis.checkers.by_name import check_named

        return tuple(check_named(text) for text in self.claims)

    @property
    def needs(self) -> frozenset[str]:
        """What its claims need of a run beyond what every run records."""
        from pytest_arbredis.checkers.judging import witnesses

        return witnesses(self.checks())

    def __call__(self, history: History) -> Finding:
        """Judge by each claim."""
        from pytest_arbredis.checkers.judging import judged

        findings = [judged(check, history) for check in self.checks()]
        broken = [finding for finding in findings if finding.verdict is Verdict.INVALID]
        if not broken:
            told = "; ".join(f"{finding.claim} is {finding.verdict.word}: {finding.summary}" for finding in findings)
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=f"could not be shown: {told}")
        first = broken[0]
        return Finding(
            claim=self.claim,
            verdict=Verdict.VALID,
            summary=f"{first.claim} is violated: {first.summary}",
            proof=first.proof,
            figures=first.figures,
            lines=tuple(line for finding in broken for line in finding.lines),
        )


def violated(claims: tuple[str, ...]) -> Violated:
    """One of these claims is broken, as a hazard shows it: `violated(claims=("queue_is_fifo",))`."""
    return Violated(claims=tuple(claims))
