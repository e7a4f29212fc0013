"""Calling a check: what it raises is never a verdict."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import MalformedHistoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_arbredis.checkers.verdict import Check
    from pytest_arbredis.history.columns import Columns
    from pytest_arbredis.history.history import History


@runtime_checkable
class JudgesColumns(Protocol):
    """Capability of a check: it needs no more of a history than columns, so millions of operations are no burden."""

    @property
    def claim(self) -> str:
        """As every check's."""
        ...

    def of_columns(self, columns: Columns) -> Finding:
        """Judge the operations of a history."""
        ...


@runtime_checkable
class NeedsWitness(Protocol):
    """Capability of a check: it says what of the servers it judges by, beyond what every run records.

    `commands` (MONITOR), `connections` (CLIENT LIST) and `commandstats` (INFO commandstats) of every data node.
    """

    needs: ClassVar[frozenset[str]]


def witnesses(checks: Iterable[Check]) -> frozenset[str]:
    """What a run must record for these checks."""
    return frozenset().union(*(check.needs for check in checks if isinstance(check, NeedsWitness)))


def judged(check: Check, history: History) -> Finding:
    """The check's finding. A check that crashes is unknown, with its traceback.

    Raises `MalformedHistoryError` for operations that the check's model does not have.
    """
    return _guarded(check.claim, lambda: check(history))


def judged_columns(check: JudgesColumns, columns: Columns) -> Finding:
    """The same for columns."""
    return _guarded(check.claim, lambda: check.of_columns(columns))


def _guarded(claim: str, judge: Callable[[], Finding]) -> Finding:
    try:
        return judge()
    except MalformedHistoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a check may be a user's own
        return Finding(
            claim=claim,
            verdict=Verdict.UNKNOWN,
            summary=f"the check itself failed: {type(error).__name__}: {error}",
            lines=tuple(traceback.format_exc().splitlines()),
        )
