"""A piece of the state layer, or its naive twin, as a subject: operations by name, errors by what they say."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.state.errors import CorruptedError, StateError
from pytest_arbredis.subjects.state.refusals import answer_to

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation


class Piece(Protocol):
    """One client of a piece: what a drill writes to it, or adds, and reads."""

    def change(self, key: str, value: str) -> None:
        """Write, or add, a value."""
        ...

    def read(self, key: str) -> Json:
        """What is there."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """Implements `Subject`. `operations` are one that changes, and `read`, which describes what is corrupted.

    With `confirmed_by` a change that raises nothing was confirmed by so many replicas, or is said to be.
    """

    name: str
    make: Callable[[Endpoints], Piece]
    operations: frozenset[str] = frozenset({"write", "read"})
    confirmed_by: int = 0

    @property
    def confirms(self) -> bool:
        """Its changes say how many replicas confirmed them."""
        return self.confirmed_by > 0

    def open(self, endpoints: Endpoints) -> PieceSession:
        """A client of its own."""
        return PieceSession(self.make(endpoints), self.operations, confirmed_by=self.confirmed_by)


class PieceSession:
    """One client."""

    def __init__(self, piece: Piece, operations: frozenset[str], *, confirmed_by: int = 0) -> None:
        self.piece = piece
        self._operations = operations
        self._confirmed_by = confirmed_by

    def apply(self, op: Invocation) -> Answer | Json:
        """Apply one operation."""
        if op.name not in self._operations:
            raise UsageError.unknown("operation", op.name, sorted(self._operations))
        try:
            if op.name == "read":
                return self._read(op.key)
            self.piece.change(op.key, str(op.input))
        except StateError as error:
            return answer_to(error)
        wanted = self._confirmed_by
        return Answer(output="OK", confirmed=wanted, wanted=wanted) if wanted else "OK"

    def _read(self, key: str) -> Json:
        try:
            return self.piece.read(key)
        except CorruptedError as error:
            return [f"{type(error).__name__}: {error.cause}"]

    def close(self) -> None:
        """Close the piece."""
        self.piece.close()


def part_of(key: str) -> str:
    """A key of a workload as one part of a key of the layer."""
    return key.replace(":", "-").replace("/", "-")
