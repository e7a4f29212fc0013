"""Elements of sets, logs and queues: values as their operations give them, comparable and hashable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.checkers.violations import malformed, shown
from pytest_arbredis.history.interning import identity_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pytest_arbredis.history.records import Json, Op


def element(value: Json) -> Hashable:
    """What two equal values share: 1 is 1.0, but True is not 1."""
    return value if type(value) is str or type(value) is int else identity_of(value)


def given(op: Op) -> Hashable:
    """The element that an operation adds. Raises `MalformedHistoryError` if there is none."""
    if op.input is None:
        raise malformed(op, "there is no value", remedy=f"give what it {op.name}s as `input`; null is no value")
    return element(op.input)


def elements_of(read: Op) -> list[Hashable]:
    """What a read gave, in its order; null is empty. Raises `MalformedHistoryError` for what is no list."""
    if read.output is None:
        return []
    if isinstance(read.output, list):
        return [value if type(value) is str else element(value) for value in read.output]
    raise malformed(read, f"{shown(read.output)} is not a list", remedy="give a list as `output`, or null for no key")


def named(read: Op, wanted: Hashable) -> Json:
    """An element as this read gave it, for a sentence."""
    values = read.output if isinstance(read.output, list) else []
    return next((value for value in values if element(value) == wanted), None)
