"""Decoded lines of operations, gathered by their shape and turned into columns a batch at a time.

All lines of one shape have the same fields of the same types, so what was checked of the first holds for all, and each
field is an array in one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_arbredis.history.columns import NEVER, OUTCOMES, Columns
from pytest_arbredis.history.interning import Interned, InternedJson
from pytest_arbredis.history.lines import decoded, parse_record
from pytest_arbredis.history.records import NOT_SENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

_BATCH: Final = 20_000
_MOST_SHAPES: Final = 1000
_NUMBER_OF: Final = {outcome: number for number, outcome in enumerate(OUTCOMES)}
_COUNTS: Final = ("intended_ns", "invoked_ns", "completed_ns", "entered_ns", "attempts", "confirmed")

_Shape = tuple[tuple[str, ...], tuple[type, ...]]


class UnusualError(Exception):
    """A history that columns are not made of in one go: `load` says what is wrong with it, if anything is."""


class _Rows:
    """Lines of one shape that are not columns yet."""

    __slots__ = ("names", "rows", "types")

    def __init__(self, shape: _Shape) -> None:
        self.names, self.types = shape
        self.rows: list[tuple[Any, ...]] = []


class OpBatches:
    """Takes the decoded lines of operations, in any order; gives their columns."""

    def __init__(self) -> None:
        self._names = Interned()
        self._keys = Interned()
        self._values = InternedJson()
        self._shapes: dict[_Shape, _Rows] = {}
        self._parts: list[tuple[NDArray[Any], ...]] = []

    def add(self, raw: dict[str, Any]) -> None:
        """Take one. Raises `LineError` or `UnusualError` for a bad one, here or in `columns`."""
        values = (*raw.values(),)
        shape = (*raw,), (*map(type, values),)
        known = self._shapes.get(shape)
        if known is None:
            if len(self._shapes) >= _MOST_SHAPES:
                raise UnusualError
            parse_record(dict(raw))
            known = self._shapes[shape] = _Rows(shape)
        rows = known.rows
        rows.append(values)
        if len(rows) >= _BATCH:
            self._turn(known)

    def columns(self) -> Columns:
        """All of them, by invocation and id."""
        import numpy as np

        for rows in self._shapes.values():
            self._turn(rows)
        if not self._parts:
            self._parts.append(tuple(np.empty(0, dtype=kind) for kind in _TYPES))
        parts, self._parts = self._parts, []
        arrays = [np.concatenate(some) for some in zip(*parts, strict=True)]
        parts.clear()
        order = np.lexsort((arrays[0], arrays[5]))
        return Columns(
            **{name: array[order] for name, array in zip(_FIELDS, arrays, strict=True)},
            names=tuple(self._names),
            keys=tuple(self._keys),
            values=tuple(self._values.values),
        )

    def _turn(self, group: _Rows) -> None:
        """Make a batch of columns of the lines of one shape."""
        if not group.rows:
            return
        import numpy as np

        count = len(group.rows)
        lists: dict[str, Sequence[Any]] = dict(zip(group.names, zip(*group.rows, strict=True), strict=True))
        types = dict(zip(group.names, group.types, strict=True))
        group.rows.clear()
        for name, kind in types.items():
            if kind in {list, dict}:
                lists[name] = [decoded(value) if value else value for value in lists[name]]

        def integers(name: str, *, missing: int) -> NDArray[np.int64]:
            if types.get(name) is not int:
                return np.full(count, missing, dtype=np.int64)
            try:
                return np.fromiter(lists[name], dtype=np.int64, count=count)
            except OverflowError:
                raise UnusualError from None

        for name in _COUNTS:
            counted = integers(name, missing=0)
            if bool(((counted < 0) | (counted == NEVER)).any()):
                raise UnusualError
        try:
            outcome = np.fromiter(map(_NUMBER_OF.__getitem__, lists["outcome"]), dtype=np.int8, count=count)
        except KeyError:
            raise UnusualError from None
        invoked_ns, completed_ns = integers("invoked_ns", missing=0), integers("completed_ns", missing=NEVER)
        confirmed = integers("confirmed", missing=-1)
        acknowledged_in_flight = (outcome == 0) & (completed_ns == NEVER)
        if bool((completed_ns < invoked_ns).any() or acknowledged_in_flight.any() or (confirmed >= 2**31).any()):
            raise UnusualError
        false = np.zeros(count, dtype=np.bool_)
        errors = types["error"] is str
        self._parts.append(
            (
                integers("id", missing=0),
                integers("process", missing=0),
                self._texts(self._names, lists["name"], types["name"]),
                self._texts(self._keys, lists["key"], types["key"]),
                outcome,
                invoked_ns,
                completed_ns,
                self._json(lists["input"], types["input"]),
                self._json(lists["output"], types["output"]),
                np.array([bool(meta.get("final")) for meta in lists["meta"]]) if "meta" in lists else false,
                np.array([error != NOT_SENT for error in lists["error"]]) if errors else ~false,
                confirmed.astype(np.int32),
            )
        )

    @staticmethod
    def _texts(numbers: Interned, texts: Sequence[str], kind: type) -> NDArray[np.int32]:
        import numpy as np

        if kind is not str:
            return np.full(len(texts), -1, dtype=np.int32)
        return np.fromiter(map(numbers.number, texts), dtype=np.int32, count=len(texts))

    def _json(self, values: Sequence[Any], kind: type) -> NDArray[np.int32]:
        import numpy as np

        if kind is type(None):
            return np.full(len(values), -1, dtype=np.int32)
        return np.fromiter(map(self._values.number, values), dtype=np.int32, count=len(values))


_FIELDS: Final = (
    "id",
    "process",
    "name",
    "key",
    "outcome",
    "invoked_ns",
    "completed_ns",
    "input",
    "output",
    "final",
    "sent",
    "confirmed",
)
_TYPES: Final = ("i8", "i8", "i4", "i4", "i1", "i8", "i8", "i4", "i4", "?", "?", "i4")
