"""Texts that many operations share, each recorded once: names, nodes and errors."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import orjson

from pytest_arbredis.history.layout import Kind
from pytest_arbredis.history.packing import unrecordable

if TYPE_CHECKING:
    from pytest_arbredis.history.arena import Arenas

_MOST_TEXTS: Final = 100_000


class Texts(dict[str | None, int]):
    """The numbers of texts; one that is looked up for the first time is recorded. No text has number 0."""

    __slots__ = ("_mine", "_numbers")

    def __init__(self, mine: Arenas) -> None:
        super().__init__({None: 0})
        self._mine = mine
        self._numbers = itertools.count(1)

    def __missing__(self, text: str) -> int:
        """Record it. Raises `UsageError` if it has no JSON form."""
        number = next(self._numbers)
        try:
            data = orjson.dumps(text)
        except TypeError as error:
            raise unrecordable("text", number, error, text) from error
        self._mine.arena.line(Kind.TEXT, number, 0, data)
        if len(self) < _MOST_TEXTS:
            self[text] = number
        return number
