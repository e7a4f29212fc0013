"""How often each operation was applied, and what its caller was told: counted from what its key held in the end.

An increment is counted on a key of its own. An operation that carries a token (an append, push or add whose input
nobody else gives to that key) is counted by the token's occurrences in the list that is read back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis.checkers.final import final_values
from pytest_arbredis.errors import MalformedHistoryError
from pytest_arbredis.history.interning import identity_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op

TOKENS: Final = ("append", "push")
"""Operations whose input is a token that the final list holds as often as it was applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An operation that can be told from all others, and how often it was applied."""

    op: Op
    times: int

    @property
    def reported(self) -> str:
        """What the caller was told: `ok 3` (an increment's new value), `ok`, or the kind of error."""
        if self.op.outcome == "ok":
            return f"ok {self.op.output!r}" if self.op.name == "increment" else "ok"
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


def token_applications(history: History, names: Sequence[str] = TOKENS) -> tuple[Application, ...]:
    """Every sent operation of these names whose key has a successful final read and whose token is its key's only one.

    Null is the empty list. Raises `MalformedHistoryError` for a final value that is no list.
    """
    finals = final_values(history)
    ops = [op for op in history.named(*names) if op.sent]
    used = Counter((op.key, identity_of(op.input)) for op in ops)
    held: dict[str, Counter[Hashable]] = defaultdict(Counter)
    for key in {op.key for op in ops if op.key in finals and op.key is not None}:
        final = finals[key]
        if final is not None and not isinstance(final, list):
            raise MalformedHistoryError(
                f"key {key!r} had tokens added and ends as {final!r}",
                remedy="read it back as a list (null where it is empty)",
            )
        held[key].update(identity_of(item) for item in final or ())
    return tuple(
        Application(op=op, times=held[op.key][identity_of(op.input)])
        for op in ops
        if op.key is not None and op.key in finals and used[op.key, identity_of(op.input)] == 1
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
