"""The order of tests: those of one specification together, so that its deployment is started once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.errors import ArbredisError
from pytest_arbredis.views.marker import specification_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from typing import TypeVar

    import pytest

    T = TypeVar("T")


def grouped(items: Sequence[T], key: Callable[[T], Hashable | None]) -> list[T]:
    """The items, those of one key without another key's between them; what has no key stays where it is.

    Only an item that comes back to a key after another one moves: behind the last of its key that stays.
    """
    behind: dict[Hashable, list[T]] = {}
    last: dict[Hashable, int] = {}
    stay: list[T] = []
    current: Hashable | None = None
    for item in items:
        own = key(item)
        if own is None or own == current or own not in last:
            stay.append(item)
            if own is not None:
                current = own
                last[own] = len(stay) - 1
        else:
            behind.setdefault(own, []).append(item)
    following = {last[own]: moved for own, moved in behind.items()}
    return [one for at, item in enumerate(stay) for one in (item, *following.get(at, ()))]


WIDE = "arbredis_wide"
"""Attribute of a fixture's function whose servers stay for longer than a test."""


def by_specification(items: Sequence[pytest.Item], ours: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests, those of ours that have one specification together.

    A test stays where it is if its marker is wrong (it fails in its set-up), if it uses servers of a wider scope, or
    none but those of the scenarios that it runs.
    """
    movable = set(ours)

    def key(item: pytest.Item) -> Hashable | None:
        if item not in movable or not _uses_a_view(item) or _uses_wide(item):
            return None
        try:
            return specification_of(item)
        except (ArbredisError, TypeError):
            return None

    return grouped(items, key)


def _uses_a_view(item: pytest.Item) -> bool:
    return "_arbredis_view" in getattr(item, "fixturenames", ())


def _uses_wide(item: pytest.Item) -> bool:
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return any(hasattr(one.func, WIDE) for definitions in known.values() for one in definitions)
