"""An invariant of one's own: a function of the history that says what is broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.seen import commands
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History

Judge = Callable[["History"], "str | bool | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """`judge` gives "" (or True) where it holds, what is broken (or False) where not, and None if it cannot tell."""

    name: str
    judge: Judge

    def __post_init__(self) -> None:
        """Refuse what cannot be a claim."""
        if not self.name.isidentifier():
            raise UsageError(f"an invariant called {self.name!r}", remedy="name the claim: no_order_is_placed_twice")
        if not callable(self.judge):
            raise UsageError(f"{self.judge!r} cannot be called with a history", remedy="give a function of the history")

    @property
    def claim(self) -> str:
        """Its name."""
        return self.name

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        if not (history.final_reads() or history.ops or commands(history)):
            return Finding(claim=self.name, verdict=Verdict.UNKNOWN, summary="nothing happened that it could judge")
        told: object = self.judge(history)
        if told is None:
            return Finding(claim=self.name, verdict=Verdict.UNKNOWN, summary="the invariant could not tell")
        if told is True or told == "":
            return Finding(claim=self.name, verdict=Verdict.VALID, summary=f"holds of {_what(history)}")
        if told is False or isinstance(told, str):
            lines = (told or "it does not hold").splitlines()
            return Finding(claim=self.name, verdict=Verdict.INVALID, summary=lines[0], lines=tuple(lines[1:]))
        raise UsageError(
            f"the invariant {self.name} gave {told!r}", remedy="return what is broken as a str, '' where nothing is"
        )


def _what(history: History) -> str:
    """What there was to judge: keys that were read back, or else operations, or else commands."""
    reads, seen = len(history.final_reads()), len(commands(history))
    if reads:
        return f"{reads} keys read back"
    return f"{len(history.ops)} operations" if history.ops else f"{seen} commands that the servers saw"


def invariant(name: str, judge: Judge) -> Invariant:
    """A claim of one's own about the history: what was read back, and what the servers saw."""
    return Invariant(name=name, judge=judge)
