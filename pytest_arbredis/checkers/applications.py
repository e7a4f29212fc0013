"""How often each increment was applied, and what its caller was told: counted from the final value of its key."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.final import final_values
from pytest_arbredis.errors import MalformedHistoryError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An increment of a key of its own, and how often it was applied."""

    op: Op
    times: int

    @property
    def reported(self) -> str:
        """What the caller was told: `ok 3` (the new value), or the kind of error."""
        if self.op.outcome == "ok":
            return f"ok {self.op.output!r}"
        return (self.op.error or self.op.outcome).partition(":")[0]


def applications(history: History) -> tuple[Application, ...]:
    """Every sent increment whose key no other increment used and that has a successful final read.

    Null is 0. Raises `MalformedHistoryError` for a final value that is no number.
    """
    finals = final_values(history)
    ops = [op for op in history.named("increment") if op.sent]
    used = Counter(op.key for op in ops)
    return tuple(
        Application(op=op, times=_times(op, finals[op.key]))
        for op in ops
        if op.key is not None and op.key in finals and used[op.key] == 1
    )


def table(found: Iterable[Application]) -> tuple[str, ...]:
    """Lines that count: what was reported, by how often it was applied."""
    counts = Counter((one.reported, one.times) for one in found)
    total = counts.total()
    return tuple(
        f"reported {reported!r}, applied {times} {'time' if times == 1 else 'times'}: {count} of {total}"
        for (reported, times), count in sorted(counts.items())
    )


def _times(op: Op, final: Json) -> int:
    step = 1 if op.input is None else op.input
    total = _number(final)
    if not isinstance(step, int) or step == 0 or total is None or total % step or total // step < 0:
        raise MalformedHistoryError(
            f"operation {op.id}: key {op.key!r} was incremented by {step!r} and ends as {final!r}",
            remedy="increment keys of their own, by an integer that is not 0",
        )
    return total // step


def _number(final: Json) -> int | None:
    if final is None:
        return 0
    if not isinstance(final, int | str | bytes):
        return None
    try:
        return int(final)
    except ValueError:
        return None
