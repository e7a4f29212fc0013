"""Verdicts and findings: valid < unknown < invalid, and what proves them."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from pytest_arbredis.history.records import Json  # noqa: TC001 - as above

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History


class Verdict(IntEnum):
    """Ordered so that the worst of several is their maximum."""

    VALID = 0
    UNKNOWN = 1
    INVALID = 2

    @property
    def word(self) -> str:
        """`valid`, `unknown` or `invalid`, as printed."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found.

    `claim` is the check's name (`acknowledged_writes_survive`); `summary` one line with the figures ("14 of 3021
    acknowledged writes lost (RPO 212 ms)"), good enough to stand alone in a test's summary; `proof` the ids of at most
    ten operations that show it; `figures` numbers for the report and for JSON, units in their names; `lines` further
    lines for a reader of the report.
    """

    claim: str
    verdict: Verdict
    summary: str
    proof: tuple[int, ...] = ()
    figures: Mapping[str, Json] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


class Check(Protocol):
    """A claim about a history. Checks are frozen values, called with a history, without side effects."""

    @property
    def claim(self) -> str:
        """The claim in snake case, as shown in the verdict table."""
        ...

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        ...


def worst(findings: Iterable[Finding]) -> Verdict:
    """The composition of several findings; valid if there are none."""
    return max((finding.verdict for finding in findings), default=Verdict.VALID)
