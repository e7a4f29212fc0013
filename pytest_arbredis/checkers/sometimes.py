"""Claims that something happens at least once: "some client saw READONLY". A run that did not show it says nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.refusals import REFUSALS
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.records import Op

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History

Predicate = Callable[[Op], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sometimes:
    """At least `at_least` operations of the load, that were sent, are as `predicate` says; unknown if fewer are.

    Never invalid: another run may show it. The proof is the first such operation.
    """

    name: str
    predicate: Predicate
    at_least: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be a claim."""
        if not self.name.isidentifier():
            raise UsageError(f"a claim called {self.name!r}", remedy="name the claim: some_client_saw_readonly")
        if not callable(self.predicate):
            raise UsageError(f"{self.predicate!r} cannot be called with an operation", remedy="give a function of it")
        _require_some(self.at_least)

    @property
    def claim(self) -> str:
        """Its name."""
        return self.name

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        return _finding(self.name, self.name.replace("_", " "), self.predicate, self.at_least, history)


@dataclass(frozen=True, slots=True, kw_only=True)
class SometimesError:
    """At least `at_least` operations of the load met this error; unknown if fewer did.

    `error` is the first word of a Redis reply (READONLY, OOM, …; also where redis-py has a class for it and strips the
    word), or the name of an exception class, or another word of the recorded error. The proof is the first such
    operation.
    """

    error: str
    at_least: int = 1

    def __post_init__(self) -> None:
        """Refuse a word that every error has."""
        if not self.error.strip():
            raise UsageError(f"error={self.error!r}", remedy="give a word of the error: READONLY")
        _require_some(self.at_least)

    @property
    def claim(self) -> str:
        """`sometimes_error`, with the error: `sometimes_error_readonly`."""
        return "_".join(["sometimes_error", *re.findall(r"\w+", self.error.lower())])

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        wanted = REFUSALS.get(self.error) or re.compile(rf"(?<!\w){re.escape(self.error)}(?!\w)")

        def met(op: Op) -> bool:
            return op.error is not None and wanted.search(op.error) is not None

        return _finding(self.claim, f"met {self.error}", met, self.at_least, history)


def sometimes(name: str, predicate: Predicate, *, at_least: int = 1) -> Sometimes:
    """At least so many operations of the load are as `predicate` says; the claim is called `name`."""
    return Sometimes(name=name, predicate=predicate, at_least=at_least)


def sometimes_error(error: str, *, at_least: int = 1) -> SometimesError:
    """At least so many operations of the load met this error."""
    return SometimesError(error=error, at_least=at_least)


def _require_some(at_least: int) -> None:
    if at_least < 1:
        raise UsageError(f"at_least={at_least!r} operations", remedy="use 1 or more")


def _finding(claim: str, what: str, predicate: Predicate, at_least: int, history: History) -> Finding:
    sent = [op for op in history.ops if op.sent and not op.is_final]
    found = [op for op in sent if predicate(op)]
    summary = f"{what}: {len(found)} of {len(sent)} operations"
    if len(found) < at_least:
        summary += f" (at least {at_least} wanted; another run may show it)"
    return Finding(
        claim=claim,
        verdict=Verdict.VALID if len(found) >= at_least else Verdict.UNKNOWN,
        summary=summary,
        proof=tuple(op.id for op in found[:1]),
        figures={"shown": len(found), "judged": len(sent), "wanted": at_least},
    )
