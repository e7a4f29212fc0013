"""The three states, and a move from one to another as it is told to listeners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """A state, spelled as its events spell it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


MOVES: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        State.CLOSED: frozenset({State.OPEN}),
        State.OPEN: frozenset({State.HALF_OPEN, State.CLOSED}),
        State.HALF_OPEN: frozenset({State.OPEN, State.CLOSED}),
    }
)
"""Every move there is; from open to closed only an operator's word leads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One move of the breaker `id`. `seq` counts its moves from 1, without a gap.

    `at_ns` is the breaker's clock: calls that were let in before it entered at `at_ns` or earlier, those after it at
    `at_ns` or later.
    """

    id: str
    seq: int
    source: State
    target: State
    cause: str
    at_ns: int

    def told(self) -> dict[str, str | int]:
        """As a JSON object: id, seq, from, to, cause, at_ns."""
        return {
            "id": self.id,
            "seq": self.seq,
            "from": self.source.value,
            "to": self.target.value,
            "cause": self.cause,
            "at_ns": self.at_ns,
        }


Listener = Callable[[Transition], object]
"""What is called with every transition, in order; what it returns is not looked at."""
