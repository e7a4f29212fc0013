"""What is done differently by a thread that blocks and by a task that waits: everything else is written once.

The layer's coroutines run on either backend. The blocking one never suspends, so `finish` runs them to their end
without a loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from pytest_arbredis.state.asks import Arg, Reply
    from pytest_arbredis.state.connections.addresses import Address
    from pytest_arbredis.state.connections.seat import Seat

T = TypeVar("T")


class Wire(Protocol):
    """One connection."""

    address: Address

    def clean(self) -> bool:
        """Whether it is open and nothing lies in it: what is sent now is answered by what comes next."""
        ...

    async def round(self, commands: Iterable[tuple[Arg, ...]], count: int, expires_ns: int) -> list[Reply]:
        """Send `count` commands and read as many replies, until `expires_ns`. Error replies are values of redis-py.

        Raises `DeadlineExceededError` and `ConnectionLostError`, with `applied` "no" only if nothing was sent.
        The wire must be ended after any error, cancellation included.
        """
        ...

    async def next(self, expires_ns: int) -> Reply:
        """The next reply or push; raises `TimeoutError` if none came in time, after which the wire is still good."""
        ...

    def end(self) -> None:
        """Close it without waiting; never raises."""
        ...

    def leave(self) -> None:
        """Let go of it in a forked child, so that the parent's goes on."""
        ...


class Turn(Protocol):
    """One at a time."""

    async def begin(self, expires_ns: int) -> bool:
        """Wait for one's turn; False if it did not come in time."""
        ...

    def finish(self) -> None:
        """Let the next one."""
        ...


class WaitingRoom(Protocol):
    """Where callers wait for a seat of the pool."""

    @property
    def anybody(self) -> bool:
        """Whether somebody waits."""
        ...

    async def wait(self, take: Callable[[], Seat | None], expires_ns: int) -> Seat | None:
        """What `take` gives as soon as it gives something; None if that was not in time."""
        ...

    def call(self) -> None:
        """Something came free: wake one."""
        ...


class Backend(Protocol):
    """Sockets, pauses and waiting."""

    async def dial(self, address: Address, *, tls: bool, expires_ns: int) -> Wire:
        """A new connection, over TLS if asked. Raises `UnreachableError`, or `DeadlineExceededError` (nothing sent)."""
        ...

    async def pause(self, seconds: float) -> None:
        """Let time pass: for back-off only."""
        ...

    def turn(self) -> Turn:
        """A new one."""
        ...

    def waiting_room(self) -> WaitingRoom:
        """A new one."""
        ...


def finish(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never suspends."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    message = "the blocking backend waited for a loop"
    raise RuntimeError(message)
