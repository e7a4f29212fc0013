"""Positions: each is the sum of its fills."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from pytest_arbredis.checkers.entries import field_of, number_of
from pytest_arbredis.checkers.final import final_values, why_unread
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import MalformedHistoryError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op

MOST_SUMS: Final = 100_000
"""More different sums of unknown fills than these are not enumerated: the verdict is unknown then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionIsTheSumOfFills:
    """Every position that is read back is the sum of its acknowledged fills, and of some of the unknown ones.

    A fill is an operation called `fill` on the position's key; its input is the signed quantity, or an object with the
    field `quantity`. The position is the key's final read: a number, or its text; null is 0. Numbers are summed exactly
    as they are written in decimals. Unknown if a position has no final read, if nothing was filled, or if the unknown
    fills have too many sums.

    The proof is the final read, and the one fill that explains the difference (missing, or counted twice); if none
    does, as many of the key's fills as fit.
    """

    names: tuple[str, ...] = ("fill",)
    quantity: str = "quantity"

    @property
    def claim(self) -> str:
        """`position_is_the_sum_of_fills`."""
        return "position_is_the_sum_of_fills"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        finals = final_values(history)
        fills: dict[str | None, list[Op]] = defaultdict(list)
        for op in history.named(*self.names):
            if op.outcome != "fail" or op.applied:
                fills[op.key].append(op)
        certain = {key for key, ops in fills.items() if any(op.applied for op in ops)}
        unread = sorted(str(key) for key in certain if key not in finals)
        wrong: list[tuple[str, Decimal, Decimal]] = []
        vague: list[str] = []
        judged = 0
        for key, ops in fills.items():
            if key is None or key not in finals:
                continue
            judged += key in certain
            position, total = _position(key, finals[key]), sum(map(self._quantity, filter(_applied, ops)), Decimal(0))
            possible = _sums(total, [self._quantity(op) for op in ops if not op.applied])
            if possible is None:
                vague.append(key)
            elif position not in possible:
                wrong.append((key, position, total))
        verdict, summary = Verdict.VALID, f"{judged} positions are the sum of their fills"
        if wrong:
            key, position, total = wrong[0]
            verdict = Verdict.INVALID
            summary = f"{len(wrong)} of {judged} positions are not the sum of their fills"
            summary += f": {key} is {position}, its fills sum up to {total}"
        elif unread:
            verdict, summary = Verdict.UNKNOWN, f"{len(unread)} positions could not be judged: {why_unread(history)}"
        elif vague:
            verdict, summary = Verdict.UNKNOWN, f"{len(vague)} positions have too many unknown fills to be judged"
        elif not judged:
            verdict, summary = Verdict.UNKNOWN, f"no acknowledged {' or '.join(self.names)} to judge"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=self._proof(history, fills[wrong[0][0]], *wrong[0]) if wrong else (),
            figures={
                "judged": judged,
                "wrong": len(wrong),
                "unread": len(unread),
                "undecided": len(vague),
                "wrong_keys": [key for key, _, _ in wrong],
            },
        )

    def _quantity(self, op: Op) -> Decimal:
        number = number_of(field_of(op.input, self.quantity))
        if number is None:
            raise MalformedHistoryError(
                f"operation {op.id}: a fill of {op.input!r}",
                remedy=f"give the signed quantity, or an object with the field {self.quantity!r}",
            )
        return number

    def _proof(self, history: History, fills: list[Op], key: str, position: Decimal, total: Decimal) -> tuple[int, ...]:
        reads = [op.id for op in history.final_reads() if op.key == key and op.outcome == "ok"][-1:]
        explaining = [op for op in fills if op.applied and self._quantity(op) in {total - position, position - total}]
        fills = explaining[:1] or fills[:9]
        return (*(op.id for op in fills), *reads)


def position_is_the_sum_of_fills(
    *, names: Iterable[str] = ("fill",), quantity: str = "quantity"
) -> PositionIsTheSumOfFills:
    """Every position that is read back is the sum of its acknowledged fills, and of some of the unknown ones."""
    return PositionIsTheSumOfFills(names=tuple(names), quantity=quantity)


def _applied(op: Op) -> bool:
    return op.applied


def _sums(total: Decimal, maybe: list[Decimal]) -> set[Decimal] | None:
    """All sums that some of the unknown fills may give; None if there are too many."""
    sums = {total}
    for quantity in maybe:
        sums |= {one + quantity for one in sums}
        if len(sums) > MOST_SUMS:
            return None
    return sums


def _position(key: str, final: Json) -> Decimal:
    number = Decimal(0) if final is None else number_of(final)
    if number is None:
        raise MalformedHistoryError(f"the position {key!r} ends as {final!r}", remedy="read it back as a number")
    return number
