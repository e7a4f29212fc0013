"""What every part of the layer needs of a connection to Redis: to run plans, and to have a line of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from pytest_arbredis.state.kinds import Kind

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Arg, Plan, Reply

T = TypeVar("T")


class Line(Protocol):
    """A connection outside of the pool, for subscriptions: sends, and reads whatever comes."""

    def send(self, *args: Arg) -> None:
        """Send a command; its replies come by `receive`. Raises `UnavailableError`."""
        ...

    def receive(self, *, within_s: float) -> Reply:
        """The next reply or push, or None if nothing came within `within_s` seconds. Raises `UnavailableError`."""
        ...

    def close(self) -> None:
        """End the connection; never raises."""
        ...


class Runs(Protocol):
    """Runs plans and waits for them: `StateRedis`."""

    def run(self, plan: Plan[T], *, kind: Kind = Kind.FAST, within_s: float | None = None) -> T:
        """The plan's result, within `within_s` seconds in total, or what its kind may take, or what is left around it.

        Raises `StateError`. The plan is closed on any way out.
        """
        ...

    def line(self, *, within_s: float | None = None) -> Line:
        """A connection of one's own to the primary."""
        ...


class AsyncLine(Protocol):
    """As `Line`, for asyncio."""

    async def send(self, *args: Arg) -> None:
        """As `Line.send`."""
        ...

    async def receive(self, *, within_s: float) -> Reply:
        """As `Line.receive`."""
        ...

    async def close(self) -> None:
        """As `Line.close`."""
        ...


class RunsAsync(Protocol):
    """Runs plans in asyncio: `AsyncStateRedis`."""

    async def run(self, plan: Plan[T], *, kind: Kind = Kind.FAST, within_s: float | None = None) -> T:
        """As `Runs.run`; a cancelled call gives its connection back, or ends it if a reply is outstanding."""
        ...

    async def line(self, *, within_s: float | None = None) -> AsyncLine:
        """As `Runs.line`."""
        ...
