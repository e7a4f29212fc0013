"""Numbers for equal values: each gets the number of its first appearance."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator

    from pytest_arbredis.history.records import Json

_THEMSELVES: Final = frozenset({str, int, float, type(None)})
"""Types of values that are their own identity."""


class Interned:
    """Texts and their numbers, null is -1; iterating gives the texts by number."""

    __slots__ = ("_numbers", "number")

    def __init__(self) -> None:
        self._numbers = _numbers()
        self.number: Callable[[str | None], int] = self._numbers.__getitem__
        """The number of a text."""

    def __iter__(self) -> Iterator[str]:
        texts: Iterator[Any] = iter(self._numbers)
        next(texts)
        return texts


class InternedJson:
    """JSON values and their numbers; null is -1. `exact`: no integer among them was rounded when it was read."""

    __slots__ = ("_exact", "_numbers", "_others")

    def __init__(self, *, exact: bool = False) -> None:
        self._exact = exact
        self._numbers = _numbers()
        self._others: dict[int, Json] = {}

    @property
    def values(self) -> list[Json]:
        """Each value as it first appeared, by number. Raises `LineError` if one may have been rounded."""
        found: list[Any] = list(self._numbers)[1:]
        for number, value in self._others.items():
            found[number] = value
        if self._exact:
            return found
        from pytest_arbredis.history.lines import LineError, rounded  # which knows JSON: checks start without it

        if any(map(rounded, found)):
            raise LineError("an integer may be beyond 64 bits")
        return found

    def number(self, value: Json) -> int:
        """The number of a value."""
        if type(value) in _THEMSELVES:
            return self._numbers[cast("Hashable", value)]
        identity = identity_of(value)
        known = self._numbers.get(identity)
        if known is None:
            known = self._numbers[identity]
            self._others[known] = value
        return known

    def numbers(self, values: Iterable[Any], types: Collection[type]) -> Iterator[int]:
        """The numbers of values that have no other types than these."""
        return map(self._numbers.__getitem__ if _THEMSELVES.issuperset(types) else self.number, values)


def _numbers() -> defaultdict[Hashable, int]:
    """Gives each new key the next number; null has -1, and is the first."""
    numbers: defaultdict[Hashable, int] = defaultdict(itertools.count().__next__)
    numbers[None] = -1
    return numbers


def value_of(identity: Hashable) -> Json:
    """The value that has this identity, to be shown."""
    if not isinstance(identity, tuple):
        return identity  # type: ignore[return-value]  # a scalar is its own identity
    kind, *rest = identity
    if kind is dict:
        return {name: value_of(item) for name, item in rest[0]}
    return bool(rest[0]) if kind is bool else list(map(value_of, rest))


def identity_of(value: Json) -> Hashable:
    """A hashable that two JSON values share if they are equal.

    1 is 1.0, but True is not 1 (in Python it is), in lists and objects too. Bytes that are UTF-8 are that text, which
    is how they are written.
    """
    if isinstance(value, bool):
        return bool, value
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, dict):
        return dict, frozenset((name, identity_of(item)) for name, item in value.items())
    return list, *map(identity_of, value)
