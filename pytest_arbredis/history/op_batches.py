"""Decoded lines of operations, turned into columns some hundreds at a time.

No line is looked at by itself: each field of a batch is one sequence, whose types, numbers and values are taken by
functions that run over all of it.
"""

from __future__ import annotations

import contextlib
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from pytest_arbredis.history.columns import FAIL, NEVER, OK, OUTCOMES, Columns
from pytest_arbredis.history.interning import Interned, InternedJson
from pytest_arbredis.history.lines import OP_FIELDS, decoded
from pytest_arbredis.history.records import NOT_SENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

_BATCH: Final = 500
_NUMBER_OF: Final = {outcome: number for number, outcome in enumerate(OUTCOMES)}
_TYPES_OF: Final = {name: types for name, types, _ in OP_FIELDS}
_REQUIRED: Final = frozenset(name for name, _, required in OP_FIELDS if required)
_LOOKED_UP: Final = frozenset({"type", "name", "key", "outcome"})
_NULL: Final = type(None)


class UnusualError(Exception):
    """A history that columns are not made of in one go: `load` says what is wrong with it, if anything is."""


class OpBatches:
    """Takes the decoded lines of operations, in any order; gives their columns."""

    def __init__(self) -> None:
        self._names = Interned()
        self._keys = Interned()
        self._values = InternedJson()
        self._lines: list[dict[str, Any]] = []
        self._parts: list[tuple[NDArray[Any], ...]] = []

    def extend(self, lines: list[dict[str, Any]]) -> None:
        """Take some. Raises `LineError` or `UnusualError` for a bad one, here or in `columns`."""
        self._lines += lines
        if len(self._lines) >= _BATCH:
            self._turn()

    def columns(self) -> Columns:
        """All of them, by invocation and id."""
        import numpy as np

        self._turn()
        if not self._parts:
            self._parts.append(tuple(np.empty(0, dtype=kind) for kind in _TYPES))
        parts, self._parts = self._parts, []
        names, keys = tuple(self._names), tuple(self._keys)
        if not {*map(type, names), *map(type, keys)} <= {str}:
            raise UnusualError
        arrays = [np.concatenate(some) for some in zip(*parts, strict=True)]
        parts.clear()
        order = np.lexsort((arrays[0], arrays[5]))
        return Columns(
            **{name: array[order] for name, array in zip(_FIELDS, arrays, strict=True)},
            names=names,
            keys=keys,
            values=tuple(self._values.values),
        )

    def _turn(self) -> None:
        """Make columns of the lines that are there."""
        if not self._lines:
            return
        batch = _Batch(self._lines)
        self._lines = []
        self._parts.append(batch.arrays(self._names, self._keys, self._values))


class _Batch:
    """Some lines, as a sequence of values for each field that any of them has, and their types.

    Texts with a number have no types here: what is no text shows in their table, at the end.
    """

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self.count = len(lines)
        self.fields = _by_field(lines)
        self.types: dict[str, set[type]] = {}
        for name in self.fields.keys() - _LOOKED_UP:
            values = self.fields[name]
            types: set[type] = (
                {_NULL} if values[0] is None and values.count(None) == self.count else set(map(type, values))
            )
            if not types <= _TYPES_OF.get(name, types):
                raise UnusualError
            if dict in types or list in types:
                self.fields[name] = [decoded(value) if value else value for value in values]
                types.add(bytes)
            self.types[name] = types

    def arrays(self, names: Interned, keys: Interned, values: InternedJson) -> tuple[NDArray[Any], ...]:
        """The columns, in the order of `_FIELDS`. Raises `UnusualError` for what breaks a rule of the format."""
        import numpy as np

        try:
            outcome = self._numbers(map(_NUMBER_OF.__getitem__, self.fields["outcome"])).astype(np.int8)
            name = self._numbers(map(names.number, self.fields["name"]))
            key = self._numbers(map(keys.number, self.fields["key"]))
        except (KeyError, TypeError):
            raise UnusualError from None
        invoked_ns = self._count("invoked_ns", missing=0)
        completed_ns = self._count("completed_ns", missing=NEVER)
        confirmed = self._count("confirmed", missing=-1)
        for only_checked in ("intended_ns", "entered_ns", "attempts"):
            self._count(only_checked, missing=-1)
        false = np.zeros(self.count, dtype=np.bool_)
        has_errors = self.types["error"] != {_NULL}
        sent = np.array([error != NOT_SENT for error in self.fields["error"]]) if has_errors else ~false
        acknowledged_in_flight = (outcome == OK) & (completed_ns == NEVER)
        if bool(
            (completed_ns < invoked_ns).any()
            or acknowledged_in_flight.any()
            or (confirmed >= 2**31).any()
            or ((outcome == FAIL) & (confirmed >= 0)).any()
            or ((outcome == OK) & ~sent).any()
            or (name < 0).any()
        ):
            raise UnusualError
        return (
            self._integers("id", missing=0),
            self._integers("process", missing=0),
            name,
            key,
            outcome,
            invoked_ns,
            completed_ns,
            self._numbers(values.numbers(self.fields["input"], self.types["input"])),
            self._numbers(values.numbers(self.fields["output"], self.types["output"])),
            np.array([bool(meta.get("final")) for meta in self.fields["meta"]]) if "meta" in self.fields else false,
            sent,
            confirmed.astype(np.int32),
        )

    def _numbers(self, numbers: Iterator[int]) -> NDArray[np.int32]:
        import numpy as np

        return np.fromiter(numbers, dtype=np.int32, count=self.count)

    def _count(self, name: str, *, missing: int) -> NDArray[np.int64]:
        """Integers that are not negative, and not the time of what never happens."""
        found = self._integers(name, missing=missing)
        types = self.types.get(name, {_NULL})
        if types == {int}:
            bad = bool((found < 0).any() or (found == NEVER).any())
        else:
            bad = any(value is not None and not 0 <= value < NEVER for value in self.fields.get(name, ()))
        if bad:
            raise UnusualError
        return found

    def _integers(self, name: str, *, missing: int) -> NDArray[np.int64]:
        import numpy as np

        types = self.types.get(name, {_NULL})
        if types == {_NULL}:
            return np.full(self.count, missing, dtype=np.int64)
        values = self.fields[name]
        if _NULL in types:
            values = [missing if value is None else value for value in values]
        try:
            return np.fromiter(values, dtype=np.int64, count=self.count)
        except OverflowError:
            raise UnusualError from None


def _by_field(lines: list[dict[str, Any]]) -> dict[str, Sequence[Any]]:
    """The values of each field; where a line has not got it, what it stands for then: null, or an empty object."""
    names = tuple(lines[0])
    fields: dict[str, Sequence[Any]]
    if _REQUIRED.issubset(names) and set(map(len, lines)) == {len(names)}:
        with contextlib.suppress(KeyError):  # as many fields, but others
            fields = dict(zip(names, zip(*map(itemgetter(*names), lines), strict=True), strict=True))
            return fields
    try:
        fields = {name: tuple(map(itemgetter(name), lines)) for name in _REQUIRED}
    except KeyError:
        raise UnusualError from None
    for name in set().union(*lines) - _REQUIRED:
        empty: Any = {} if name == "meta" else None
        fields[name] = [line.get(name, empty) for line in lines]
    return fields


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
