"""Set without removal: every read has what was added before it, and nothing that never was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.additions import Additions
from pytest_arbredis.checkers.effects import by_key
from pytest_arbredis.checkers.elements import elements_of
from pytest_arbredis.checkers.violations import Judged, Violation
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKeepsWhatWasAdded:
    """Each `read` of a key (a list; null is empty) has all that was added by `add` v before it began, and no more.

    Elements whose addition was concurrent or is unknown may be there; those of failed additions, and of additions that
    began after the read had ended, may not. With `wanted` (WAIT) only what so many replicas confirmed must be there:
    the rest a failover may take back, also after it was read. Weaker than linearizability on purpose: reads are judged
    one by one, so an element of an unknown addition may be there and be gone again.

    Unknown without a successful read, and with `wanted` if nothing was confirmed. The proof is an addition and the read
    that lacks it, or a read and the additions (if any) that cannot explain an element of it.
    """

    wanted: int = 0

    def __post_init__(self) -> None:
        if type(self.wanted) is not int or self.wanted < 0:
            raise UsageError(f"wanted={self.wanted!r} replicas", remedy="use 0 (not asked) or more")

    @property
    def claim(self) -> str:
        """`set_keeps_what_was_added`."""
        return "set_keeps_what_was_added"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for an addition of nothing or a reading that is no list."""
        keys = by_key(history, ("add", "read"))
        violations: list[Violation] = []
        count = acknowledged = read_keys = 0
        for ops in keys.values():
            reads = [op for op in ops if op.name == "read" and op.outcome == "ok"]
            additions = Additions.of((op for op in ops if op.name == "add"), verb="added", wanted=self.wanted)
            count += len(reads)
            read_keys += bool(reads)
            acknowledged += additions.acknowledged
            for read in reads:
                violations += additions.against(read, set(elements_of(read)))
        unconfirmed = [f"{self.wanted} replicas confirmed no addition"] if self.wanted and not acknowledged else []
        return Judged(
            claim=self.claim,
            noun="reads",
            count=count,
            keys=read_keys,
            acknowledged=acknowledged,
            ignored=len(history.ops) - sum(map(len, keys.values())),
            violations=violations,
            undecided=unconfirmed,
        ).finding()


def set_keeps_what_was_added(*, wanted: int = 0) -> SetKeepsWhatWasAdded:
    """Every read of a set has all elements added before it began, and none that was never added."""
    return SetKeepsWhatWasAdded(wanted=wanted)
