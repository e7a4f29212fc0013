"""Who wants to know what calls do: the drills. The layer itself needs none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_arbredis.state.connections.addresses import Address


class Witness(Protocol):
    """Called in the thread or task of the call; must be quick and must not raise."""

    def entered(self, at_ns: int) -> None:
        """The breaker let an attempt in (its clock: CLOCK_MONOTONIC)."""
        ...

    def dialled(self, address: Address) -> None:
        """A connection to a data node is about to be made."""
        ...

    def sent(self, address: Address) -> None:
        """An ask is about to be sent to it."""
        ...
