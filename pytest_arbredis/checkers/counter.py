"""Counter: every read lies within what the additions allow."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.effects import applied_by_ns, by_key, completed_by_ns, may_apply
from pytest_arbredis.checkers.rolled_back import RolledBack, rolled_back_by_failovers
from pytest_arbredis.checkers.violations import MOST, Judged, Violation, malformed, shown
from pytest_arbredis.history.columns import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op

_PROVED = 50
"""Violations that are explained in full; the smallest proof is looked for among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterWithinBounds:
    """Each `read` of a key gives what its additions allow; `add` n (may be negative), from 0, and null is 0.

    At least the additions completed before the read began, with every negative one that may have taken effect by its
    end; at most those, with every positive one. Weaker than linearizability on purpose: reads are judged one by one,
    and sums within the bounds are not looked into. An addition's output is not judged.

    With `undone_by_failover` a failover may undo what no replica had: an addition that was answered when its primary
    may have been ahead of the promoted node counts, once, or not at all. One that was answered from memory (its node is
    `memory`) is brought to Redis later: it may be undone only if somebody went back to that primary in the meantime.

    Unknown without a successful read, and with `undone_by_failover` where no failover is on record, or where each
    addition that was completed may be undone. The proof is the read, the additions that might have explained it (if
    there are few), and the fewest completed ones that rule it out all the same.
    """

    undone_by_failover: bool = False

    @property
    def claim(self) -> str:
        """`counter_within_bounds`."""
        return "counter_within_bounds"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for an addition or a reading that is no integer."""
        keys = by_key(history, ("add", "read"))
        violations: list[Violation] = []
        count = acknowledged = read_keys = kept = 0
        undone = rolled_back_by_failovers(history) if self.undone_by_failover else ()
        for ops in keys.values():
            adds = [op for op in ops if op.name == "add" and may_apply(op)]
            reads = [op for op in ops if op.name == "read" and op.outcome == "ok"]
            bounds = Bounds(adds, undone)
            kept += len(bounds.certain)
            count += len(reads)
            read_keys += bool(reads)
            acknowledged += sum(op.applied for op in adds)
            for read in reads:
                lower, upper = bounds.of(read)
                if not lower <= _value(read) <= upper:
                    why = (adds, bounds.certain) if len(violations) < _PROVED else None
                    violations.append(_violation(read, lower, upper, why))
        return Judged(
            claim=self.claim,
            noun="reads",
            count=count,
            keys=read_keys,
            acknowledged=acknowledged,
            ignored=len(history.ops) - sum(map(len, keys.values())),
            violations=violations,
            undecided=self._undecided(undone, acknowledged=acknowledged, kept=kept),
        ).finding()

    def _undecided(self, undone: Sequence[RolledBack], *, acknowledged: int, kept: int) -> list[str]:
        if not self.undone_by_failover:
            return []
        if not undone:
            return ["no failover is on record, with replication offsets before it"]
        return [] if kept or not acknowledged else [f"each of {acknowledged} additions may be undone by the failover"]


def counter_within_bounds(*, undone_by_failover: bool = False) -> CounterWithinBounds:
    """Every read of a counter lies within the bounds that completed and possible additions allow."""
    return CounterWithinBounds(undone_by_failover=undone_by_failover)


class Bounds:
    """Prefix sums over the additions of one counter: by completion what is certain, by invocation what is possible."""

    def __init__(self, adds: list[Op], undone: Sequence[RolledBack] = ()) -> None:
        self.certain = [op for op in adds if applied_by_ns(op) < NEVER and not any(one.has(op) for one in undone)]
        certain = sorted((applied_by_ns(op), _amount(op)) for op in self.certain)
        possible = sorted((op.invoked_ns, _amount(op)) for op in adds)
        self._certain_at = [at for at, _ in certain]
        self._certain_up = _sums(certain, lambda amount: max(amount, 0))
        self._certain_down = _sums(certain, lambda amount: min(amount, 0))
        self._possible_at = [at for at, _ in possible]
        self._possible_up = _sums(possible, lambda amount: max(amount, 0))
        self._possible_down = _sums(possible, lambda amount: min(amount, 0))

    def of(self, read: Op) -> tuple[int, int]:
        """The least and the greatest value that this read may give."""
        certain = bisect_left(self._certain_at, read.invoked_ns)
        possible = bisect_right(self._possible_at, completed_by_ns(read))
        return (
            self._certain_up[certain] + self._possible_down[possible],
            self._certain_down[certain] + self._possible_up[possible],
        )


def _sums(timed: list[tuple[int, int]], part: Callable[[int], int]) -> list[int]:
    return list(accumulate((part(amount) for _, amount in timed), initial=0))


def _amount(op: Op) -> int:
    if type(op.input) is int:
        return op.input
    raise malformed(op, f"{shown(op.input)} cannot be added", remedy="give the integer to add as `input`")


def _value(op: Op) -> int:
    if op.output is None:
        return 0
    if type(op.output) is int:
        return op.output
    raise malformed(
        op, f"{shown(op.output)} is not a counter's value", remedy="give an integer as `output`, or null for no counter"
    )


def _violation(read: Op, lower: int, upper: int, why: tuple[list[Op], list[Op]] | None) -> Violation:
    value = _value(read)
    low = value < lower
    bound = f"at least {lower}" if low else f"at most {upper}"
    return Violation(
        kind="too low" if low else "too high",
        what=f"read {read.id} of {shown(read.key)} gave {value}, but its additions allow {bound}",
        ops=(read,) if why is None else _proof(read, 1 if low else -1, value, *why),
    )


def _proof(read: Op, sign: int, value: int, adds: Iterable[Op], certain: Iterable[Op]) -> tuple[Op, ...]:
    """With `sign` 1 the value is too low: negative additions might explain it, completed positive ones rule it out."""
    ended_ns = completed_by_ns(read)
    excuses = [op for op in adds if sign * _amount(op) < 0 and op.invoked_ns <= ended_ns]
    against = [op for op in certain if sign * _amount(op) > 0 and applied_by_ns(op) < read.invoked_ns]
    against.sort(key=lambda op: -sign * _amount(op))
    excess = sign * (sum(map(_amount, excuses)) - value)
    needed: list[Op] = []
    while excess <= 0:
        needed.append(against[len(needed)])
        excess += abs(_amount(needed[-1]))
    small = len(excuses) + len(needed) < MOST
    return (read, *(excuses if small else ()), *needed)
