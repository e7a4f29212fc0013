"""Recovery of every class of operation: reads may be back long before writes are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.classes import classes_of
from pytest_arbredis.checkers.recovery import From, RecoversWithin
from pytest_arbredis.checkers.verdict import Finding, Verdict, worst
from pytest_arbredis.checkers.windows import Counting  # noqa: TC001 - users' tools resolve the fields of checks
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History

__all__ = ["EveryClassRecoversWithin", "every_class_recovers_within"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryClassRecoversWithin:
    """Each class of operation is served again within `seconds` of the last fault called `after`.

    Every class is judged for itself, as `recovers_within` does it, by its own share of the rate; the worst decides. A
    class is a name of operations; without `names` every one of the load. Unknown if there is none, or if one of them
    is (a class that is too rare for the window is).
    """

    seconds: float
    after: str = "crash"
    names: tuple[str, ...] = ()
    counting: Counting = "applied"
    window_ms: float = 500
    share: float = 0.99
    from_: From = "begin"

    def __post_init__(self) -> None:
        """Refuse what cannot be judged."""
        self._of("any")

    @property
    def claim(self) -> str:
        """`every_class_recovers_within_3s_after_crash`."""
        return f"every_class_{self._of('any').claim}"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        findings = {name: self._judged(name, history) for name in classes_of(history, self.names)}
        if not findings:
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary="no operation to judge")
        verdict = worst(findings.values())
        deciding = [(name, one) for name, one in findings.items() if one.verdict is verdict]
        if verdict is Verdict.VALID:  # the slowest speaks for all
            deciding.sort(key=lambda pair: -_recovered_ms(pair[1]))
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=f"{len(findings)} classes: {deciding[0][1].summary}",
            figures={name: dict(one.figures) for name, one in findings.items()},
            lines=tuple(f"{name}: {one.verdict.word}, {one.summary}" for name, one in findings.items()),
        )

    def _of(self, name: str) -> RecoversWithin:
        return RecoversWithin(
            seconds=self.seconds,
            after=self.after,
            counting=self.counting,
            names=(name,),
            window_ms=self.window_ms,
            share=self.share,
            from_=self.from_,
        )

    def _judged(self, name: str, history: History) -> Finding:
        try:
            return self._of(name)(history)
        except UsageError as error:
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=f"{name}: {error.cause}")


def every_class_recovers_within(
    seconds: float,
    *,
    after: str = "crash",
    names: Sequence[str] = (),
    counting: Counting = "applied",
    window_ms: float = 500,
    share: float = 0.99,
    from_: From = "begin",
) -> EveryClassRecoversWithin:
    """Each class of operation is served again within `seconds` of the last fault called `after`."""
    return EveryClassRecoversWithin(
        seconds=seconds,
        after=after,
        names=tuple(names),
        counting=counting,
        window_ms=window_ms,
        share=share,
        from_=from_,
    )


def _recovered_ms(finding: Finding) -> float:
    took = finding.figures.get("recovered_ms")
    return float(took) if isinstance(took, int | float) else 0.0
