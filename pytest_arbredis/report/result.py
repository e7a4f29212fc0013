"""What one run of a scenario gave: the input of every report."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - as above
from typing import TYPE_CHECKING, Literal

from pytest_arbredis.checkers.verdict import Finding, Verdict

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History

ScenarioKind = Literal["guarantee", "hazard"]
ResultKind = Literal[ScenarioKind, "game day"]
"""A game day has no checks: it is recorded, and nothing is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A judged run.

    For a guarantee `verdict` is the worst of its findings. For a hazard it is valid when the hazard was shown and
    unknown when it was not; `word` says "shown" or "not shown" then. `promise` is the scenario's sentence;
    `not_run` says why a scenario could not be run at all (its verdict is unknown). `deployment` describes what it ran
    on, for people: launcher and why, versions of Redis and Toxiproxy, timing.
    """

    scenario: str
    kind: ResultKind
    promise: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    history: History | None = None
    seed: int = 0
    folder: Path | None = None
    deployment: Mapping[str, str] = field(default_factory=dict)
    duration_s: float = 0.0
    replay: str = ""
    not_run: str = ""

    @property
    def word(self) -> str:
        """The verdict as printed."""
        if self.not_run:
            return "not run"
        if self.kind == "game day":
            return "recorded"
        if self.kind == "hazard":
            return "shown" if self.verdict is Verdict.VALID else "not shown"
        return self.verdict.word

    @property
    def decisive(self) -> Finding | None:
        """The finding that decided: the first of the worst ones."""
        worst = max((finding.verdict for finding in self.findings), default=None)
        return next((finding for finding in self.findings if finding.verdict == worst), None)

    @property
    def only_noise(self) -> bool:
        """Undecided, and only because of latency budgets that the machine's own noise left open."""
        undecided = [finding for finding in self.findings if finding.verdict is not Verdict.VALID]
        return bool(undecided) and all(
            finding.verdict is Verdict.UNKNOWN and bool(finding.figures.get("inconclusive_by_noise"))
            for finding in undecided
        )
