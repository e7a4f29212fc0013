"""Numbers for equal values: each gets the number of its first appearance."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pytest_arbredis.history.records import Json


class Interned(dict[str, int]):
    """Texts and their numbers; iterating gives the texts by number."""

    __slots__ = ()

    def number(self, text: str) -> int:
        """The number of a text."""
        return self.setdefault(text, len(self))


class InternedJson:
    """JSON values and their numbers; null is -1. `values` holds each value as it first appeared."""

    __slots__ = ("_numbers", "values")

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self.values: list[Json] = []

    def number(self, value: Json) -> int:
        """The number of a value."""
        if value is None:
            return -1
        identity = value if type(value) is str or type(value) is int else identity_of(value)
        known = self._numbers.get(identity)
        if known is None:
            known = self._numbers[identity] = len(self.values)
            self.values.append(value)
        return known


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
