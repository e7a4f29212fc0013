"""What the present call of each client does: when a breaker let it in, whom it dialled, how often it was sent."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Address


@dataclass(slots=True)
class Call:
    """What the present call of a thread did so far."""

    entered_ns: int | None = None
    sends: int = 0
    tried: list[Address] = field(default_factory=list)
    counts: bool = True


class Watch:
    """Implements the layer's `Witness`, for each thread, and each call of a loop, by itself."""

    def __init__(self) -> None:
        self._present: ContextVar[Call] = ContextVar("arbredis_call")

    @property
    def call(self) -> Call:
        """The present call of this thread or task."""
        call = self._present.get(None)
        if call is None:
            call = self.begin()
        return call

    def begin(self) -> Call:
        """A new call."""
        call = Call()
        self._present.set(call)
        return call

    def entered(self, at_ns: int) -> None:
        """As `Witness.entered`."""
        self.call.entered_ns = at_ns

    def dialled(self, address: Address) -> None:
        """As `Witness.dialled`."""
        if address not in self.call.tried:
            self.call.tried.append(address)

    def sent(self, address: Address) -> None:
        """As `Witness.sent`."""
        self.dialled(address)
        self.call.sends += self.call.counts
