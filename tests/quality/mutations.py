"""Small lies in a true history: a check that does not see them would not see the bug that makes them either.

Each mutation takes a history and chance, and gives mutants that are well-formed: no id twice, no overlap in a process.
What is moved or doubled gets a process of its own. Only operations of the load are touched, and what was acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_arbredis.history.history import History
from pytest_arbredis.history.interning import identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A history with one lie in it, and the ids of the operations that are concerned."""

    name: str
    ids: tuple[int, ...]
    history: History


def drop_a_write(history: History, chance: Random) -> Mutant | None:
    """An acknowledged write is missing whose value was read: the value comes from nowhere."""
    read = {(op.key, identity_of(op.output)) for op in history.ops if op.name == "read" and op.outcome == "ok"}
    found = [op for op in _acknowledged(history, "write") if (op.key, identity_of(op.input)) in read]
    if not found:
        return None
    op = chance.choice(found)
    return _mutant("drop_a_write", [op], history, (one for one in history.ops if one.id != op.id))


def swap_a_value(history: History, chance: Random) -> Mutant | None:
    """Two reads of a key that gave two values gave each other's."""
    reads = _acknowledged(history, "read")
    pairs = [
        (one, other) for one in reads for other in reads if one.id < other.id and one.key == other.key
        if identity_of(one.output) != identity_of(other.output)
    ]  # fmt: skip
    if not pairs:
        return None
    one, other = chance.choice(pairs)
    swapped = {one.id: replace(one, output=other.output), other.id: replace(other, output=one.output)}
    return _mutant("swap_a_value", [one, other], history, (swapped.get(op.id, op) for op in history.ops))


def shift_a_read(history: History, chance: Random) -> Mutant | None:
    """A read came at another time of the run, as long as it lasted."""
    reads = _acknowledged(history, "read")
    if not reads:
        return None
    op = chance.choice(reads)
    ends = [one.completed_ns for one in history.ops if one.completed_ns is not None]
    invoked_ns = chance.randint(history.ops[0].invoked_ns, max(ends))
    lasted_ns = (op.completed_ns or op.invoked_ns) - op.invoked_ns
    moved = replace(
        op, process=_free(history), invoked_ns=invoked_ns, completed_ns=invoked_ns + lasted_ns, intended_ns=None
    )
    return _mutant("shift_a_read", [op], history, (moved if one.id == op.id else one for one in history.ops))


def double_an_operation(history: History, chance: Random) -> Mutant | None:
    """A write was applied again, somewhere between its completion and the end, as a retry would."""
    writes = _acknowledged(history, "write")
    if not writes:
        return None
    op = chance.choice(writes)
    completed_ns = op.completed_ns or op.invoked_ns
    end_ns = max(one.completed_ns for one in history.ops if one.completed_ns is not None)
    again_ns = chance.randint(completed_ns, max(completed_ns, end_ns))
    number = max(one.id for one in history.ops) + 1
    again = replace(op, id=number, process=_free(history), invoked_ns=again_ns, completed_ns=again_ns, intended_ns=None)
    return _mutant("double_an_operation", [op, again], history, [*history.ops, again])


MUTATIONS: tuple[Callable[[History, Random], Mutant | None], ...] = (
    drop_a_write,
    swap_a_value,
    shift_a_read,
    double_an_operation,
)


def mutants(history: History, chance: Random) -> list[Mutant]:
    """One mutant of each kind that this history allows."""
    return [mutant for mutation in MUTATIONS if (mutant := mutation(history, chance)) is not None]


def _acknowledged(history: History, name: str) -> list[Op]:
    return [op for op in history.named(name) if op.outcome == "ok" and op.completed_ns is not None]


def _free(history: History) -> int:
    return max(op.process for op in history.ops) + 1


def _mutant(name: str, touched: list[Op], history: History, ops: Iterable[Op]) -> Mutant:
    mutated = History.of(history.header, [*ops, *history.faults, *history.events])
    return Mutant(name=name, ids=tuple(op.id for op in touched), history=mutated)
