"""Several pieces of the state layer as one subject: each operation goes to the piece that has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation, Session


class Part(Protocol):
    """A subject that says which operations it has."""

    @property
    def operations(self) -> frozenset[str]:
        """Their names."""
        ...

    def open(self, endpoints: Endpoints) -> Session:
        """A client of its own."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Implements `Subject`. No two parts have an operation of one name."""

    name: str
    parts: tuple[Part, ...]

    @property
    def operations(self) -> frozenset[str]:
        """Those of all parts."""
        return frozenset().union(*(part.operations for part in self.parts))

    def open(self, endpoints: Endpoints) -> TogetherSession:
        """A client of each part."""
        return TogetherSession([(part.operations, part.open(endpoints)) for part in self.parts])


class TogetherSession:
    """One client of each part."""

    def __init__(self, sessions: list[tuple[frozenset[str], Session]]) -> None:
        self._sessions = sessions

    def apply(self, op: Invocation) -> Answer | Json:
        """By the part that has it."""
        for operations, session in self._sessions:
            if op.name in operations:
                return session.apply(op)
        known = frozenset().union(*(operations for operations, _ in self._sessions))
        raise UsageError.unknown("operation", op.name, sorted(known))

    def close(self) -> None:
        """Close them all."""
        for _, session in self._sessions:
            session.close()
