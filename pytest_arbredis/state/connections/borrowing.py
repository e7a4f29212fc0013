"""One connection, borrowed for a while: what redis-py's clients of `redis_context()` send goes through here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import redis.exceptions

from pytest_arbredis.state.asks import Batch, Command, Transaction
from pytest_arbredis.state.connections.commands import holds_s, kind_of, name_of
from pytest_arbredis.state.errors import MisuseError, RejectedError, StateError
from pytest_arbredis.state.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.state.asks import Ask, Plan, Reply
    from pytest_arbredis.state.connections.backend import Wire
    from pytest_arbredis.state.connections.calls import Calls
    from pytest_arbredis.state.connections.seat import Seat

T = TypeVar("T")


def _asking(ask: Ask) -> Plan[Reply]:
    return (yield ask)


class Loan:
    """Holds a seat until `end`. One command at a time: two at once would read each other's replies."""

    def __init__(self, calls: Calls, seat: Seat, *, decodes: bool) -> None:
        self._calls = calls
        self._seat: Seat | None = seat
        self._busy = False
        self.decodes = decodes

    @property
    def wire(self) -> Wire | None:
        """The present connection: another one after an error."""
        return None if self._seat is None else self._seat.wire

    async def command(self, args: Sequence[Any]) -> Reply:
        """The reply to one command, within the deadline of its kind."""
        name = name_of(args)
        try:
            return await self._run(_asking(Command(*args, blocks_s=holds_s(name, args))), kind_of(name))
        except RejectedError as error:
            if str(error.__cause__).startswith("NOSCRIPT"):  # redis-py's scripts load themselves when they hear it
                raise redis.exceptions.NoScriptError(error.cause) from error
            raise

    async def together(self, commands: Sequence[tuple[Any, ...]], *, transaction: bool) -> list[Reply]:
        """The replies to several; in a transaction an error is raised, else it stands in the list."""
        ask = Transaction(*commands) if transaction else Batch(*commands)
        replies: list[Reply] = await self._run(_asking(ask), Kind.PIPELINE)
        return replies

    async def _run(self, plan: Plan[T], kind: Kind) -> T:
        if self._seat is None:
            raise MisuseError("this client's redis_context() has ended", remedy="use it inside of the with block")
        if self._busy:
            raise MisuseError(
                "two commands at once on one redis_context()", remedy="give each thread or task a context of its own"
            )
        self._busy = True
        try:
            return await self._calls.run(plan, kind, None, self._seat)
        finally:
            self._busy = False

    def drop(self) -> None:
        """End the connection; the next command makes another one."""
        if self._seat is not None:
            self._seat.drop()

    def end(self) -> None:
        """Give the seat back; idempotent."""
        seat, self._seat = self._seat, None
        if seat is not None:
            self._calls.pool.give(seat)


class Replayed:
    """A reply that has been read, where redis-py expects a connection to read it from."""

    def __init__(self, reply: Reply, *, decodes: bool) -> None:
        self._reply = reply
        self._decodes = decodes

    def read_response(self, *, disable_decoding: bool = False) -> Reply:
        """The reply, decoded unless the command's is binary."""
        return _decoded(self._reply) if self._decodes and not disable_decoding else self._reply


class ReplayedLater(Replayed):
    """The same, for redis.asyncio."""

    async def read_response(self, *, disable_decoding: bool = False) -> Reply:
        """As `Replayed.read_response`."""
        return super().read_response(disable_decoding=disable_decoding)


def _decoded(reply: Reply) -> Reply:
    if isinstance(reply, bytes):
        return reply.decode()
    return [_decoded(one) for one in reply] if isinstance(reply, list) else reply


def first_error(replies: Sequence[Reply]) -> StateError | None:
    """The first error among a batch's replies."""
    return next((reply for reply in replies if isinstance(reply, StateError)), None)
