"""A place of the pool: with a connection, or free to make one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.connections.commands import OWN_STATE, UNTIL_EXEC, name_of

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Arg
    from pytest_arbredis.state.connections.backend import Wire


class Seat:
    """Whoever holds it may have one connection, `wire`, to the primary that was `found`, of its `generation`.

    With `watching` or `changed` the connection is in a state of its own: nobody else may have it.
    """

    __slots__ = ("changed", "found", "generation", "idle_since_ns", "watching", "wire")

    def __init__(self) -> None:
        self.wire: Wire | None = None
        self.generation = -1
        self.found = -1
        self.idle_since_ns = 0
        self.watching = False
        self.changed = False

    def mark(self, args: tuple[Arg, ...]) -> None:
        """This command is about to be sent."""
        name = args[0]
        if name in _SEEN_OFTEN:
            return
        name = name_of(args)
        if name in UNTIL_EXEC:
            self.watching = True
        elif name in {"UNWATCH", "EXEC", "DISCARD"}:
            self.watching = False
        elif name in OWN_STATE:
            self.changed = True

    def unwatch(self) -> None:
        """A transaction ended: nothing is watched any more."""
        self.watching = False

    def drop(self) -> None:
        """End the connection."""
        wire, self.wire = self.wire, None
        self.watching = self.changed = False
        if wire is not None:
            wire.end()


_SEEN_OFTEN = frozenset({"GET", "SET", "HSET", "HGETALL", "PUBLISH", "EVALSHA", "INCRBY", "DEL", "EXPIRE", "MGET"})
